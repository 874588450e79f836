"""From new access of a registered document to registry and index: no source is opened and nothing is embedded.

(1) Record the write, (2) mark, (3) the registry, (4) the index, (5) look whether somebody else was quicker, (6) unmark.
From (3) on door two decides by the new access; what an interruption leaves is told by the mark, and completed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from authz.resource import Attributes, EntityId
from authz.schema import to_milliseconds
from retrieval.document import TITLE, DocumentRecord, PassageDigest, PassageId, text_digest
from retrieval.errors import ConflictError
from retrieval.index import MAX_HITS
from retrieval.ingest.destination import MARK, Destination, floor, forget, labels
from retrieval.ingest.source import Write
from retrieval.registry import RegistryView


def relabel(
    record: DocumentRecord,
    attributes: Attributes,
    collections: frozenset[str],
    actor: str,
    to: Destination,
    source: str | None = None,
) -> DocumentRecord:
    """Give the document of `record` this access and return its new record; `source`: who states it from now on.

    Raises `ConflictError` if the document has changed since `record` was read, and what `to` raises.
    """
    after = replace(
        record,
        revision=record.revision + 1,
        attributes=attributes,
        collections=collections,
        source=source or record.source,
        updated=to_milliseconds(to.clock()),
    )
    mark = PassageDigest(record.content, text_digest(record.title), 0, 0)
    with to.on_write(Write("relabel", actor, record, after)):
        to.registry.stage({_mark(record.document): mark})
        to.registry.put(after, record.revision)
        to.index.relabel(record.document, record.version, labels(after))
        look_again(after, to)
        to.registry.unstage(record.document, [MARK])
    return after


def complete(record: DocumentRecord, to: Destination) -> None:
    """Do what an interrupted relabel left undone after its registry write; only where the mark is there."""
    to.index.relabel(record.document, record.version, labels(record))
    to.registry.unstage(record.document, [MARK])


def marked(documents: Sequence[EntityId], to: Destination) -> tuple[Mapping[EntityId, DocumentRecord], set[EntityId]]:
    """Return the records of at most `MAX_HITS` `documents` as they are now, and which of these bear the mark."""
    if len(documents) > MAX_HITS:
        message = f"{len(documents)} documents; one consistent read takes {MAX_HITS}"
        raise ValueError(message)
    view: RegistryView = to.registry.get([_mark(each) for each in documents])
    return view.records, {passage.document for passage in view.passages}


def look_again(written: DocumentRecord, to: Destination) -> None:
    """Bring the index in line again if the registry has moved on since `written`. Raises `ConflictError` then."""
    latest = to.registry.record(written.document)
    if latest is not None and latest.revision == written.revision:
        return
    if latest is not None and latest.status == "active" and latest.version == written.version:
        # The same content under newer access, of a writer who may not have reached the index yet: were its rows taken
        # away here, that writer would find none to relabel.
        to.index.relabel(latest.document, latest.version, labels(latest))
    else:
        undo(written, to)
    message = "the document changed while it was written"
    raise ConflictError(message)


def undo(written: DocumentRecord, to: Destination) -> None:
    """Take out of the index what the registry's record of now has left behind."""
    latest = to.registry.record(written.document)
    if latest is not None:
        to.index.remove(written.document, floor(latest))


def lost_to_a_removal(document: EntityId, to: Destination) -> bool:
    """Return whether `document` is retired; then take out of the index what was written beside its removal."""
    latest = to.registry.record(document)
    if latest is None or latest.status != "retired":
        return False
    to.index.remove(latest.document, floor(latest))
    forget(to, latest)
    return True


def _mark(document: EntityId) -> PassageId:
    return PassageId(document, MARK, TITLE)
