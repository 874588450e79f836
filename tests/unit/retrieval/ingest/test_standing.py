"""What stands where: registered, indexed, behind, refused, failed, collection by collection."""

from dataclasses import replace

import pytest

from authz.resource import EntityId
from retrieval.document import DocumentRecord
from retrieval.ingest.standing import NONE, standings
from retrieval.intake import IntakeEntry, State
from tests.support.memory_bucket import ACME

HAND, DEEP = "acme/hand", "acme/deep"


def record(name: str, *collections: str) -> DocumentRecord:
    return DocumentRecord(
        EntityId(f"acme/{name}"),
        "key",
        2,
        3,
        "Title",
        f"s3://b/{name}",
        "ab",
        1,
        {},
        frozenset(collections),
        "active",
        0,
    )


def entry(name: str, state: State, *collections: str, updated: int = 0) -> IntakeEntry:
    return IntakeEntry(ACME, f"s3://b/{name}", state, "role", updated, collections=frozenset(collections))


def test_documents_count_in_every_collection_that_holds_them() -> None:
    records = [record("a", HAND), record("b", HAND, DEEP), record("c")]
    found = standings(records, {each.document: frozenset({(2, 3)}) for each in records}, [])
    assert {name: (each.registered, each.indexed) for name, each in found.collections.items()} == {
        HAND: (2, 2), DEEP: (1, 1), NONE: (1, 1),
    }  # fmt: skip
    assert (found.whole.registered, found.whole.behind, found.whole.needs_a_hand) == (3, 0, False)


@pytest.mark.parametrize("stamps", [frozenset(), frozenset({(1, 3)}), frozenset({(2, 2)}), frozenset({(3, 4)})])
def test_document_that_the_index_has_otherwise_than_the_registry_is_behind(stamps: frozenset[tuple[int, int]]) -> None:
    found = standings([record("a", HAND)], {EntityId("acme/a"): stamps}, [])
    assert (found.collections[HAND].behind, found.missing) == (1, ["acme/a"])
    assert found.whole.needs_a_hand


def test_version_that_is_about_to_be_taken_beside_the_current_one_is_no_trouble() -> None:
    found = standings([record("a", HAND)], {EntityId("acme/a"): frozenset({(2, 3), (3, 4)})}, [])
    assert (found.whole.indexed, found.whole.needs_a_hand) == (1, False)


def test_retired_documents_count_nowhere() -> None:
    assert standings([replace(record("a", HAND), status="retired")], {}, []).collections == {}


def test_sources_count_by_what_became_of_them_and_the_latest_come_first() -> None:
    entries = [
        entry("a", "waiting", HAND, updated=1), entry("b", "refused", updated=2), entry("c", "failed", HAND, updated=3),
        entry("d", "taken", HAND, updated=4), entry("e", "retired", HAND, updated=5),
    ]  # fmt: skip
    found = standings([], {}, entries)
    hand = found.collections[HAND]
    assert (hand.waiting, hand.refused, hand.failed, hand.behind) == (1, 0, 1, 1)
    assert found.collections[NONE].refused == 1
    assert [each.source[-1] for each in found.troubles] == ["c", "b"]
    assert [each.source[-1] for each in found.latest] == ["e", "d", "c", "b", "a"]
    assert found.whole.needs_a_hand
    assert not standings([], {}, entries[:1]).whole.needs_a_hand
