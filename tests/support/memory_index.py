"""Registry and index in memory for ingestion, which can be killed before any step, and an embedder that counts."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from authz.resource import EntityId, TenantId
from retrieval.document import DocumentRecord, PassageDigest, PassageId, text_digest
from retrieval.embedder import Vectors
from retrieval.errors import ConflictError
from retrieval.index import IndexedPassage, Labels
from retrieval.ingest.destination import Destination
from retrieval.ingest.parse import parse
from retrieval.ingest.source import Write
from retrieval.ingest.split import Draft
from retrieval.ingest.vectors import DirectVectors
from retrieval.registry import RegistryView


class KilledError(Exception):
    """The process ended here."""


@dataclass
class Steps:
    """Counts the steps taken; `kill_at` ends the process before that one, `meanwhile` and `at` act before it."""

    taken: list[str] = field(default_factory=list)
    kill_at: int | None = None
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    at: dict[int, Callable[[], object]] = field(default_factory=dict)
    watch: Callable[[], object] = field(default=lambda: None)
    """Looks at everything before each step."""

    def take(self, name: str) -> None:
        self.watch()
        if self.kill_at == len(self.taken):
            raise KilledError
        self.taken.append(name)
        self.at.pop(len(self.taken) - 1, _nothing)()
        if name in self.meanwhile:
            self.meanwhile.pop(name)()


def _nothing() -> None:
    """Do nothing."""


@dataclass
class SteppedRegistry:
    """`Registry` in dictionaries."""

    steps: Steps
    records: dict[EntityId, DocumentRecord] = field(default_factory=dict)
    digests: dict[PassageId, PassageDigest] = field(default_factory=dict)

    def get(self, passages: Sequence[PassageId]) -> RegistryView:
        documents = {passage.document for passage in passages}
        return RegistryView(
            {each: record for each, record in self.records.items() if each in documents},
            {each: self.digests[each] for each in passages if each in self.digests},
        )

    def record(self, document: EntityId) -> DocumentRecord | None:
        return self.records.get(document)

    def stage(self, digests: Mapping[PassageId, PassageDigest]) -> None:
        self.steps.take("stage")
        self.digests |= digests

    def put(self, record: DocumentRecord, expected: int | None) -> None:
        self.steps.take("registry")
        held = self.records.get(record.document)
        if (held.revision if held else None) != expected:
            message = "the document changed meanwhile"
            raise ConflictError(message)
        self.records[record.document] = record

    def unstage(self, document: EntityId, versions: Sequence[int]) -> None:
        self.steps.take("unstage")
        gone = [each for each in self.digests if each.document == document and each.version in versions]
        for each in gone:
            del self.digests[each]

    def scan(self, tenant: TenantId) -> Iterator[DocumentRecord]:
        return (record for record in self.records.values() if record.tenant == tenant)


@dataclass(frozen=True, slots=True)
class Row:
    """One version of a document in the index."""

    labels: Labels
    passages: tuple[IndexedPassage, ...]


@dataclass
class MemoryIndexWriter:
    """`IndexWriter` in dictionaries: an older revision never overwrites a newer one, and a removal wins."""

    steps: Steps = field(default_factory=Steps)
    rows: dict[EntityId, dict[int, Row]] = field(default_factory=dict)
    floors: dict[EntityId, int] = field(default_factory=dict)
    forgets: bool = False
    """As an engine that remembers a removal for a minute only."""

    def put(self, document: EntityId, version: int, labels: Labels, passages: Sequence[IndexedPassage]) -> None:
        self.steps.take("index.put")
        if not self._is_late(document, version, labels.revision):
            self.rows.setdefault(document, {})[version] = Row(labels, tuple(passages))

    def relabel(self, document: EntityId, version: int, labels: Labels) -> None:
        self.steps.take("index.relabel")
        held = self.rows.get(document, {})
        if version in held and not self._is_late(document, version, labels.revision):
            held[version] = Row(labels, held[version].passages)

    def remove(self, document: EntityId, below: int) -> None:
        self.steps.take("index.remove")
        self.floors[document] = 0 if self.forgets else max(below, self.floors.get(document, 0))
        held = self.rows.get(document, {})
        for version in [version for version, row in held.items() if row.labels.revision < below]:
            del held[version]

    def holds(self, document: EntityId) -> bool:
        return bool(self.rows.get(document))

    def _is_late(self, document: EntityId, version: int, revision: int) -> bool:
        held = self.rows.get(document, {}).get(version)
        return self.floors.get(document, 0) > revision or (held is not None and held.labels.revision > revision)


@dataclass
class CountingEmbedder:
    """`Embedder` of unit vectors made from the texts' digests."""

    model: str = "test.digest-8"
    dimensions: int = 8
    texts: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        rows = [np.frombuffer(hashlib.sha256(text.encode()).digest()[: self.dimensions], np.uint8) for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dimensions) + 1
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


@dataclass
class SteppedVectors:
    """`PassageVectors` that keep nothing and say what they were told to forget."""

    steps: Steps
    embedder: CountingEmbedder = field(default_factory=CountingEmbedder)
    forgotten: set[str] = field(default_factory=set)

    def of(self, tenant: TenantId, draft: Draft) -> Vectors:
        self.steps.take("embed")
        return DirectVectors(self.embedder).of(tenant, draft)

    def forget(self, tenant: TenantId, passages: Iterable[str]) -> None:  # noqa: ARG002 - the port's signature
        self.steps.take("forget")
        self.forgotten |= set(passages)


@dataclass
class Workshop:
    """A `Destination` over these, and what one sees when looking into it."""

    steps: Steps = field(default_factory=Steps)
    writes: list[Write] = field(default_factory=list)
    failing: Exception | None = None

    def __post_init__(self) -> None:
        self.registry = SteppedRegistry(self.steps)
        self.index = MemoryIndexWriter(self.steps)
        self.vectors = SteppedVectors(self.steps)
        self.to = Destination(self.registry, self.index, self.vectors, parse, self._on_write, now, capacity=100)

    @contextmanager
    def _on_write(self, write: Write) -> Iterator[None]:
        self.steps.take("record")
        if self.failing is not None:
            raise self.failing
        self.writes.append(write)
        yield

    def admissible(self, document: EntityId) -> list[str]:
        """Return the texts that door two would let through to a reader whom the record's attributes admit."""
        record = self.registry.records.get(document)
        if record is None or record.status != "active":
            return []
        row = self.index.rows.get(document, {}).get(record.version)
        return [
            passage.text
            for passage in (row.passages if row else ())
            if (held := self.registry.digests.get(PassageId(document, record.version, passage.ordinal)))
            and held.sha256 == text_digest(passage.text)
        ]

    def is_tidy(self, document: EntityId) -> bool:
        """Return whether registry and index agree on one version of `document` and hold nothing else of it."""
        record = self.registry.records[document]
        rows = self.index.rows.get(document, {})
        versions = {each.version for each in self.registry.digests if each.document == document}
        if record.status == "retired":
            return not rows and not versions
        complete = len(self.admissible(document)) == record.passages + 1
        labels = Labels(record.revision, record.attributes, record.collections)
        return (
            complete
            and versions == {record.version}
            and {v: row.labels for v, row in rows.items()} == {record.version: labels}
        )


def now() -> datetime:
    """Return the one instant of these tests."""
    return datetime(2026, 11, 23, 12, tzinfo=UTC)
