"""Which concrete index answers, and to which each write goes: the registry's word, never an alias of an engine.

While a second index is filled, writes go to both; the pointer is then flipped in one conditional write.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from authz.resource import EntityId
from retrieval.errors import SearchUnavailableError
from retrieval.index import IndexedPassage, IndexWriter, Labels

_ROUNDS = 5
"""How often a write follows a pointer that moved while it was made."""


@dataclass(frozen=True, slots=True)
class IndexPointer:
    """The index that answers, all that are written, how often that has changed, and what is still to be dropped."""

    reads: str
    writes: tuple[str, ...]
    revision: int
    gone: tuple[str, ...] = ()
    """Indices that are neither read nor written: named until they are dropped, so that no text stays behind."""

    def __post_init__(self) -> None:
        """Refuse what would let an index answer that no write reaches."""
        if not self.reads or self.reads not in self.writes or len(set(self.writes)) != len(self.writes):
            message = "the index that answers must be among those that are written, and none twice"
            raise ValueError(message)
        if set(self.gone) & set(self.writes):
            message = "an index that is written must not be dropped"
            raise ValueError(message)


class IndexPointers(Protocol):
    """Where the pointer is kept. Reads are strongly consistent, or raise `RegistryUnavailableError`."""

    def pointer(self) -> IndexPointer | None:
        """Return the pointer of now, or None before there is an index."""
        ...

    def point(self, pointer: IndexPointer) -> None:
        """Write `pointer` if the one there has the revision before it (1: none yet). Raises `ConflictError`."""
        ...


def pointed(pointers: IndexPointers) -> IndexPointer:
    """Return the pointer of now. Raises `SearchUnavailableError` if there is none."""
    found = pointers.pointer()
    if found is None:
        message = "the registry names no index yet: make one with `antechamber index rebuild`"
        raise SearchUnavailableError(message)
    return found


@dataclass(frozen=True, slots=True)
class PointedWriter:
    """`IndexWriter` to every index that the pointer names, and to those that it names once the write is made.

    Whoever begins to fill an index lets the pointer name it first, so that no write can miss both the filling and it.
    """

    pointers: IndexPointers
    writer: Callable[[str], IndexWriter]

    def put(self, document: EntityId, version: int, labels: Labels, passages: Sequence[IndexedPassage]) -> None:
        """Write one version of `document` to each."""
        self._each(lambda index: index.put(document, version, labels, passages))

    def relabel(self, document: EntityId, version: int, labels: Labels) -> None:
        """Replace the access attributes in each."""
        self._each(lambda index: index.relabel(document, version, labels))

    def remove(self, document: EntityId, below: int) -> None:
        """Remove from each what is older than revision `below`."""
        self._each(lambda index: index.remove(document, below))

    def holds(self, document: EntityId) -> bool:
        """Return whether any of them still holds a passage of `document`."""
        return any(self.writer(name).holds(document) for name in pointed(self.pointers).writes)

    def _each(self, write: Callable[[IndexWriter], None]) -> None:
        done: set[str] = set()
        for _ in range(_ROUNDS):
            names = set(pointed(self.pointers).writes)
            if names <= done:
                return
            for name in sorted(names - done):
                self._write(name, write)
                done.add(name)
        message = "the registry names another index again and again: repeat the write"
        raise SearchUnavailableError(message)

    def _write(self, name: str, write: Callable[[IndexWriter], None]) -> None:
        try:
            write(self.writer(name))
        except SearchUnavailableError:
            # One that was dropped meanwhile needs no write any more.
            if name in pointed(self.pointers).writes:
                raise
