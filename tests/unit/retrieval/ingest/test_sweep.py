"""The sweep finds whatever a crash left, and repairs it so that the next ingestion completes what is missing."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from authz.resource import EntityId
from retrieval.errors import ConflictError
from retrieval.index import IndexedPassage, Labels
from retrieval.ingest.sweep import Finding, Sweep
from tests.support.memory_index import KilledError
from tests.support.memory_indices import ACME, House, furnished

A, B, GONE = "a.md", "b.md", "gone.md"
DOCUMENT, RETIRED, STRANGER = EntityId(f"acme/{A}"), EntityId(f"acme/{GONE}"), EntityId("acme/stranger")
TEXT = f"# {A}\n\nFirst text of {A}.\n\nAnother paragraph of it, long enough."


def house() -> House:
    """Return one with two documents and a retired one."""
    return furnished(A, B, GONE, retired=(GONE,))


def labels(house: House, document: EntityId = DOCUMENT) -> Labels:
    record = house.registry.records[document]
    return Labels(record.revision, record.attributes, record.collections)


def rows(house: House) -> dict[object, object]:
    return {at: (labels, passage.text) for at, (labels, passage) in house.answering.rows.items()}


def spoil(house: House, document: EntityId, version: int, ordinal: int, under: Labels, text: str = "text") -> None:
    house.answering.rows[document, version, ordinal] = (under, IndexedPassage(ordinal, text, None))


def all_lost(house: House) -> None:
    for at in [at for at in house.answering.rows if at[0] == DOCUMENT]:
        del house.answering.rows[at]


SPOILS: dict[str, tuple[Callable[[House], object], EntityId, str]] = {
    "an old version": (lambda made: spoil(made, DOCUMENT, 0, 1, replace(labels(made), revision=0)), DOCUMENT,
                       "left over"),
    "of a retired one": (lambda made: spoil(made, RETIRED, 1, 1, replace(labels(made, RETIRED), revision=1)), RETIRED,
                         "left over"),
    "of a retired one, at its revision": (lambda made: spoil(made, RETIRED, 1, 1, labels(made, RETIRED)), RETIRED,
                                          "left over"),
    "older access": (lambda made: relabelled(made, replace(labels(made), revision=0)), DOCUMENT, "mislabelled"),
    "other access": (lambda made: relabelled(made, replace(labels(made), attributes={"tenant": "x"})), DOCUMENT,
                     "mislabelled"),
    "other collections": (lambda made: relabelled(made, replace(labels(made), collections=frozenset())), DOCUMENT,
                          "mislabelled"),
    "a passage missing": (lambda made: made.answering.rows.pop((DOCUMENT, 1, 1)), DOCUMENT, "lost"),
    "the title missing": (lambda made: made.answering.rows.pop((DOCUMENT, 1, 0)), DOCUMENT, "lost"),
    "a passage too many": (lambda made: spoil(made, DOCUMENT, 1, 9, labels(made)), DOCUMENT, "lost"),
    "another text": (lambda made: spoil(made, DOCUMENT, 1, 1, labels(made), "altered"), DOCUMENT, "lost"),
    "all of it missing": (all_lost, DOCUMENT, "lost"),
    "the next version": (lambda made: spoil(made, DOCUMENT, 2, 1, replace(labels(made), revision=2)), DOCUMENT,
                         "unfinished"),
    "a retired one's next": (lambda made: spoil(made, RETIRED, 2, 1, replace(labels(made, RETIRED), revision=3)),
                             RETIRED, "unfinished"),
    "nobody's": (lambda made: spoil(made, STRANGER, 1, 1, labels(made)), STRANGER, "unregistered"),
}  # fmt: skip
OPEN = {"all of it missing", "the next version"}
"""What a sweep cannot repair: there is no text, or nothing that tells it from a write under way."""


def relabelled(house: House, under: Labels) -> None:
    held = house.answering.rows
    held[DOCUMENT, 1, 1] = (under, held[DOCUMENT, 1, 1][1])


def test_index_as_the_registry_says_has_nothing_to_find() -> None:
    assert house().sweep() == []


@pytest.mark.parametrize("name", SPOILS)
def test_each_flaw_is_found_and_without_repair_nothing_is_changed(name: str) -> None:
    made, (spoiling, document, flaw) = house(), SPOILS[name]
    spoiling(made)
    before = rows(made)
    assert made.sweep() == [Finding(document, flaw, repaired=False)]  # type: ignore[arg-type]  # a flaw
    assert rows(made) == before
    assert made.steps.taken == []


@pytest.mark.parametrize("name", SPOILS)
def test_what_is_repaired_and_ingested_again_is_as_the_registry_says(name: str) -> None:
    """At once, while the engine remembers every removal."""
    made, (spoiling, document, flaw) = house(), SPOILS[name]
    expected = made.shown()
    spoiling(made)
    assert made.sweep(repair=True) == [Finding(document, flaw, repaired=name not in OPEN)]  # type: ignore[arg-type]
    made.ingest(A, TEXT)
    assert made.shown() == expected
    assert [each.flaw for each in made.sweep()] == (["unfinished"] if name == "the next version" else [])
    assert made.is_whole()


@pytest.mark.parametrize("name", SPOILS)
def test_document_can_be_written_anew_after_a_repair(name: str) -> None:
    made, (spoiling, *_) = house(), SPOILS[name]
    spoiling(made)
    made.sweep(repair=True)
    for document in (A, GONE, "stranger"):
        made.ingest(document, f"# {document}\n\nNew text.")
    assert made.sweep() == []
    assert made.is_whole()
    assert len(made.shown()) == 4


@pytest.mark.parametrize("name", SPOILS)
def test_repair_killed_before_any_step_is_completed_by_the_next(name: str) -> None:
    spoiling, *_ = SPOILS[name]
    whole = house()
    spoiling(whole)
    whole.sweep(repair=True)
    for step in range(len(whole.steps.taken)):
        made = house()
        spoiling(made)
        made.steps.kill_at = step
        with pytest.raises(KilledError):
            made.sweep(repair=True)
        made.steps.kill_at = None
        made.sweep(repair=True)
        assert rows(made) == rows(whole), step


WRITERS: dict[str, Callable[[House], object]] = {
    "new content": lambda house: house.ingest(A, "# A\n\nSecond text."),
    "new access": lambda house: house.ingest(A, TEXT, 3),
    "the same": lambda house: house.ingest(A, TEXT),
    "removal": lambda house: house.retire(A),
    "taken again": lambda house: house.ingest(GONE, "# Gone\n\nIt is back."),
    "a stranger": lambda house: house.ingest("stranger", "# Stranger\n\nIt is new."),
}


@pytest.mark.parametrize("name", SPOILS)
@pytest.mark.parametrize("writer", WRITERS)
def test_write_that_comes_before_any_step_of_a_repair_is_not_lost(name: str, writer: str) -> None:
    spoiling, *_ = SPOILS[name]
    whole = house()
    spoiling(whole)
    whole.sweep(repair=True)
    for step in range(len(whole.steps.taken)):
        made = house()
        spoiling(made)
        made.steps.at[step] = partial(WRITERS[writer], made)
        made.sweep(repair=True)
        _completed(made, writer)


@pytest.mark.parametrize("name", SPOILS)
@pytest.mark.parametrize("writer", WRITERS)
def test_repair_that_comes_before_any_step_of_a_write_does_not_lose_it(name: str, writer: str) -> None:
    """A write lasts less than the sweep waits, so that it is either seen before and after the wait, or has ended."""
    spoiling, *_ = SPOILS[name]
    whole = house()
    spoiling(whole)
    WRITERS[writer](whole)
    for step in range(len(whole.steps.taken)):
        made = house()
        spoiling(made)
        made.steps.at[step] = partial(_first_pass, made)
        try:
            WRITERS[writer](made)
        except ConflictError:
            WRITERS[writer](made)
        _completed(made, writer)


def _first_pass(house: House) -> None:
    """Sweep until it begins to wait."""

    def wait() -> None:
        raise KilledError

    house.steps.meanwhile["wait"] = wait
    try:
        house.sweep(repair=True)
    except KilledError:
        pass
    finally:
        house.steps.meanwhile.pop("wait", None)


def _completed(house: House, writer: str) -> None:
    """Look whether the next sweep and the next run of the writer bring everything in line."""
    house.sweep(repair=True)
    WRITERS[writer](house)
    left = [each for each in house.sweep() if (each.document, each.flaw) != (DOCUMENT, "lost")]
    assert [each for each in left if each.flaw != "unfinished"] == []
    if writer != "removal":
        house.ingest(A, "# A\n\nSecond text." if writer == "new content" else TEXT, 3 if writer == "new access" else 0)
        assert house.is_whole()


def test_findings_are_counted_document_by_document() -> None:
    made = house()
    spoil(made, STRANGER, 1, 1, labels(made))
    index = made.answering
    told = list(Sweep(made.registry, index, index, repair=False)([ACME]))
    assert [(done, total) for done, total, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
