"""Several concrete indices in memory, passage by passage, and the pointer: all that a rebuild and a sweep work on."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache

from authz.resource import EntityId, TenantId
from retrieval.document import TITLE, text_digest
from retrieval.errors import ConflictError, SearchUnavailableError
from retrieval.index import Copy, IndexedPassage, Labels
from retrieval.ingest.destination import Destination, staged
from retrieval.ingest.ingest import Ingested, ingest
from retrieval.ingest.parse import parse
from retrieval.ingest.rebuild import Event, Rebuild
from retrieval.ingest.retire import retire
from retrieval.ingest.source import SourceItem
from retrieval.ingest.sweep import Finding, Sweep
from retrieval.pointer import IndexPointer, PointedWriter
from tests.support.memory_index import SteppedRegistry, SteppedVectors, Steps, now

ACME = TenantId("acme")
OLD, NEW = "antechamber-old", "antechamber-new"
_Key = tuple[EntityId, int, int]


@dataclass
class MemoryIndex:
    """`IndexWriter` and `IndexContents`, with the versions of OpenSearch: a removal is remembered until `forget`."""

    steps: Steps
    rows: dict[_Key, tuple[Labels, IndexedPassage]] = field(default_factory=dict)
    written: dict[_Key, int] = field(default_factory=dict)
    """The external version of each passage, also of one that was removed."""
    is_dropped: bool = False

    def put(self, document: EntityId, version: int, labels: Labels, passages: Sequence[IndexedPassage]) -> None:
        for passage in passages:
            self._write((document, version, passage.ordinal), labels, passage)
        last = max((passage.ordinal for passage in passages), default=-1)
        beyond = [at for at in self._of(document) if at[1] == version and at[2] > last]
        self._remove([at for at in beyond if self.rows[at][0].revision <= labels.revision], 2 * labels.revision)

    def relabel(self, document: EntityId, version: int, labels: Labels) -> None:
        found = [(at, *self.rows[at]) for at in self._of(document) if at[1] == version]
        for at, former, passage in found:
            if former.revision <= labels.revision:
                self._write(at, labels, passage)

    def remove(self, document: EntityId, below: int) -> None:
        self._remove([at for at in self._of(document) if self.rows[at][0].revision < below], 2 * below - 1)

    def holds(self, document: EntityId) -> bool:
        return bool(self._of(document))

    def documents(self) -> Sequence[EntityId]:
        return sorted({document for document, _, _ in self.rows})

    def copies(self, document: EntityId) -> Sequence[Copy]:
        found: dict[tuple[int, int, str], tuple[Labels, list[IndexedPassage]]] = {}
        for at in self._of(document):
            labels, passage = self.rows[at]
            found.setdefault((at[1], labels.revision, repr(labels)), (labels, []))[1].append(passage)
        return [Copy(version, labels, tuple(held)) for (version, _, _), (labels, held) in sorted(found.items())]

    def forget(self) -> None:
        """Forget all removals, as OpenSearch does after a minute."""
        self.written = {at: version for at, version in self.written.items() if at in self.rows}

    def _of(self, document: EntityId) -> list[_Key]:
        if self.is_dropped:
            message = "no such index"
            raise SearchUnavailableError(message)
        return sorted(at for at in self.rows if at[0] == document)

    def _write(self, at: _Key, labels: Labels, passage: IndexedPassage) -> None:
        self.steps.take("index.row")
        self._of(at[0])
        if self.written.get(at, 0) <= 2 * labels.revision:
            self.written[at] = 2 * labels.revision
            self.rows[at] = (labels, passage)

    def _remove(self, found: Iterable[_Key], version: int) -> None:
        for at in found:
            self.steps.take("index.removal")
            if self.written.get(at, 0) <= version:
                self.written[at] = version
                self.rows.pop(at, None)


@dataclass
class MemoryIndices:
    """`Engine` of a rebuild: makes and drops indices, none twice."""

    steps: Steps
    held: dict[str, MemoryIndex] = field(default_factory=dict)
    misfits: set[str] = field(default_factory=set)

    def create(self, name: str) -> None:
        self.steps.take("create")
        if name in self.held:
            message = "it is there already"
            raise SearchUnavailableError(message)
        self.held[name] = MemoryIndex(self.steps)
        self.misfits.discard(name)

    def drop(self, name: str) -> None:
        self.steps.take("drop")
        if name in self.held:
            self.held.pop(name).is_dropped = True

    def exists(self, name: str) -> bool:
        return name in self.held

    def fits(self, name: str) -> bool:
        return name in self.held and name not in self.misfits

    def open(self, name: str) -> MemoryIndex:
        return self.held.get(name) or MemoryIndex(self.steps, is_dropped=True)


@cache
def _furnished(names: tuple[str, ...], retired: tuple[str, ...]) -> "House":
    made = House(*names)
    for name in retired:
        made.retire(name)
    made.steps.taken.clear()
    return made


def furnished(*names: str, retired: tuple[str, ...] = ()) -> "House":
    """Return a house with documents of these names, of which some were retired; made once, and copied."""
    return deepcopy(_furnished(names, retired))


@dataclass
class MemoryPointers:
    """`IndexPointers`."""

    steps: Steps = field(default_factory=Steps)
    held: IndexPointer | None = None

    def pointer(self) -> IndexPointer | None:
        return self.held

    def point(self, pointer: IndexPointer) -> None:
        self.steps.take("point")
        if (self.held.revision if self.held else 0) != pointer.revision - 1:
            message = "somebody else moved it"
            raise ConflictError(message)
        self.held = pointer


class House:
    """A deployment in memory: its registry, its indices, its pointer, and whatever writes."""

    def __init__(self, *names: str) -> None:
        self.steps = Steps()
        self.registry, self.indices = SteppedRegistry(self.steps), MemoryIndices(self.steps)
        self.pointers = MemoryPointers(self.steps)
        writer = PointedWriter(self.pointers, self.indices.open)
        vectors = SteppedVectors(self.steps)
        self.to = Destination(self.registry, writer, vectors, parse, lambda _: nullcontext(), now, capacity=40)
        self.rebuild(OLD)
        for name in names:
            self.ingest(name, f"# {name}\n\nFirst text of {name}.\n\nAnother paragraph of it, long enough.")
        self.steps.taken.clear()

    @property
    def answering(self) -> MemoryIndex:
        """The index that answers."""
        assert self.pointers.held
        return self.indices.held[self.pointers.held.reads]

    def ingest(self, name: str, text: str, classification: int = 0) -> Ingested:
        item = SourceItem(
            tenant=ACME,
            name=name,
            content=text.encode(),
            media_type="text/plain",
            title=None,
            source=f"folder:{name}",
            attributes={"tenant": "acme", "classification": classification},
            collections=frozenset({"acme/company"}),
            actor="role:test",
        )
        return ingest(item, self.to)

    def retire(self, name: str) -> None:
        retire(EntityId(f"acme/{name}"), "role:test", self.to)

    def rebuild(self, name: str = NEW) -> list[Event]:
        return list(self.rebuilding(name))

    def rebuilding(self, name: str = NEW) -> Iterator[Event]:
        run = Rebuild(name, self.registry, self.pointers, self.indices, 1, 1, lambda _: self.steps.take("wait"))
        return run([ACME])

    def sweep(self, *, repair: bool = False) -> list[Finding]:
        """Hold the index that answers against the registry."""
        index = self.answering
        run = Sweep(self.registry, index, index, repair, 1, lambda _: self.steps.take("wait"))
        return [each for *_, found in run([ACME]) for each in found]

    def is_whole(self) -> bool:
        """Return whether every active document can be read in full from the index that answers."""
        return all(
            self._texts(record.document, record.version) == self._digests(record.document, record.version)
            for record in self.registry.records.values()
            if record.status == "active"
        )

    def shown(self) -> dict[EntityId, list[str]]:
        """Return the texts, titles apart, that can be read of every active document."""
        return {
            record.document: [
                passage.text
                for (document, version, ordinal), (_, passage) in sorted(self.answering.rows.items())
                if (document, version) == (record.document, record.version) and ordinal != TITLE
            ]
            for record in self.registry.records.values()
            if record.status == "active"
        }

    def _texts(self, document: EntityId, version: int) -> dict[int, str]:
        rows = self.answering.rows.items()
        return {at[2]: text_digest(passage.text) for at, (_, passage) in rows if at[:2] == (document, version)}

    def _digests(self, document: EntityId, version: int) -> dict[int, str]:
        return {ordinal: each.sha256 for ordinal, each in staged(self.registry, document, version).items()}
