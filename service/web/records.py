"""`/records`: for auditors. Each look is authorized by a policy and is itself a record."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response

from retrieval.audit import Logged
from service.errors import NotFoundError
from service.request import Authenticated
from service.web.authority import authorized
from service.web.chronicle import Row, hits_of, read_day, row_of
from service.web.replay import Replay, find_record, is_record_id, personal_of, replay
from service.web.route import PageRoute
from service.web.visiting import Visiting
from service.web.why import condition_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_SHOWN = 500
"""Rows of one page, which leads to the others."""
Chosen = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Decided:
    """A hit's decision, with what the policies that determined it say."""

    document: str
    ordinal: str
    revision: str
    decision: str
    policies: Sequence[tuple[str, str]]


@router.get("/records")
def show_records(
    visiting: Visiting, call: Authenticated, day: date | None = None, event: Chosen = "", outcome: Chosen = "",
    policy: Chosen = "", after: Chosen = "", before: Chosen = "",
) -> Response:  # fmt: skip
    """Show the records of a day; `after` the id of one of them, where there are more than one page looks at.

    Of those it looks at, the latest are listed; `before` the id of one of them, where there are more.
    """
    chosen = day or call.now.date()
    principal = authorized(visiting, "readAudit", {"day": chosen.isoformat()})
    begin = after if is_record_id(after) else ""
    whole = read_day(call.on.stores.audit, principal.tenant, chosen, call.deadline, begin)

    def wanted(row: Row) -> bool:
        return event in {"", row.event} and outcome in {"", row.outcome} and policy in {"", *row.policies}

    found, until = whole.only(wanted), before if is_record_id(before) else ""
    rows = [each for each in found.rows if not until or each.id < until]
    values = {
        **visiting.frame(principal, "records"),
        "day": found,
        "rows": rows[:_SHOWN],
        "after": begin,
        "before": until,
        "earlier": rows[_SHOWN - 1].id if len(rows) > _SHOWN else None,
        "hours": found.hours(),
        "events": sorted({each.event for each in whole.rows} | {event} - {""}),
        "outcomes": sorted({each.outcome for each in whole.rows} | {outcome} - {""}),
        "policies": sorted({each for row in whole.rows for each in row.policies} | {policy} - {""}),
        "chosen": {"event": event, "outcome": outcome, "policy": policy},
    }
    return visiting.web.pages.page("records.html", values)


@router.get("/records/{receipt}")
def show_record(receipt: str, visiting: Visiting, call: Authenticated) -> Response:
    """Show one record in full, with what decided it derived anew."""
    principal = authorized(visiting, "readAudit", {"record": receipt if is_record_id(receipt) else None})
    logged = find_record(call.on.stores.audit, principal.tenant, receipt)
    if logged is None:
        raise NotFoundError
    archive = visiting.web.views.archive
    again = replay(logged, personal_of(archive, logged), archive, call.policies)
    values = {
        **visiting.frame(principal, "records"),
        "row": row_of(logged),
        "record": json.dumps(logged.record, indent=2, ensure_ascii=False, sort_keys=True),
        "closing": json.dumps(logged.closing, indent=2, sort_keys=True) if logged.closing else None,
        "decided": decisions(logged, again),
        "again": again,
        "digest": logged.record["policies"],
        "running": call.policies.digest,
        "condition": condition_of(again, "the person"),
    }
    return visiting.web.pages.page("record.html", values)


def decisions(logged: Logged, again: Replay) -> Sequence[Decided]:
    """Return every hit's decision, refused ones too."""
    reasons = again.policies.policies if again.policies else {}
    found = []
    for hit in hits_of(logged.record):
        ids = [str(each) for each in hit["policies"] or ()]  # type: ignore[union-attr]  # a list, by the format
        policies = [(each, reasons[each].reason if each in reasons else "") for each in ids]
        document, ordinal, revision = (str(hit[name] or "unknown") for name in ("document", "ordinal", "revision"))
        found.append(Decided(document, ordinal, revision, str(hit["decision"]), policies))
    return found
