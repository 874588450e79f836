"""Where ingestion writes to, and the two questions it asks there again and again."""

from collections.abc import Mapping
from dataclasses import dataclass

from authz.resource import EntityId, tenant_of
from retrieval.deadline import Clock
from retrieval.document import TITLE, DocumentRecord, PassageDigest, PassageId
from retrieval.index import MAX_HITS, IndexWriter, Labels
from retrieval.ingest.parse import Parse
from retrieval.ingest.source import OnWrite
from retrieval.ingest.split import CAPACITY
from retrieval.ingest.vectors import PassageVectors
from retrieval.registry import Registry

MARK = 0
"""Contents count from version 1. A title staged as version 0 says that a relabel has not reached the index yet."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Registry, index and vectors of one deployment; `on_write` records each write, before and after it is made."""

    registry: Registry
    index: IndexWriter
    vectors: PassageVectors
    parse: Parse
    """In a deployment a `ParserProcess`."""
    on_write: OnWrite
    clock: Clock
    capacity: int = CAPACITY
    """The most characters that a passage may have."""


def staged(registry: Registry, document: EntityId, version: int) -> Mapping[int, PassageDigest]:
    """Return the digests that the registry holds of `version` of `document`, by ordinal."""
    found: dict[int, PassageDigest] = {}
    start = TITLE
    while True:
        asked = [PassageId(document, version, ordinal) for ordinal in range(start, start + MAX_HITS)]
        held = registry.get(asked).passages
        found |= {passage.ordinal: digest for passage, digest in held.items()}
        start += MAX_HITS
        if len(held) < MAX_HITS:
            return found


def neighbours(record: DocumentRecord) -> list[int]:
    """Return the versions beside that of `record` of which an interrupted write may have left digests."""
    return [version for version in (record.version - 1, record.version + 1) if version > MARK]


def traces(to: Destination, record: DocumentRecord) -> frozenset[int]:
    """Return which of `MARK` and the neighbours of `record` have digests: what an interrupted write left."""
    asked = [
        PassageId(record.document, version, ordinal)
        for version in (MARK, *neighbours(record))
        for ordinal in (TITLE, TITLE + 1)
    ]
    return frozenset(passage.version for passage in to.registry.get(asked).passages)


def discard(to: Destination, document: EntityId, version: int, kept: Mapping[int, PassageDigest]) -> None:
    """Drop the digests of `version`, and the vectors of its passages unless they are among those `kept`."""
    old = {digest.sha256 for digest in staged(to.registry, document, version).values()}
    to.vectors.forget(tenant_of(document), sorted(old - {digest.sha256 for digest in kept.values()}))
    to.registry.unstage(document, [version])


def forget(to: Destination, record: DocumentRecord) -> None:
    """Drop all digests and vectors of a retired `record`, also those that an interrupted write left."""
    for version in (MARK, record.version, *neighbours(record)):
        discard(to, record.document, version, {})


def labels(record: DocumentRecord) -> Labels:
    """Return the access attributes of `record` as an index copies them."""
    return Labels(record.revision, record.attributes, record.collections)


def floor(record: DocumentRecord) -> int:
    """Return the revision below which nothing of `record` may be in an index; of a retired one, nothing at all."""
    return record.revision + 1 if record.status == "retired" else record.revision
