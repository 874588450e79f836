"""`antechamber index`: the concrete indices in OpenSearch, of which the registry names the one that answers."""

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from retrieval.errors import RetrievalError
from retrieval.ingest.rebuild import GRACE, Rebuild
from retrieval.ingest.sweep import SETTLE, Finding, Sweep
from retrieval.pointer import IndexPointer, pointed
from service.commands.operator import Operator, operator
from service.commands.terminal import AsJson, Exit, errors, print_json, print_line, told

if TYPE_CHECKING:
    from retrieval.opensearch_indices import OpenSearchIndices

app = typer.Typer(help="The indices in OpenSearch: which answers, filling another, repairing.", no_args_is_help=True)

_SHOWN = 20
"""Findings that are listed one by one."""


@app.command()
def status(as_json: AsJson = False) -> None:  # noqa: FBT002 - a flag of the command line
    """Show which index answers, which are written, which nobody names, and whether it is as it must be."""
    with told():
        indices = _indices(operator())
        pointer, there = indices.pointers.pointer(), indices.admin.names()
        trouble = _trouble(indices) if pointer else "no index yet: `antechamber index rebuild` makes one"
    roles = {name: _role(name, pointer) for name in sorted({*there, *(pointer.writes if pointer else ())})}
    if as_json:
        print_json({"indices": roles, "missing": sorted(roles.keys() - set(there)), "trouble": trouble})
    else:
        for name, part in roles.items():
            print_line(f"{name}  {part}{'' if name in there else '  [red]missing[/red]'}")
        print_line("as it must be" if trouble is None else f"[red]{trouble}[/red]")
    raise typer.Exit(Exit.OK if trouble is None else Exit.FAILED)


@app.command()
def rebuild(
    grace: Annotated[float, typer.Option(min=0, help="Seconds that the old index stays after the flip.")] = GRACE,
    settle: Annotated[float, typer.Option(min=0, help="Seconds after which a write that began before has ended.")] = (
        SETTLE
    ),
) -> None:
    """Fill a new index while the old one answers, compare, flip, drop the old. Again goes on where it broke off.

    Exit code 4: some documents had no sound copy and must be ingested again.
    """
    lost: list[str] = []
    with told():
        on = operator()
        indices = _indices(on)
        name = f"antechamber-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        run = Rebuild(name, on.registry, indices.pointers, indices, grace, settle)
        with on.maintaining("index rebuild"), _bar() as bar:
            task = bar.add_task("rebuild", total=None)
            for event in run(on.policies.tenants):
                bar.update(task, description=event.step, completed=event.done, total=event.total or None)
                lost += [event.lost] if event.lost else []
        print_line(f"{pointed(indices.pointers).reads} answers")
    _list("no sound copy; ingest it again", lost)
    raise typer.Exit(Exit.INCOMPLETE if lost else Exit.OK)


@app.command()
def sweep(
    repair: Annotated[bool, typer.Option("--repair", help="Also repair what can be repaired.")] = False,  # noqa: FBT002 - a flag of the command line
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds after which nothing unknown is being written.")
    ] = SETTLE,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Hold each index against the registry, document by document. Exit code 4: something is wrong and not repaired."""
    found: list[tuple[str, Finding]] = []
    with told(), ExitStack() as stack:
        on = operator()
        indices = _indices(on)
        stack.enter_context(on.maintaining("index sweep"))
        bar = stack.enter_context(_bar())
        for name in pointed(indices.pointers).writes:
            index, task = indices.open(name), bar.add_task(name, total=None)
            for done, total, findings in Sweep(on.registry, index, index, repair, settle)(on.policies.tenants):
                bar.update(task, completed=done, total=total)
                found += [(name, each) for each in findings]
    _print_findings(found, as_json=as_json)
    open_ = [each for _, each in found if not each.repaired]
    raise typer.Exit(Exit.INCOMPLETE if open_ else Exit.OK)


def _print_findings(found: list[tuple[str, Finding]], *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {"index": name, "document": each.document, "flaw": each.flaw, "repaired": each.repaired}
                for name, each in found
            ]
        )
        return
    counts = Counter((each.flaw, "repaired" if each.repaired else "left") for _, each in found)
    for (flaw, fate), count in sorted(counts.items()):
        print_line(f"{count} {flaw}, {fate}")
    _list("", [f"{each.document}: {each.flaw}" for _, each in found if not each.repaired])
    if not found:
        print_line("the index is as the registry says")
    elif any(each.flaw == "lost" for _, each in found):
        print_line("what is lost comes back with the next ingestion of its folder")


def _list(what: str, lines: list[str]) -> None:
    for each in lines[:_SHOWN]:
        errors.print(f"  {each}{': ' if what else ''}{what}", markup=False, soft_wrap=True)
    if len(lines) > _SHOWN:
        errors.print(f"  … and {len(lines) - _SHOWN} more", soft_wrap=True)


def _trouble(indices: "OpenSearchIndices") -> str | None:
    try:
        indices.check()
    except RetrievalError as error:
        return str(error)
    return None


def _role(name: str, pointer: IndexPointer | None) -> str:
    if pointer is not None and name in pointer.gone:
        return "is to be dropped: `antechamber index rebuild` goes on"
    if pointer is None or name not in pointer.writes:
        return "named by nobody"
    return "answers" if name == pointer.reads else "is written beside it"


def _indices(on: Operator) -> "OpenSearchIndices":
    from service.compose_opensearch import opensearch  # noqa: PLC0415 - the client takes a third of a second to import

    return opensearch(on.settings, on.policies)


def _bar() -> Progress:
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, transient=True)
