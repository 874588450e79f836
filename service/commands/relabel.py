"""`antechamber relabel`: a changed access manifest holds for what was ingested, and no document is opened for it."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from authz.resource import EntityId, TenantId
from retrieval.actor import Role
from retrieval.audit import Json
from retrieval.errors import SourceError
from retrieval.ingest.folder import listed
from retrieval.ingest.manifest import NAME, read_manifest
from retrieval.ingest.relabel_folder import Relabelled, Relabelling, relabel_folder
from retrieval.record import Purpose, record_event
from service import compose
from service.commands.operator import Operator, operator, role
from service.commands.relabel_summary import Summary, summary
from service.commands.terminal import AsJson, Exit, errors, print_json, print_line, tell, told
from service.dependencies import APPLICATION

DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing: print which documents change how.")]
_TOLD = 20
"""Documents that are told one by one."""


def relabel(
    folder: Annotated[Path, typer.Argument(help=f"An ingested folder with its {NAME}.", exists=True, file_okay=False)],
    dry_run: DryRun = False,  # noqa: FBT002 - a flag of the command line
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Give what was ingested from a folder the access that its manifest states now; nothing is opened or embedded.

    Again goes on where it broke off. Exit code 3: nothing was ingested from it. 4: some keep the access they had.
    """
    with told():
        on = operator()
        found = relabel_documents(folder, on, dry_run=dry_run)
    print_json(_plain(found, dry_run=dry_run)) if as_json else _print(found, dry_run=dry_run)
    raise typer.Exit(Exit.NOTHING if not found.counts else Exit.INCOMPLETE if found.told else Exit.OK)


def relabel_documents(root: Path, on: Operator, *, dry_run: bool) -> Summary:
    """Relabel what was ingested from `root`, with a bar on the terminal, and return what became of it."""
    manifest = read_manifest(root / NAME, on.policies.attributes, on.policies.tenants)
    source = f"folder:{root.resolve().name}/"
    files = frozenset(listed(root))
    people = People(on, manifest.tenant)
    run = Relabelling(manifest, people.resolve, role(), source, files, dry_run)
    if dry_run:
        _record_look(on, manifest.tenant)
    events = _watched(relabel_folder(run, on.destination(manifest.tenant)), manifest.tenant)
    return summary(events, on.policies.attributes.document, people.handles)


@dataclass
class People:
    """Everybody in a tenant: read once, and only if a manifest names somebody."""

    on: Operator
    tenant: TenantId

    @cached_property
    def uids(self) -> Mapping[str, EntityId]:
        """Everybody's uid, by handle."""
        return self.on.uids(self.tenant)

    def resolve(self, handle: str) -> EntityId:
        """Return the uid of `handle`. Raises `SourceError` if the directory knows nobody called so."""
        if handle not in self.uids:
            message = f'the directory of {self.tenant} knows nobody called "{handle}"'
            raise SourceError(message)
        return self.uids[handle]

    def handles(self) -> Mapping[str, str]:
        """Return everybody's handle, qualified as in a manifest, by uid."""
        return {uid: f"{self.tenant}/{handle}" for handle, uid in self.uids.items()}


def _record_look(on: Operator, tenant: TenantId) -> None:
    """Record that an operator looks at the access of a folder's documents; what is written is recorded as a write."""
    purpose = Purpose("operator-view", secrets.token_hex(8), APPLICATION)
    details: dict[str, Json] = {"action": "relabel-dry-run"}
    record_event(Role(tenant, role()), purpose, on.policies, compose.now(), "complete", details, on.audit, {})


def _watched(run: Iterable[Relabelled], title: str) -> Iterator[Relabelled]:
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(title, total=None)
        for event in run:
            bar.update(task, completed=event.done, total=event.total)
            yield event


class Rate(ProgressColumn):
    """Documents a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, once there is one."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _print(summary: Summary, *, dry_run: bool) -> None:
    for change in summary.changes:
        examples = ", ".join(change.examples) + (", …" if change.documents > len(change.examples) else "")
        print_line(
            escape(f"{change.documents:>8,}  {change.attribute}: {change.before} → {change.after}  ({examples})")
        )
    for each in summary.told[:_TOLD]:
        tell(f"{each.path}: {each.reason}", each.fate, "yellow")
    if len(summary.told) > _TOLD:
        tell(f"{len(summary.told) - _TOLD:,} more; --json lists them", "and", "yellow")
    counts = ", ".join(f"{count:,} {fate}" for fate, count in sorted(summary.counts.items()))
    said = counts or "nothing of this folder is registered: `antechamber ingest` takes it"
    print_line(f"{said}{' (a dry run: nothing is changed)' if dry_run else ''}")


def _plain(summary: Summary, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "counts": dict(summary.counts),
        "changes": [
            {
                "attribute": each.attribute,
                "before": each.before,
                "after": each.after,
                "documents": each.documents,
                "examples": list(each.examples),
            }
            for each in summary.changes
        ],
        "told": [{"path": each.path, "fate": each.fate, "reason": each.reason} for each in summary.told],
    }
