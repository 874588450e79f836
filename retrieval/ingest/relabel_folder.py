"""From a folder's access manifest to the access of what was ingested from it: one event for each document.

The manifest and the names of the folder's files are all that is read of it. Registered documents are looked at in
portions of one consistent read each, and written by `relabel` only where their access differs, so that a second run
skips what is done and completes what the first broke off. They come in the order of their paths: which of two accesses
is the narrower one depends on the policies and on who asks, and no order by it would be true of everybody.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Literal

from authz.errors import ResourceError
from authz.resource import EntityId, entity_id
from retrieval.document import DocumentRecord
from retrieval.errors import ConflictError, SourceError
from retrieval.index import MAX_HITS
from retrieval.ingest.destination import Destination
from retrieval.ingest.manifest import NAME, Access, Manifest, Resolve
from retrieval.ingest.relabel import complete, lost_to_a_removal, marked, relabel

Fate = Literal["relabelled", "completed", "unchanged", "kept", "conflict", "gone"]
"""`completed`: an interrupted run had left its index behind. `kept`: the manifest gives it no access, so that it keeps
what it has. `gone`: retired, or taken from elsewhere, since the run began."""

_NOT_THERE = f"not in the folder, and {NAME} does not name it: it keeps its access; retire it with `antechamber delete`"


@dataclass(frozen=True, slots=True)
class Relabelling:
    """A manifest that is to hold for what was ingested from its folder, and who makes it so."""

    manifest: Manifest
    resolve: Resolve
    actor: str
    source: str
    """The beginning of the source URIs of what came from this folder."""
    files: Collection[str] = field(repr=False)
    """The paths that are in the folder. What is neither there nor named by the manifest may be of another folder."""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Relabelled:
    """What became of one document, and how many of how many are done."""

    path: str
    fate: Fate
    reason: str | None
    done: int
    total: int
    before: DocumentRecord | None = None
    access: Access | None = None
    """With `before`, where the fate is `relabelled`: the access that it has now, or, in a dry run, would have."""


Covered = tuple[str, EntityId, Access]
_Decided = tuple[Fate, str | None, DocumentRecord | None]


def relabel_folder(run: Relabelling, to: Destination) -> Iterator[Relabelled]:
    """Yield what became of each document that was ingested from the folder of `run`; a conflict stops no other.

    A dependency that fails does stop it: the next run continues. Raises what `to` raises but `ConflictError`.
    """
    registered = sorted(_registered(run, to))
    total, done = len(registered), count(1)
    covered: list[Covered] = []
    for path, document in registered:
        access, reason = _access(path, document, run)
        if access is None:
            yield Relabelled(path, "kept", reason, next(done), total)
        else:
            covered.append((path, document, access))
    for portion in _portions(covered):
        for (path, _, access), (fate, reason, before) in _decide(portion, run, to):
            yield Relabelled(path, fate, reason, next(done), total, before, access)


def _registered(run: Relabelling, to: Destination) -> Iterator[tuple[str, EntityId]]:
    for record in to.registry.scan(run.manifest.tenant):
        if record.status == "active" and record.source.startswith(run.source):
            yield record.source.removeprefix(run.source), record.document


def _access(path: str, document: EntityId, run: Relabelling) -> tuple[Access | None, str | None]:
    if path not in run.files and path not in run.manifest.documents:
        return None, _NOT_THERE
    try:
        access = run.manifest.access(path, run.resolve)
        if entity_id(run.manifest.tenant, access.name) == document:
            return access, None
    except (SourceError, ResourceError) as error:
        return None, f"it keeps its access: {error}"
    return None, f'{NAME} gives this path the id "{access.name}" now: {document} keeps its access; retire or ingest it'


def _portions(covered: Sequence[Covered]) -> Iterator[Sequence[Covered]]:
    left = iter(covered)
    while portion := list(islice(left, MAX_HITS)):
        yield portion


def _decide(portion: Sequence[Covered], run: Relabelling, to: Destination) -> Iterator[tuple[Covered, _Decided]]:
    records, marks = marked([document for _, document, _ in portion], to)
    for at in portion:
        # A mark is rare, and of a writer that may be at work this moment: look at it as late as can be.
        record, mark = _now(at, to) if at[1] in marks and not run.dry_run else (records.get(at[1]), at[1] in marks)
        yield at, _one(at, record, run, to, mark=mark)


def _now(at: Covered, to: Destination) -> tuple[DocumentRecord | None, bool]:
    records, marks = marked([at[1]], to)
    return records.get(at[1]), at[1] in marks


def _one(at: Covered, record: DocumentRecord | None, run: Relabelling, to: Destination, *, mark: bool) -> _Decided:
    try:
        return _attempt(at, record, run, to, mark=mark)
    except ConflictError:
        if lost_to_a_removal(at[1], to):
            return "gone", None, record
    record, mark = _now(at, to)
    try:
        return _attempt(at, record, run, to, mark=mark)
    except ConflictError as error:
        if lost_to_a_removal(at[1], to):
            return "gone", None, record
        return "conflict", f"{error}: repeat the command", record


def _attempt(at: Covered, record: DocumentRecord | None, run: Relabelling, to: Destination, *, mark: bool) -> _Decided:
    path, _, access = at
    if record is None or record.status != "active" or record.source != run.source + path:
        return "gone", None, record
    if (access.attributes, access.collections) != (record.attributes, record.collections):
        if not run.dry_run:
            relabel(record, access.attributes, access.collections, run.actor, to)
        return "relabelled", None, record
    if mark and not run.dry_run:
        complete(record, to)
    return "completed" if mark else "unchanged", None, record
