"""The index in a real OpenSearch: it finds within the scope alone, whole and in order, and forgets when told to."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from authz.resource import EntityId, TenantId
from authz.schema import read_schema
from retrieval.deadline import Deadline
from retrieval.document import TITLE
from retrieval.errors import DeadlineExceededError, IndexMismatchError, SearchUnavailableError
from retrieval.index import Hit, IndexedPassage, Query
from tests.opensearch.deployment import (
    ACME,
    DESIGN,
    SIZE,
    Place,
    allowed,
    labelled,
    new_place,
    query,
    soon,
    texts,
    vector,
)
from tests.support.worlds import wide_schema

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]
A = EntityId("acme/a")


# Finding.


def test_search_finds_by_word_and_by_vector_what_the_scope_allows(place: Place) -> None:
    place.put("acme/words", "alpha beta gamma")
    place.put("acme/hidden", "alpha beta", under=labelled(1, "acme/board"))
    place.put("acme/other", "nothing of the kind")
    place.put("globex/words", "alpha beta gamma", under=labelled(tenant="globex"))
    hits = place.found()
    assert hits[0] == Hit(ACME, EntityId("acme/words"), 1, 1, 1, "alpha beta gamma")
    assert {hit.document for hit in hits} == {"acme/words", "acme/other"}
    assert {hit.document for hit in place.found(allowed("acme/board"))} == {"acme/hidden"}
    assert place.found(allowed("acme/nobody")) == []


def test_titles_are_listed_and_viewed_and_never_found_by_a_search(place: Place) -> None:
    place.writer.put(A, 1, labelled(), [IndexedPassage(TITLE, "alpha beta", None), IndexedPassage(1, "x", vector("x"))])
    assert [hit.ordinal for hit in place.found()] == [1]
    assert texts(place.index.documents(allowed(), None, 9, soon())) == ["alpha beta"]
    assert texts(place.index.passages(A, allowed(), -1, 9, soon())) == ["alpha beta", "x"]


def test_passage_in_both_legs_comes_first_and_at_most_k_come(place: Place) -> None:
    place.put("acme/many", *(f"alpha {number}" for number in range(9)), "alpha beta")
    assert texts(place.index.search(query(), allowed(), 1, soon())) == ["alpha beta"]
    assert len(place.index.search(query(), allowed(), 5, soon())) == 5


@pytest.mark.parametrize("k", [-3, 0])
def test_no_k_finds_nothing(k: int, place: Place) -> None:
    place.put("acme/a", "alpha")
    assert list(place.index.search(query(), allowed(), k, soon())) == []
    assert list(place.index.documents(allowed(), None, k, soon())) == []
    assert list(place.index.passages(A, allowed(), -1, k, soon())) == []


def test_empty_index_is_an_answer(place: Place) -> None:
    assert place.found() == []
    assert place.listed() == []
    assert place.index.passages(A, allowed(), -1, 9, soon()) == []
    place.writer.put(A, 1, labelled(), [IndexedPassage(TITLE, "a title alone", None)])
    assert place.found() == []


def test_documents_and_passages_are_paged_in_order(place: Place) -> None:
    names = ("acme/c", "acme/a", "acme/B", "acme/\u00e4", "acme/\U0001f512", "acme/a b")
    for name in names:
        place.put(name, "one", "two", "three")
    expected = sorted(names, key=str.encode)
    assert place.listed() == expected
    cursor, seen = None, list[str]()
    while page := place.index.documents(allowed(), cursor, 1, soon()):
        cursor = page[0].document
        seen.append(cursor)
    assert seen == expected
    assert [hit.ordinal for hit in place.index.passages(A, allowed(), -1, 9, soon())] == [0, 1, 2, 3]
    assert texts(place.index.passages(A, allowed(), 1, 1, soon())) == ["two"]
    assert place.index.passages(A, allowed("acme/others"), -1, 9, soon()) == []


@pytest.mark.parametrize("after", [3, 2**31 - 51, 2**31 - 1, 2**31, 2**63, 2**70])
def test_view_beyond_the_last_passage_is_empty_however_far(after: int, place: Place) -> None:
    place.put("acme/a", "one")
    assert place.index.passages(A, allowed(), after, 50, soon()) == []


def test_versions_stand_side_by_side_until_the_older_is_removed(place: Place) -> None:
    place.put("acme/a", "alpha old")
    place.put("acme/a", "alpha new", "another", under=labelled(2), version=2)
    view = place.index.passages(A, allowed(), -1, 9, soon())
    assert [(hit.ordinal, hit.version) for hit in view] == [(0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    assert {hit.version for hit in place.found()} == {1, 2}
    place.writer.remove(A, 2)
    assert {hit.version for hit in place.index.passages(A, allowed(), -1, 9, soon())} == {2}


def test_document_with_more_versions_than_can_be_looked_at_is_an_outage_and_not_cut(place: Place) -> None:
    for version in range(1, 11):
        place.put("acme/a", "x", under=labelled(version), version=version)
    with pytest.raises(SearchUnavailableError, match="sweep it"):
        place.index.passages(A, allowed(), 0, 1, soon())


def test_document_of_1200_passages_is_written_viewed_relabelled_and_removed_whole(place: Place) -> None:
    many = [f"passage number {number}" for number in range(1, 1201)]
    place.put("acme/a", *many)
    assert _view(place) == ["A title", *many]
    (copy,) = place.writer.copies(A)
    assert [passage.ordinal for passage in copy.passages] == list(range(1201))
    place.writer.relabel(A, 1, labelled(2, "acme/board"))
    assert _view(place) == []
    (copy,) = place.writer.copies(A)
    assert (copy.labels, len(copy.passages)) == (labelled(2, "acme/board"), 1201)
    place.writer.remove(A, 3)
    assert not place.writer.holds(A)
    assert place.writer.copies(A) == []


def _view(place: Place) -> list[str]:
    pages = (place.index.passages(A, allowed(), after, 50, soon()) for after in range(-1, 1201, 50))
    return [text for page in pages for text in texts(page)]


def test_all_documents_are_named_beyond_one_page(place: Place) -> None:
    names = [f"acme/{number:04}" for number in range(1_100)]
    title = {"version": 1, "revision": 1, "ordinal": TITLE, "text": "A title"}
    place.rows.write({"document": name, **title} for name in names)
    assert place.writer.documents() == names
    assert place.writer.stamps(ACME) == {name: frozenset({(1, 1)}) for name in names}
    assert place.writer.stamps(TenantId("acm")) == {}


# Hostile values.


HOSTILE = [
    "", '"', "*", "alpha OR (", "NEAR(", "\x00", "\ud800", "\U0001f512 \u202e", '"}},{"match_all":{}}', "a" * 4096,
    "a " * 2048, "\u7684" * 1365, '"*()+-&|!{}[]^~:\\/ AND OR NOT ' * 130, "_exists_:access.readers", "\u2028",
]  # fmt: skip


def test_l03_no_question_is_read_as_a_query_or_refused(place: Place) -> None:
    place.put("acme/a", "something else")
    place.put("acme/hidden", "alpha", under=labelled(1, "acme/board"))
    for text in HOSTILE:
        assert texts(place.index.search(Query(text, vector("x")), allowed(), 5, soon())) == ["something else"], text


@pytest.mark.parametrize(
    "text", ["a \ud800 surrogate", "\x00\x01", "word " * 20_000, "x" * 100_000, "\U0001f512" * 1000, " ", "\r\n\u2028"]
)
def test_text_comes_back_as_it_was_written(text: str, place: Place) -> None:
    place.writer.put(A, 1, labelled(), [IndexedPassage(TITLE, "t", None), IndexedPassage(1, text, vector("x"))])
    assert texts(place.index.passages(A, allowed(), 0, 1, soon())) == [text]
    place.writer.relabel(A, 1, labelled(2))
    assert place.writer.copies(A)[0].passages[1].text == text


@pytest.mark.parametrize("scale", [0.0, 1e-38, 1.0, 1e19, 3e38])
def test_vector_of_any_finite_length_is_written_and_asked_without_harm(scale: float, place: Place) -> None:
    place.put("acme/usual", "alpha")
    odd = (vector("odd") * np.float32(scale)).astype(np.float32)
    place.writer.put(A, 1, labelled(), [IndexedPassage(1, "odd", odd)])
    for asked in (odd, vector("alpha")):
        assert set(texts(place.index.search(Query("alpha", asked), allowed(), 5, soon()))) == {"alpha", "odd"}


@pytest.mark.parametrize("bad", [np.zeros(SIZE - 1), np.zeros((1, SIZE)), np.full(SIZE, np.nan), np.full(SIZE, np.inf)])
def test_bad_vector_is_neither_asked_nor_written(bad: np.ndarray, place: Place) -> None:
    place.put("acme/a", "alpha")
    wrong = bad.astype(np.float32)
    with pytest.raises(SearchUnavailableError, match="not finite or not of 8 dimensions"):
        place.index.search(Query("alpha", wrong), allowed(), 5, soon())
    with pytest.raises(IndexMismatchError, match="finite ones of 8"):
        place.writer.put(A, 1, labelled(2), [IndexedPassage(1, "x", wrong)])
    assert texts(place.found()) == ["alpha"]


def test_passage_without_a_vector_and_title_with_one_are_refused(place: Place) -> None:
    for passage in (IndexedPassage(1, "x", None), IndexedPassage(TITLE, "x", vector("x"))):
        with pytest.raises(IndexMismatchError, match="a title has none"):
            place.writer.put(A, 1, labelled(), [passage])


def test_vectors_and_attributes_are_exact_after_a_relabel(place: Place) -> None:
    """A rebuild copies them again and again."""
    exact = np.array([1 / 3, -1e-30, 1.1754944e-38, 0.1, -0.0, 3.4028235e38, 1e-45, 2 / 7], np.float32)
    place.writer.put(A, 1, labelled(), [IndexedPassage(1, "x", exact)])
    changed = labelled(2, "acme/staff", classification=-(2**63), markings=frozenset({"a", "\u00e4"}), legal_hold=True)
    place.writer.relabel(A, 1, changed)
    (copy,) = place.writer.copies(A)
    found = copy.passages[0].vector
    assert found is not None
    assert found.tobytes() == exact.tobytes()
    assert copy.labels == changed


def test_principal_of_70000_groups_is_answered(place: Place) -> None:
    place.put("acme/a", "alpha", under=labelled(1, "acme/g69999"))
    assert place.listed(allowed(*(f"acme/g{number}" for number in range(70_000)))) == ["acme/a"]
    assert place.listed(allowed(*(f"acme/g{number}" for number in range(33_000)))) == []


def test_filter_too_large_for_a_node_is_refused_before_it_is_sent(place: Place) -> None:
    wide = allowed(compartments=frozenset(f"m{number}" for number in range(2_000)))
    with pytest.raises(SearchUnavailableError, match="shorten the sets"):
        place.found(wide)


def test_largest_filter_leaves_room_for_the_longest_question(place: Place) -> None:
    place.put("acme/a", "alpha", under=labelled(markings=frozenset({"m7", "m500"})))
    wide = allowed(compartments=frozenset(f"m{number}" for number in range(730)))
    question = Query(" ".join(f"w{number}" for number in range(900)), vector("x"))
    assert texts(place.index.search(question, wide, 5, soon())) == ["alpha"]


def test_passed_deadline_is_noticed(place: Place) -> None:
    with pytest.raises(DeadlineExceededError):
        place.index.search(query(), allowed(), 5, Deadline.after(-1))


# Writing.


def test_write_is_seen_by_the_search_that_follows_it(place: Place) -> None:
    """L-08: a narrowing holds for the next read."""
    for revision in range(1, 21, 2):
        place.put("acme/a", "alpha", under=labelled(revision))
        assert place.listed() == ["acme/a"]
        place.writer.relabel(A, 1, labelled(revision + 1, "acme/board"))
        assert place.listed() == []
        assert place.found() == []


def test_older_revision_never_overwrites_a_newer_one(place: Place) -> None:
    place.put("acme/a", "new", under=labelled(5, "acme/board"))
    place.put("acme/a", "old", under=labelled(4))
    place.writer.relabel(A, 1, labelled(3))
    assert place.listed() == []
    place.writer.relabel(A, 1, labelled(6))
    assert [(hit.untrusted_text, hit.revision) for hit in place.found()] == [("new", 6)]


def test_relabel_replaces_every_attribute_and_collection(place: Place) -> None:
    place.put("acme/a", "x", under=labelled(embargo_until=2**40, markings=frozenset({"m"})))
    moved = replace(labelled(2), collections=frozenset({"acme/finance"}))
    place.writer.relabel(A, 1, moved)
    assert place.writer.copies(A)[0].labels == moved


def test_passages_of_a_longer_attempt_at_the_same_version_are_gone(place: Place) -> None:
    place.put("acme/a", "one", "two", "three")
    place.put("acme/a", "uno")
    assert texts(place.index.passages(A, allowed(), 0, 9, soon())) == ["uno"]
    place.put("acme/a", "one", "two", "three")
    assert texts(place.index.passages(A, allowed(), 0, 9, soon())) == ["one", "two", "three"]


def test_nothing_written_in_place_of_a_version_leaves_room_for_it(place: Place) -> None:
    """How a sweep takes away what is broken, so that the next ingestion can restore it at once."""
    place.put("acme/a", "one", "two")
    place.writer.put(A, 1, labelled(), ())
    assert not place.writer.holds(A)
    place.put("acme/a", "one", "two")
    assert texts(place.index.passages(A, allowed(), 0, 9, soon())) == ["one", "two"]


def test_r19_removal_wins_over_whatever_comes_late(place: Place) -> None:
    place.put("acme/a", "alpha", "beta", under=labelled(2))
    place.writer.remove(A, 4)
    assert not place.writer.holds(A)
    place.put("acme/a", "alpha", "beta", under=labelled(3))
    place.writer.relabel(A, 1, labelled(3))
    place.writer.remove(A, 2)
    assert not place.writer.holds(A)
    place.put("acme/a", "again", under=labelled(4), version=2)
    assert place.writer.holds(A)


def test_removal_leaves_newer_versions_and_other_documents(place: Place) -> None:
    place.put("acme/a", "old")
    place.put("acme/a", "new", under=labelled(2), version=2)
    place.put("acme/b", "other")
    place.writer.remove(A, 2)
    assert set(texts(place.found())) == {"new", "other"}


@pytest.fixture
def forgetful(opensearch_url: str) -> Iterator[Place]:
    with new_place(opensearch_url, DESIGN, **{"index.gc_deletes": "10ms"}) as made:
        yield made


def test_engine_that_forgot_a_removal_takes_a_late_write_which_the_registry_then_undoes(forgetful: Place) -> None:
    """What ingestion's second look is for: `test_removal_beats_content_that_comes_late` shows the look."""
    forgetful.put("acme/a", "alpha", under=labelled(2))
    forgetful.writer.remove(A, 4)
    until = time.monotonic() + 30
    while not forgetful.writer.holds(A) and time.monotonic() < until:
        time.sleep(0.05)
        forgetful.put("acme/b", "its clock goes on with any write")
        forgetful.put("acme/a", "late", under=labelled(3))
    assert forgetful.writer.holds(A)
    forgetful.writer.remove(A, 4)
    assert not forgetful.writer.holds(A)


def test_versions_outlive_a_merge_of_all_segments(place: Place) -> None:
    place.put("acme/a", "alpha", under=labelled(5))
    place.put("acme/b", "beta", under=labelled(5))
    place.writer.remove(EntityId("acme/b"), 6)
    place.engine.call("POST", f"/{place.name}/_flush")
    place.engine.call("POST", f"/{place.name}/_forcemerge", params={"max_num_segments": "1"})
    place.put("acme/a", "old", under=labelled(4))
    place.put("acme/b", "late", under=labelled(5))
    assert texts(place.found()) == ["alpha"]


def test_schema_without_a_set_and_with_all_kinds_makes_an_index_that_is_as_it_was_designed(opensearch_url: str) -> None:
    wide = replace(DESIGN, attributes=read_schema(wide_schema()), analyzer="german", dimensions=1024)
    for design in (wide, replace(wide, engine="faiss"), replace(DESIGN, attributes=read_schema(_without_sets()))):
        with new_place(opensearch_url, design) as made:
            made.admin.check(made.name)


def _without_sets() -> str:
    plain = json.loads(wide_schema())
    attributes = plain[""]["entityTypes"]["Document"]["shape"]["attributes"]
    kept = {name: each for name, each in attributes.items() if each["type"] != "Set"}
    plain[""]["entityTypes"]["Document"]["shape"]["attributes"] = kept
    return json.dumps(plain)
