"""`antechamber ingest` and `delete`: documents by the deployment's own credentials; access comes from the manifest."""

from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from authz.resource import EntityId, entity_id
from retrieval.errors import SourceError
from retrieval.ingest import folder as folders
from retrieval.ingest.folder_intake import noted
from retrieval.ingest.manifest import NAME, read_manifest
from retrieval.ingest.retire import retire
from service import compose
from service.commands.operator import Operator, operator, role
from service.commands.terminal import AsJson, Exit, console, errors, print_json, told


def ingest(
    folder: Annotated[
        Path, typer.Argument(help=f"A folder of documents with its {NAME}.", exists=True, file_okay=False)
    ],
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Ingest a folder as its access manifest says; again takes only what changed. Exit code 4: some refused."""
    with told():
        summary = ingest_folder(folder, operator())
    if as_json:
        refused = [{"path": each.path, "reason": each.reason} for each in summary.refused]
        counts = {str(fate): count for fate, count in summary.counts.items()}
        print_json({"counts": counts, "refused": refused})
    else:
        print_summary(summary)
    raise typer.Exit(Exit.INCOMPLETE if summary.refused else Exit.OK)


def delete(
    document: Annotated[str, typer.Argument(metavar="DOC", help="A document's id.")],
    tenant: Annotated[str | None, typer.Option(help="Whose document it is; the first declared tenant's.")] = None,
) -> None:
    """Retire a document: registry first, so that no door opens any more; then every copy; then a probe."""
    with told():
        on = operator()
        owner = on.tenant(tenant)
        retirement = retire(entity_id(owner, document), role(), on.destination(owner))
    for step in retirement.steps:
        console.print(f"  [green]✓[/green] {step}")
    console.print(
        f"{retirement.record.document} is retired at revision {retirement.record.revision}; a tombstone stays"
    )


def ingest_folder(root: Path, on: Operator) -> folders.Summary:
    """Ingest `root` with a bar on the terminal, and return what became of it."""
    manifest = read_manifest(root / NAME, on.policies.attributes, on.policies.tenants)

    people = cache(lambda: on.uids(manifest.tenant))  # read once, and only if the manifest names somebody

    def resolve(handle: str) -> EntityId:
        if handle not in people():
            message = f'the directory of {manifest.tenant} knows nobody called "{handle}"'
            raise SourceError(message)
        return people()[handle]

    folder = folders.Folder(root, manifest, resolve, role(), f"folder:{root.resolve().name}/")
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_interactive) as bar:
        task = bar.add_task(manifest.tenant, total=None)
        events = []
        run = folders.ingest_folder(folder, on.destination(manifest.tenant))
        for event in noted(folder, run, on.intake, compose.now):
            bar.update(task, completed=event.done, total=event.total, description=escape(event.path[-40:]))
            events.append(event)
    return folders.summary(events)


def print_summary(summary: folders.Summary) -> None:
    """Print how many documents met each fate, and each that was not taken with its reason."""
    counts = ", ".join(f"{count} {fate}" for fate, count in sorted(summary.counts.items()))
    console.print(f"  {counts or 'no documents'}")
    for each in summary.refused:
        errors.print(f"  [red]{each.fate}[/red] {escape(each.path)}: {escape(each.reason or '')}", soft_wrap=True)
