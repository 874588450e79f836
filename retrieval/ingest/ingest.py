"""From one source to registry and index, so that an interruption anywhere leaves what the next run completes.

New content: (1) embed, (2) record the write, (3) stage the digests, (4) index beside the old version, (5) flip the
registry, (6) remove the old version. Until (5) the old version answers under its old access, afterwards only the new
one can, under its new access: door two compares versions, and no content ever stands under the access of another.
New access alone: see `relabel`.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from authz.resource import TenantId
from authz.schema import to_milliseconds
from retrieval.document import TITLE, DocumentRecord, PassageId
from retrieval.errors import ConflictError
from retrieval.index import IndexedPassage
from retrieval.ingest.destination import MARK, Destination, discard, floor, labels, staged, traces
from retrieval.ingest.relabel import complete, look_again, lost_to_a_removal, relabel, undo
from retrieval.ingest.source import SourceItem, Write, WriteAction
from retrieval.ingest.split import Draft, draft

Outcome = Literal["taken", "unchanged", "relabelled", "restored"]
"""`restored`: unchanged, but the index had lost it."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a source, and its record."""

    outcome: Outcome
    record: DocumentRecord


def ingest(item: SourceItem, to: Destination, follows: int | None = None) -> Ingested:
    """Bring registry and index in line with `item`; doing it again changes nothing.

    If `follows` is given, the write is made only upon that revision of the registry's record (0: none yet). Otherwise
    a conflict with another writer is tried once more, unless that writer retired the document: a removal wins.
    Raises `SourceError` if `item` cannot be ingested, `ConflictError`, and what its `Destination` raises.
    """
    prepared = draft(item, to.parse, to.capacity)
    try:
        return _attempt(item, prepared, to, follows)
    except ConflictError:
        if lost_to_a_removal(item.document, to) or follows is not None:
            raise
    try:
        return _attempt(item, prepared, to, None)
    except ConflictError:
        lost_to_a_removal(item.document, to)
        raise


def _attempt(item: SourceItem, prepared: Draft, to: Destination, follows: int | None) -> Ingested:
    record = to.registry.record(item.document)
    if follows is not None and follows != (record.revision if record else 0):
        message = "the document changed meanwhile"
        raise ConflictError(message)
    if record is None or record.status == "retired":
        return Ingested("taken", _publish(item, prepared, record, to))
    left = traces(to, record)
    _complete(record, left, to)
    # Digests of the next version are of an interrupted write: what it put into the index has to be replaced.
    if record.version + 1 in left or not _same_content(item, prepared, record, to):
        return Ingested("taken", _publish(item, prepared, record, to))
    outcome: Outcome = "unchanged"
    if (item.attributes, item.collections) != (record.attributes, record.collections):
        record = relabel(record, item.attributes, item.collections, item.actor, to, item.source)
        outcome = "relabelled"
    if not to.index.holds(record.document):
        _restore(prepared, record, to)
        outcome = "restored" if outcome == "unchanged" else outcome
    return Ingested(outcome, record)


def _complete(record: DocumentRecord, left: frozenset[int], to: Destination) -> None:
    """Do what an interrupted run left undone after its registry write."""
    if MARK in left:
        complete(record, to)
    if record.version - 1 in left - {MARK}:
        to.index.remove(record.document, floor(record))
        discard(to, record.document, record.version - 1, staged(to.registry, record.document, record.version))


def _same_content(item: SourceItem, prepared: Draft, record: DocumentRecord, to: Destination) -> bool:
    written = (record.sha256, record.title, record.passages)
    if written != (item.sha256, prepared.title, len(prepared.pieces)):
        return False
    return staged(to.registry, record.document, record.version) == prepared.digests


def _publish(item: SourceItem, prepared: Draft, record: DocumentRecord | None, to: Destination) -> DocumentRecord:
    after = _next(item, prepared, record, to)
    passages = _passages(item.tenant, prepared, to)
    action: WriteAction = "replace" if record and record.status == "active" else "create"
    with to.on_write(Write(action, item.actor, record, after)):
        _flip(after, passages, prepared, record, to)
    return after


def _flip(
    after: DocumentRecord,
    passages: Sequence[IndexedPassage],
    prepared: Draft,
    record: DocumentRecord | None,
    to: Destination,
) -> None:
    # Whoever was quicker while this was embedded has taken this version's number, and its passages must stay.
    latest = to.registry.record(after.document)
    if latest != record:
        message = "the document changed while it was embedded"
        raise ConflictError(message)
    # What an interrupted attempt staged could make passages of it admissible under this version.
    discard(to, after.document, after.version, prepared.digests)
    digests = {PassageId(after.document, after.version, ordinal): each for ordinal, each in prepared.digests.items()}
    to.registry.stage(digests)
    to.index.put(after.document, after.version, labels(after), passages)
    try:
        to.registry.put(after, record.revision if record else None)
    except ConflictError:
        undo(after, to)
        raise
    to.index.remove(after.document, floor(after))
    look_again(after, to)
    if record is not None:
        discard(to, record.document, record.version, prepared.digests)


def _next(item: SourceItem, prepared: Draft, record: DocumentRecord | None, to: Destination) -> DocumentRecord:
    return DocumentRecord(
        document=item.document,
        key=record.key if record else secrets.token_hex(16),
        version=record.version + 1 if record else MARK + 1,
        revision=record.revision + 1 if record else 1,
        title=prepared.title,
        source=item.source,
        sha256=item.sha256,
        passages=len(prepared.pieces),
        attributes=item.attributes,
        collections=item.collections,
        status="active",
        updated=to_milliseconds(to.clock()),
    )


def _passages(tenant: TenantId, prepared: Draft, to: Destination) -> Sequence[IndexedPassage]:
    vectors = to.vectors.of(tenant, prepared)
    title = IndexedPassage(TITLE, prepared.title, None)
    pairs = enumerate(zip(prepared.pieces, vectors, strict=True), start=TITLE + 1)
    return [title, *(IndexedPassage(ordinal, piece.text, vector) for ordinal, (piece, vector) in pairs)]


def _restore(prepared: Draft, record: DocumentRecord, to: Destination) -> None:
    to.index.put(record.document, record.version, labels(record), _passages(record.tenant, prepared, to))
    look_again(record, to)
