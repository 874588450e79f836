"""A rebuild that breaks off anywhere is completed by the next, and loses no write, whenever that comes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from authz.resource import EntityId
from retrieval.document import DocumentRecord
from retrieval.errors import ConflictError, SearchUnavailableError
from retrieval.ingest.rebuild import Event
from tests.support.memory_index import KilledError
from tests.support.memory_indices import NEW, OLD, House, furnished

A, B, GONE = "a.md", "b.md", "gone.md"


def house() -> House:
    """Return one with two documents and a retired one."""
    return furnished(A, B, GONE, retired=(GONE,))


def check(house: House) -> None:
    """Look at everything that must be so at the end."""
    assert house.sweep() == []
    assert house.is_whole()
    assert house.pointers.held
    assert house.pointers.held.writes == (house.pointers.held.reads,)
    assert house.pointers.held.gone == ()
    left = {name: index.rows for name, index in house.indices.held.items() if name != house.pointers.held.reads}
    assert not any(left.values()), "text lies in an index that nobody names"


def steps_of(action: Callable[[House], object]) -> int:
    made = house()
    action(made)
    return len(made.steps.taken)


REBUILD = range(steps_of(lambda house: house.rebuild()))


def test_first_rebuild_makes_an_index_that_answers() -> None:
    made = House()
    assert made.pointers.held
    assert (made.pointers.held.reads, made.pointers.held.writes) == (OLD, (OLD,))


def test_rebuild_moves_all_that_the_registry_knows_and_drops_the_old_index() -> None:
    made = house()
    before = made.shown()
    told = made.rebuild()
    assert made.shown() == before
    assert set(made.indices.held) == {NEW}
    assert [each.step for each in told if each.done == 0] == ["create", "wait", "flip", "wait", "drop"]
    assert [each for each in told if each.step == "copy"] == [Event("copy", number, 3) for number in (1, 2, 3)]
    check(made)


@pytest.mark.parametrize("step", REBUILD)
@pytest.mark.parametrize("name", [NEW, "antechamber-newer"])
def test_rebuild_killed_before_any_step_is_completed_by_the_next(step: int, name: str) -> None:
    made = house()
    before = made.shown()
    made.steps.kill_at = step
    with pytest.raises(KilledError):
        made.rebuild()
    made.steps.kill_at = None
    assert made.is_whole()
    if name == NEW and set(made.indices.held) == {OLD, NEW} and made.pointers.held == house().pointers.held:
        name = "antechamber-other"  # the clock has gone on
    made.rebuild(name)
    if made.pointers.held and made.pointers.held.reads == OLD:
        made.rebuild(name)
    assert made.shown() == before
    check(made)


WRITERS: dict[str, Callable[[House], object]] = {
    "new document": lambda house: house.ingest("c.md", "# C\n\nA third document."),
    "new content": lambda house: house.ingest(A, "# A\n\nSecond text of it, another one."),
    "shorter content": lambda house: house.ingest(B, "# B"),
    "new access": lambda house: house.ingest(A, text(house, A), 3),
    "removal": lambda house: house.retire(B),
    "removal of A": lambda house: house.retire(A),
    "taken again": lambda house: house.ingest(GONE, "# Gone\n\nIt is back."),
    "removed and taken again": lambda house: [WRITERS["removal of A"](house), house.ingest(A, "# A\n\nAnew.")],
    "all of it": lambda house: [
        WRITERS[name](house) for name in ("new document", "shorter content", "removed and taken again")
    ],
}


def text(house: House, name: str) -> str:
    return "\n\n".join(house.shown()[EntityId(f"acme/{name}")])


def quietly(write: Callable[[House], object], house: House) -> None:
    """Write as ingestion does: what loses a race is tried again by the next run."""
    try:
        write(house)
    except ConflictError:
        write(house)


@pytest.mark.parametrize("writer", WRITERS)
def test_write_that_comes_before_any_step_of_a_rebuild_is_not_lost_and_readers_see_whole_documents(
    writer: str,
) -> None:
    expected = house()
    WRITERS[writer](expected)
    for step in REBUILD:
        made = house()
        made.steps.watch = partial(_look, made)
        made.steps.at[step] = partial(quietly, WRITERS[writer], made)
        made.rebuild()
        assert made.shown() == expected.shown(), step
        check(made)


def _look(house: House) -> None:
    assert house.is_whole(), "a reader would see half a document"


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("writer", WRITERS)
def test_write_that_began_before_a_rebuild_is_not_lost(writer: str, *, forgets: bool) -> None:
    """It may know of the old index only; the rebuild waits for it to end."""
    expected = house()
    WRITERS[writer](expected)
    for step in range(steps_of(WRITERS[writer])):
        made = house()
        rebuild = made.rebuilding()
        made.steps.at[step] = partial(until_it_waits, rebuild)
        quietly(WRITERS[writer], made)
        if forgets:
            made.answering.forget()
        list(rebuild)
        assert made.shown() == expected.shown(), step
        check(made)


def until_it_waits(rebuild: Iterator[Event]) -> None:
    for event in rebuild:
        if event.step == "wait":
            return


@pytest.mark.parametrize("writer", [name for name in WRITERS if name != "all of it"])
def test_write_under_way_while_a_rebuild_passes_any_of_its_steps_is_not_lost(writer: str) -> None:
    expected = house()
    WRITERS[writer](expected)
    events = len(house().rebuild())
    for step in range(steps_of(WRITERS[writer])):
        for seen in range(2, events + 1):  # what is made, and waited for, is past
            made = house()
            rebuild = made.rebuilding()
            for _ in range(seen):
                next(rebuild)
            begun = len(made.steps.taken)
            made.steps.at[begun + step] = partial(list, rebuild)
            quietly(WRITERS[writer], made)
            list(rebuild)
            assert made.shown() == expected.shown(), (step, seen)
            check(made)


@pytest.mark.parametrize("writer", [name for name in WRITERS if name != "all of it"])
def test_write_killed_before_any_step_is_completed_after_a_rebuild(writer: str) -> None:
    expected = house()
    WRITERS[writer](expected)
    for step in range(steps_of(WRITERS[writer])):
        made = house()
        made.steps.kill_at = step
        with pytest.raises(KilledError):
            WRITERS[writer](made)
        made.steps.kill_at = None
        made.rebuild()
        assert made.is_whole(), step
        made.sweep(repair=True)
        WRITERS[writer](made)
        assert made.shown() == expected.shown(), step
        assert made.sweep() == [], step


@pytest.mark.parametrize("step", REBUILD)
@pytest.mark.parametrize("writer", ["new content", "removal", "new access"])
def test_writer_killed_while_a_rebuild_is_under_way_loses_nothing(writer: str, step: int) -> None:
    for killed in range(steps_of(WRITERS[writer])):
        made = house()

        def write(made: House = made, killed: int = killed) -> None:
            made.steps.kill_at = len(made.steps.taken) + killed
            try:
                WRITERS[writer](made)
            except KilledError:
                pass
            finally:
                made.steps.kill_at = None

        made.steps.at[step] = write
        made.rebuild()
        made.sweep(repair=True)
        quietly(WRITERS[writer], made)
        assert made.sweep() == [], killed
        assert made.is_whole()


@pytest.mark.parametrize("step", REBUILD)
def test_of_two_rebuilds_at_once_one_wins_and_nothing_is_lost(step: int) -> None:
    made = house()
    before = made.shown()
    made.steps.watch = lambda: _look(made)
    made.steps.at[step] = lambda: made.rebuild("antechamber-rival")
    try:
        made.rebuild()
    except (ConflictError, SearchUnavailableError):
        made.rebuild("antechamber-third")
    assert made.shown() == before
    assert made.sweep() == []
    assert made.is_whole()


def test_old_index_that_is_gone_is_replaced_by_one_that_lacks_what_only_it_held() -> None:
    made = house()
    made.indices.drop(OLD)
    told = made.rebuild()
    assert [each.lost for each in told if each.lost] == [f"acme/{A}", f"acme/{B}"]
    made.ingest(A, "# a.md\n\nFirst text of a.md.\n\nAnother paragraph of it, long enough.")
    made.ingest(B, "# b.md\n\nFirst text of b.md.\n\nAnother paragraph of it, long enough.")
    check(made)


@pytest.mark.parametrize("spoil", [lambda made: made.indices.drop(NEW), lambda made: made.indices.misfits.add(NEW)])
def test_half_filled_index_that_is_gone_or_was_begun_for_another_schema_is_begun_anew(
    spoil: Callable[[House], object],
) -> None:
    made = house()
    made.steps.kill_at = 4
    with pytest.raises(KilledError):
        made.rebuild()
    made.steps.kill_at = None
    spoil(made)
    assert made.rebuild("antechamber-newer")[0].step == "create"
    assert made.pointers.held
    assert made.pointers.held.reads == NEW
    check(made)


def test_document_of_which_no_sound_copy_is_left_is_told_and_not_copied() -> None:
    made = house()
    made.answering.rows.pop((EntityId(f"acme/{A}"), 1, 1))
    told = made.rebuild()
    assert [each.lost for each in told if each.lost] == [f"acme/{A}"]
    assert made.answering.copies(EntityId(f"acme/{A}")) == []
    made.ingest(A, "# a.md\n\nFirst text of a.md.\n\nAnother paragraph of it, long enough.")
    check(made)


def test_altered_text_is_not_carried_on() -> None:
    made = house()
    at = (EntityId(f"acme/{A}"), 1, 1)
    labels, passage = made.answering.rows[at]
    made.answering.rows[at] = (labels, type(passage)(1, "another text", passage.vector))
    assert [each.lost for each in made.rebuild() if each.lost] == [f"acme/{A}"]


def test_wrong_access_is_put_right_and_what_nobody_knows_is_left_behind() -> None:
    made = house()
    stranger = EntityId("acme/stranger")
    at = (EntityId(f"acme/{A}"), 1, 1)
    labels, passage = made.answering.rows[at]
    made.answering.rows[at] = (type(labels)(labels.revision, {"tenant": "globex"}, labels.collections), passage)
    made.answering.rows[stranger, 1, 0] = (labels, passage)
    made.rebuild()
    check(made)


def test_document_that_is_written_again_and_again_stops_the_rebuild_and_the_old_index_answers() -> None:
    made = house()

    def busy() -> None:
        made.registry.records[EntityId(f"acme/{A}")] = _later(made)
        made.steps.at[len(made.steps.taken) + 1] = busy

    made.steps.at[2] = busy
    with pytest.raises(SearchUnavailableError, match=r"repeat the rebuild|goes on answering"):
        made.rebuild()
    assert made.pointers.held
    assert made.pointers.held.reads == OLD


def _later(house: House) -> DocumentRecord:
    record = house.registry.records[EntityId(f"acme/{A}")]
    return replace(record, revision=record.revision + 1)


def test_rebuild_without_a_document_still_ends() -> None:
    made = House()
    made.rebuild()
    assert set(made.indices.held) == {NEW}
