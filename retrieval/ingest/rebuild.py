"""From one index to another, while readers read and writers write: fill, compare, flip, drop.

(1) The pointer names the new index among those that are written, so that no write misses it from then on; those that
began before are given time to end. (2) Each document is copied as the registry has it, and looked at again. (3) Every
document is compared. (4) The pointer is flipped: readers have the old index whole or the new one whole. (5) Once no
request can still be reading it, the old one is written no more, dropped, and then forgotten. Whatever breaks off is
taken up again where it was.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from authz.resource import EntityId, TenantId
from retrieval.document import DocumentRecord
from retrieval.errors import SearchUnavailableError
from retrieval.index import Copy, IndexContents, IndexWriter
from retrieval.ingest.destination import floor, labels, staged
from retrieval.ingest.sweep import SETTLE, Flaw, flaws
from retrieval.pointer import IndexPointer, IndexPointers
from retrieval.registry import Registry

GRACE = 150.0
"""Seconds that a request may last, answer and all; the old index stays until then."""
_ATTEMPTS = 20
"""How often a document is copied that is being written at the same time."""

Step = Literal["create", "copy", "compare", "flip", "wait", "drop"]


class OpenIndex(IndexWriter, IndexContents, Protocol):
    """An index that can be written and looked into."""


class Engine(Protocol):
    """Makes and drops concrete indices."""

    def create(self, name: str) -> None:
        """Make an empty index."""
        ...

    def drop(self, name: str) -> None:
        """Delete an index, if it is there."""
        ...

    def exists(self, name: str) -> bool:
        """Return whether the index is there."""
        ...

    def fits(self, name: str) -> bool:
        """Return whether the index is there, and made as one of now would be."""
        ...

    def open(self, name: str) -> OpenIndex:
        """Return the index `name` to be written and looked into."""
        ...


class Nothing:
    """`IndexContents` of an index that is gone: every document of it is lost."""

    def documents(self) -> Sequence[EntityId]:
        """Return nothing."""
        return ()

    def copies(self, document: EntityId) -> Sequence[Copy]:  # noqa: ARG002 - the port's signature
        """Return nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Event:
    """How far a rebuild is; `lost` names a document of which the old index has no sound copy either."""

    step: Step
    done: int = 0
    total: int = 0
    lost: EntityId | None = None


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Fills the index `name` from the one that answers, or goes on where an earlier rebuild broke off."""

    name: str
    registry: Registry
    pointers: IndexPointers
    engine: Engine
    grace: float = GRACE
    settle: float = SETTLE
    wait: Callable[[float], None] = time.sleep

    def __call__(self, tenants: Iterable[TenantId]) -> Iterator[Event]:
        """Yield each step as it is taken. Raises `ConflictError` if somebody else moves the pointer meanwhile."""
        pointer = self.pointers.pointer()
        if pointer is None:
            yield Event("create")
            self.engine.create(self.name)
            self.pointers.point(IndexPointer(self.name, (self.name,), 1))
            return
        if pointer.gone:
            yield from self._drop(pointer)
            return
        if len(pointer.writes) == 1:
            yield Event("create")
            self.engine.create(self.name)
            pointer = self._point(pointer, writes=(*pointer.writes, self.name))
        if pointer.reads == pointer.writes[0]:
            yield from self._fill(pointer, tenants)
            yield Event("flip")
            pointer = self._point(pointer, reads=pointer.writes[-1])
        yield from self._finish(pointer)

    def _fill(self, pointer: IndexPointer, tenants: Iterable[TenantId]) -> Iterator[Event]:
        name = pointer.writes[-1]
        if not self.engine.fits(name):  # dropped meanwhile, or begun for another schema; nobody reads it yet
            yield Event("create")
            self.engine.drop(name)
            self.engine.create(name)
        yield Event("wait", total=int(self.settle))
        self.wait(self.settle)
        old = self.engine.open(pointer.reads) if self.engine.exists(pointer.reads) else Nothing()
        new = self.engine.open(name)
        documents = sorted(record.document for tenant in tenants for record in self.registry.scan(tenant))
        for done, document in enumerate(documents, start=1):
            lost = not self._copied(document, old, new)
            yield Event("copy", done, len(documents), document if lost else None)
        for done, document in enumerate(documents, start=1):
            self._compare(document, old, new)
            yield Event("compare", done, len(documents))

    def _finish(self, pointer: IndexPointer) -> Iterator[Event]:
        yield Event("wait", total=int(self.grace))
        self.wait(self.grace)
        old = tuple(name for name in pointer.writes if name != pointer.reads)
        yield from self._drop(self._point(pointer, writes=(pointer.reads,), gone=old))

    def _drop(self, pointer: IndexPointer) -> Iterator[Event]:
        for name in pointer.gone:
            yield Event("drop")
            self.engine.drop(name)
        self._point(pointer, gone=())

    def _copied(self, document: EntityId, old: IndexContents, new: OpenIndex) -> bool:
        """Copy `document` as the registry has it, until it has not moved meanwhile; return whether it is whole."""
        for _ in range(_ATTEMPTS):
            record = self.registry.record(document)
            whole = True
            if record is not None and record.status == "active":
                sound = self._sound(record, old.copies(document))
                whole = sound is not None
                if sound is not None:
                    new.put(document, record.version, labels(record), sound.passages)
            if record is not None:
                new.remove(document, floor(record))
            if self.registry.record(document) == record:
                return whole or not self._flaws(document, new)
        message = f"{document} is written again and again while it is copied: repeat the rebuild"
        raise SearchUnavailableError(message)

    def _compare(self, document: EntityId, old: IndexContents, new: OpenIndex) -> None:
        """Return if the new index has of `document` what it should, copying once more. Raises otherwise."""
        for _ in range(_ATTEMPTS):
            if not self._flaws(document, new) or self._flaws(document, old) & {"lost"}:
                return
            self._copied(document, old, new)
        message = f"{document} still differs in the new index: the old one goes on answering"
        raise SearchUnavailableError(message)

    def _flaws(self, document: EntityId, index: IndexContents) -> set[Flaw]:
        record = self.registry.record(document)
        if record is None:
            return set()
        digests = staged(self.registry, document, record.version)
        return flaws(record, index.copies(document), digests) - {"unfinished"}

    def _sound(self, record: DocumentRecord, copies: Sequence[Copy]) -> Copy | None:
        """Return a copy whose passages are those that the registry holds, whatever its labels, if there is one."""
        digests = staged(self.registry, record.document, record.version)
        wanted = [copy for copy in copies if copy.version == record.version]
        merged = Copy(record.version, labels(record), tuple(each for copy in wanted for each in copy.passages))
        return None if flaws(record, [merged], digests) else merged

    def _point(
        self,
        pointer: IndexPointer,
        reads: str | None = None,
        writes: tuple[str, ...] | None = None,
        gone: tuple[str, ...] = (),
    ) -> IndexPointer:
        moved = IndexPointer(reads or pointer.reads, writes or pointer.writes, pointer.revision + 1, gone)
        self.pointers.point(moved)
        return moved
