"""`antechamber audit`: the records. Reading them is itself recorded."""

import time
from collections.abc import Mapping
from typing import Annotated

import typer

from authz.resource import tenant_id
from retrieval.audit import Json, Logged
from service.commands.operator import Operator, operator
from service.commands.terminal import AsJson, print_json, print_line, told

app = typer.Typer(help="The records; reading them is itself recorded.", no_args_is_help=True)

_PAGE = 100
_PAUSE = 1.0
"""Seconds between two looks when following."""


@app.command()
def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=1000, help="How many of the latest.")] = 20,
    tenant: Annotated[str | None, typer.Option(help="Whose records; the first declared tenant's if not said.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until Ctrl-C.")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Show the latest records of a tenant: what was asked for, when, how it was decided and how it ended."""
    with told():
        on = operator()
        owner = on.tenant(tenant)
        records = _all(on, owner, None)
        on.read_audit(owner)
        _show(records[-lines:], as_json=as_json)
        while follow:
            time.sleep(_PAUSE)
            shown = {each.receipt.id for each in records}
            records = _all(on, owner, _overlapping(records))
            _show([each for each in records if each.receipt.id not in shown], as_json=as_json)


def _all(on: Operator, tenant: str, after: str | None) -> list[Logged]:
    found: list[Logged] = []
    while page := on.audit.read(tenant_id(tenant), after, _PAGE):
        found.extend(page)
        after = page[-1].receipt.id
    return found


def _overlapping(records: list[Logged]) -> str | None:
    """Return an id two minutes before the last record's: ids tell when a request began, and it may be recorded late."""
    return f"{int(records[-1].receipt.id[:12], 16) - 120_000:012x}" if records else None


def _show(records: list[Logged], *, as_json: bool) -> None:
    if as_json:
        print_json([{"record": each.record, "closing": each.closing} for each in records])
        return
    for each in records:
        time_, event, outcome, disclosed, refused, by = _row(each.record, each.closing)
        print_line(f"{time_}  {event:13} {outcome:9}  {disclosed:>2} disclosed, {refused} refused  [dim]{by}[/dim]")


def _row(record: Mapping[str, Json], closing: Mapping[str, Json] | None) -> tuple[str, ...]:
    hits = [hit for hit in record.get("hits") or [] if isinstance(hit, Mapping)]  # type: ignore[union-attr]
    admitted = [hit for hit in hits if hit["decision"] == "admitted"]
    policies = sorted({str(policy) for hit in hits for policy in hit["policies"]})  # type: ignore[union-attr]
    outcome = closing["outcome"] if closing else record["outcome"]
    refused = len(hits) - len(admitted)
    cells = (record["time"], record["event"], outcome, len(admitted), refused)
    return (*map(str, cells), ", ".join(policies) or str(record.get("action", "")))
