"""`antechamber status`: what is registered, what can be found, what waits, and what needs a hand.

Its cost: one scan of the registry's table, one pass over the index's documents, one query of the intake. Ten thousand
documents take some seconds. Whether a document's passages are whole is what `antechamber index sweep` looks at.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from authz.resource import TenantId
from authz.schema import datetime_text
from retrieval.ingest.standing import Standing, Standings, standings
from retrieval.intake import IntakeEntry
from retrieval.queue import DeadLetter, Depth
from service import compose, compose_index
from service.commands.operator import Operator, operator
from service.commands.terminal import AsJson, Exit, console, print_json, print_line, told

_SHOWN = 10
"""Causes of trouble, changes and dead letters that are shown."""
_ALIKE = 3
"""Sources that are shown of those with one cause."""


def status(
    tenant: Annotated[str | None, typer.Option(help="Whose documents; everybody's if not said.")] = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Show what of each collection is registered, indexed, behind and refused. Exit code 4: something needs a hand."""
    with told():
        on = operator()
        tenants = [on.tenant(tenant)] if tenant else list(on.policies.tenants)
        stamps = compose_index.index(on.settings, on.policies).stamps
        found: dict[TenantId, Standings] = {}
        for each in tenants:
            on.looked_at_status(each)
            found[each] = standings(on.registry.scan(each), stamps(each), on.intake.scan(each))
        depth, dead = _queue(on)
    if as_json:
        print_json(
            {"tenants": {each: _plain(standing) for each, standing in found.items()}, "queue": _waiting(depth, dead)}
        )
    else:
        for each, standing in found.items():
            _print(each, standing)
        _print_queue(depth, dead)
    well = not (depth and depth.dead) and not any(each.whole.needs_a_hand for each in found.values())
    raise typer.Exit(Exit.OK if well else Exit.INCOMPLETE)


def _queue(on: Operator) -> tuple[Depth | None, list[DeadLetter]]:
    if on.settings.queue_url is None:
        return None, []
    queue = compose.queue(on.settings)
    depth = queue.depth()
    return depth, list(queue.dead(_SHOWN)) if depth.dead else []


def _plain(found: Standings) -> Mapping[str, object]:
    return {
        "all": _counts(found.whole),
        "collections": {name: _counts(standing) for name, standing in sorted(found.collections.items())},
        "missing": found.missing,
        "troubles": [_entry(each) for each in found.troubles],
        "latest": [_entry(each) for each in found.latest[:_SHOWN]],
    }


def _counts(standing: Standing) -> Mapping[str, int]:
    return {**asdict(standing), "behind": standing.behind}


def _entry(entry: IntakeEntry) -> Mapping[str, object]:
    return {
        "source": entry.source,
        "state": entry.state,
        "reason": entry.reason,
        "document": entry.document,
        "attempts": entry.attempts,
        "updated": datetime_text(entry.updated),
    }


def _waiting(depth: Depth | None, dead: list[DeadLetter]) -> Mapping[str, object] | None:
    return None if depth is None else {**asdict(depth), "letters": [asdict(each) for each in dead]}


def _print(tenant: TenantId, found: Standings) -> None:
    table = Table("collection", title=tenant, title_justify="left", box=None)
    for name in ("registered", "indexed", "behind", "refused", "failed"):
        table.add_column(name, justify="right")
    for name, each in [*sorted(found.collections.items()), ("all", found.whole)]:
        counts = (each.registered, each.indexed, each.behind, each.refused, each.failed)
        table.add_row(escape(name.partition("/")[2] or name), *map(str, counts))
    console.print(table)
    for document in found.missing[:_SHOWN]:
        print_line(f"  [red]not as registered[/red] {escape(document)}: hand it in again, or rebuild the index")
    print_troubles(found.troubles)
    for entry in found.latest[:_SHOWN]:
        print_line(f"  [dim]{datetime_text(entry.updated)}  {entry.state:10} {escape(entry.source)}[/dim]")


def print_troubles(troubles: Sequence[IntakeEntry]) -> None:
    """Print troubles one by one, and together those of which many have the same cause and one mend."""
    causes: dict[tuple[str, str], list[str]] = {}
    for each in troubles:
        causes.setdefault((each.state, each.reason or "no reason is known"), []).append(each.source)
    for (state, reason), sources in list(causes.items())[:_SHOWN]:
        if len(sources) <= _ALIKE:
            for source in sources:
                print_line(f"  [red]{state}[/red] {escape(source)}: {escape(reason)}")
            continue
        print_line(f"  [red]{state}[/red] {len(sources):,} of these: {escape(reason)}")
        for source in sources[:_ALIKE]:
            print_line(f"    {escape(source)}")
        print_line(f"    and {len(sources) - _ALIKE:,} more; --json lists them all")
    if len(causes) > _SHOWN:
        print_line(f"  and {len(causes) - _SHOWN:,} other causes; --json lists them all")


def _print_queue(depth: Depth | None, dead: list[DeadLetter]) -> None:
    if depth is None:
        return
    print_line(f"queue: {depth.waiting} waiting, {depth.running} being worked on, {depth.dead} dead")
    reasons = Counter(each.reason or "given up by the queue: its sources are listed as failed" for each in dead)
    for reason, count in reasons.items():
        print_line(f"  [red]dead[/red] {count} of those looked at: {escape(reason)}")
    if dead:
        print_line("  Mend the cause, then redrive the dead-letter queue, or empty it.")
