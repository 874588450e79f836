"""`/operate`: for operators. Health, the running policies, alarms, and what an answer was refused."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request, Response

from retrieval.admission import ALARMS
from service.errors import NotFoundError
from service.request import Authenticated
from service.web.authority import authorized
from service.web.chronicle import Row, read_latest, row_of
from service.web.records import Decided, decisions
from service.web.replay import find_record, is_record_id, personal_of, replay
from service.web.route import PageRoute
from service.web.visiting import Visiting

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that must not happen, and did: how often lately, and in which record last."""

    refusal: str
    meaning: str
    times: int
    last: Row


_MEANING = {
    "disagreement": "Door one found what door two denies, at the same revision: the filter and the decision disagree.",
    "altered": "A text in the index is not the one whose digest the registry holds.",
    "unregistered": "The index holds what the registry does not know.",
    "foreign": "The index returned a hit of another tenant.",
    "misfit": "A record of the registry does not fit the schema.",
    "malformed": "The index returned a hit without an id, version, revision or ordinal.",
}


@router.get("/operate")
def show_operate(request: Request, visiting: Visiting, call: Authenticated) -> Response:
    """Show health, policies and the latest alarms."""
    principal = authorized(visiting, "operate", {})
    since, latest = read_latest(call.on.stores.audit, principal.tenant, call.now, call.deadline)
    values = {
        **visiting.frame(principal, "operate"),
        "health": sorted(request.app.state.readiness().items()),
        "digest": call.policies.digest,
        "policies": sorted(call.policies.policies.values(), key=lambda each: (each.place.split(":")[0], each.id)),
        "alarms": _alarms(latest.rows),
        "alarming": ALARMS,
        "refused": _refused(latest.rows),
        "answers": [each for each in latest.rows if each.event in {"answer", "search"}][:_SHOWN],
        "since": since,
        "whole": latest.whole,
    }
    return visiting.web.pages.page("operate.html", values)


_SHOWN = 30


@router.get("/operate/{receipt}")
def show_operated(receipt: str, visiting: Visiting, call: Authenticated) -> Response:
    """Show what one retrieval found and was refused, by the ids of documents; never their text or titles."""
    principal = authorized(visiting, "operate", {"record": receipt if is_record_id(receipt) else None})
    logged = find_record(call.on.stores.audit, principal.tenant, receipt)
    if logged is None:
        raise NotFoundError
    archive = visiting.web.views.archive
    again = replay(logged, personal_of(archive, logged), archive, call.policies)
    names = {each.key: each.document for each in call.on.stores.registry.scan(principal.tenant)}
    values = {
        **visiting.frame(principal, "operate"),
        "row": row_of(logged),
        "decided": [_named(each, names) for each in decisions(logged, again)],
        "meaning": _MEANING,
    }
    return visiting.web.pages.page("operated.html", values)


def _named(decided: Decided, names: Mapping[str, str]) -> Decided:
    return replace(
        decided, document=names.get(decided.document, decided.document).partition("/")[2] or decided.document
    )


def _alarms(rows: Sequence[Row]) -> Sequence[Alarm]:
    found = []
    for refusal in sorted(ALARMS, key=lambda each: (each != "disagreement", each)):
        where = [each for each in rows if refusal in each.alarms]
        if where:
            found.append(Alarm(refusal, _MEANING[refusal], len(where), where[0]))
    return found


def _refused(rows: Sequence[Row]) -> Sequence[tuple[str, int]]:
    """Return what was refused at door two in this tenant, by cause: a process's counters count all tenants'."""
    return sorted(Counter(refusal for row in rows for refusal in row.refusals).items())
