"""The pointer: no index answers that is not written, and no write misses an index that is being filled."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from authz.resource import EntityId
from retrieval.errors import RegistryUnavailableError, SearchUnavailableError
from retrieval.index import IndexedPassage, IndexWriter, Labels
from retrieval.pointer import IndexPointer, PointedWriter, pointed
from tests.support.memory_index import Steps
from tests.support.memory_indices import NEW, OLD, MemoryIndex, MemoryIndices, MemoryPointers

DOCUMENT = EntityId("acme/a")
LABELS = Labels(1, {}, frozenset())
PASSAGES = [IndexedPassage(0, "title", None)]
WRITES: dict[str, Callable[[IndexWriter], None]] = {
    "put": lambda writer: writer.put(DOCUMENT, 1, LABELS, PASSAGES),
    "relabel": lambda writer: writer.relabel(DOCUMENT, 1, replace(LABELS, revision=2)),
    "remove": lambda writer: writer.remove(DOCUMENT, 2),
}


@pytest.mark.parametrize(
    ("reads", "writes", "gone"),
    [
        (OLD, (), ()),
        (OLD, (NEW,), ()),
        ("", ("",), ()),
        (OLD, (OLD, OLD), ()),
        (OLD, (OLD,), (OLD,)),
        (OLD, (OLD, NEW), (NEW,)),
    ],
)
def test_index_that_no_write_reaches_or_that_is_dropped_cannot_answer(
    reads: str, writes: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match="must"):
        IndexPointer(reads, writes, 1, gone)


def test_without_a_pointer_nothing_is_read_or_written_and_the_mend_is_named() -> None:
    with pytest.raises(SearchUnavailableError, match="antechamber index rebuild"):
        pointed(MemoryPointers())
    writer = PointedWriter(MemoryPointers(), MemoryIndices(Steps()).open)
    for write in WRITES.values():
        with pytest.raises(SearchUnavailableError, match="antechamber index rebuild"):
            write(writer)


def two() -> tuple[MemoryIndices, MemoryPointers, PointedWriter]:
    steps = Steps()
    indices = MemoryIndices(steps, {OLD: MemoryIndex(steps), NEW: MemoryIndex(steps)})
    pointers = MemoryPointers(steps, IndexPointer(OLD, (OLD, NEW), 1))
    return indices, pointers, PointedWriter(pointers, indices.open)


def revisions(indices: MemoryIndices) -> dict[str, list[int]]:
    return {name: [labels.revision for labels, _ in index.rows.values()] for name, index in indices.held.items()}


def test_every_write_goes_to_every_index_that_is_named() -> None:
    indices, _, writer = two()
    WRITES["put"](writer)
    assert revisions(indices) == {OLD: [1], NEW: [1]}
    WRITES["relabel"](writer)
    assert revisions(indices) == {OLD: [2], NEW: [2]}
    writer.remove(DOCUMENT, 3)
    assert revisions(indices) == {OLD: [], NEW: []}


@pytest.mark.parametrize("holding", [OLD, NEW])
def test_document_is_held_while_any_of_them_holds_it(holding: str) -> None:
    indices, _, writer = two()
    assert not writer.holds(DOCUMENT)
    indices.open(holding).put(DOCUMENT, 1, LABELS, PASSAGES)
    assert writer.holds(DOCUMENT)


@pytest.mark.parametrize("write", WRITES)
def test_index_that_is_named_while_a_write_is_made_gets_it_too(write: str) -> None:
    """Whoever fills it began by naming it, and may have copied the document before this write."""
    indices, pointers, writer = two()
    for each in indices.held.values():
        each.put(DOCUMENT, 1, LABELS, PASSAGES)
    pointers.held = IndexPointer(OLD, (OLD,), 1)
    pointers.steps.meanwhile["index.row" if write != "remove" else "index.removal"] = lambda: pointers.point(
        IndexPointer(OLD, (OLD, NEW), 2)
    )
    WRITES[write](writer)
    assert revisions(indices)[NEW] == revisions(indices)[OLD]


def test_index_that_is_dropped_while_a_write_is_made_is_no_fault() -> None:
    indices, pointers, writer = two()

    def dropped() -> None:
        pointers.point(IndexPointer(NEW, (NEW,), 2))
        indices.drop(OLD)

    pointers.steps.at[1] = dropped  # NEW is written first
    WRITES["put"](writer)
    assert revisions(indices) == {NEW: [1]}


def test_index_that_is_missing_while_it_is_named_is_an_outage_and_the_write_can_be_repeated() -> None:
    indices, _, writer = two()
    indices.drop(OLD)
    with pytest.raises(SearchUnavailableError):
        WRITES["put"](writer)
    indices.create(OLD)
    WRITES["put"](writer)
    assert revisions(indices) == {OLD: [1], NEW: [1]}


def test_pointer_that_never_rests_is_an_outage_and_no_endless_loop() -> None:
    steps = Steps()
    pointers = MemoryPointers(steps, IndexPointer("i0", ("i0",), 1))
    seen: list[str] = []

    def moving(name: str) -> MemoryIndex:
        seen.append(name)
        pointers.point(IndexPointer(f"i{len(seen)}", (f"i{len(seen)}",), len(seen) + 1))
        return MemoryIndex(steps)

    with pytest.raises(SearchUnavailableError, match="repeat the write"):
        WRITES["put"](PointedWriter(pointers, moving))
    assert len(seen) == 5


def test_registry_that_is_down_after_a_write_is_an_outage_of_the_write() -> None:
    indices, pointers, _ = two()

    class Failing:
        asked = 0

        def pointer(self) -> IndexPointer | None:
            self.asked += 1
            if self.asked > 1:
                message = "down"
                raise RegistryUnavailableError(message)
            return pointers.pointer()

        def point(self, pointer: IndexPointer) -> None:
            pointers.point(pointer)

    with pytest.raises(RegistryUnavailableError):
        WRITES["put"](PointedWriter(Failing(), indices.open))
