"""Random policies, people and documents on every engine: what `make prove` does, with a fresh seed in each test run."""

from collections.abc import Iterator, Sequence
from itertools import chain, count

import pytest

from authz.scope import condition_for
from retrieval.admission import Passage, admit
from retrieval.deadline import Deadline
from retrieval.document import PassageDigest, PassageId, content_digest, text_digest
from tests.conformance.case import SCHEMAS
from tests.conformance.comparison import Difference, World, scope_under
from tests.conformance.defects import DEFECTS, DOOR_ONE
from tests.conformance.kit import QUERY, Shelf
from tests.conformance.oracle import Oracle
from tests.conformance.prove import Tally, tallies, worlds
from tests.conformance.seed import SEED
from tests.support.doors import record_of
from tests.support.memory import MemoryRegistry
from tests.support.worlds import NOW

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(900)]

PAIRS = {"sqlite": 40_000, "opensearch": 25_000}
"""For each of two schemas, in each test run; `make prove` goes on for as long as one likes."""
FEW, MANY = 40, 4_000
"""Worlds for each defect: the first number at least, and more until one shows it, up to the second."""


def told(world: World, found: Sequence[Difference]) -> str:
    """Return what is needed to see a difference again."""
    return f"ANTECHAMBER_SEED={SEED}\n{world.policies.sources['policies.cedar']}\n{world.held}\n{found[0]}"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_random_worlds_are_decided_the_same_every_way(schema: str, engine: str, shelves: dict[str, Shelf]) -> None:
    total = sum(tallies(SEED, PAIRS[engine], shelves[schema], schema, told), Tally())
    assert (total.leaks, total.losses) == (0, 0), total.regressions
    assert total.pairs >= PAIRS[engine]
    assert min(total.allowed, total.pairs - total.allowed) > total.pairs / 100, "both outcomes are common"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_list_is_what_cedar_allows_in_the_order_of_ids(schema: str, shelves: dict[str, Shelf]) -> None:
    for _, (world, oracle) in zip(range(4), worlds(f"{SEED} list", shelves[schema], schema), strict=False):
        asked = scope_under(world, condition_for(world.held, world.policies, NOW))
        wanted = sorted(oracle.allowed(world.held, world.policies))
        assert shelves[schema].listed(asked) == wanted, f"ANTECHAMBER_SEED={SEED}"


@pytest.mark.parametrize("defect", DEFECTS)
def test_comparison_finds_a_planted_defect(defect: str, shelves: dict[str, Shelf]) -> None:
    for tally in tallies(f"{SEED} {defect}", 400 * 300, shelves["shipped"], "shipped", told, DEFECTS[defect]):
        if tally.leaks or tally.losses:
            return
    pytest.fail(f"ANTECHAMBER_SEED={SEED}: {defect} went unnoticed")


@pytest.mark.parametrize("defect", DOOR_ONE)
def test_defect_of_door_one_does_not_leak_through_the_admission(defect: str, shelves: dict[str, Shelf]) -> None:
    shelf, doors = shelves["shipped"], DOOR_ONE[defect]
    registry, found_more = registered(shelf), 0
    for tried, (world, oracle) in zip(range(MANY), several_worlds(f"{SEED} {defect}", shelf), strict=False):
        if tried >= FEW and found_more:
            return
        allowed = oracle.allowed(world.held, world.policies)
        asked = scope_under(world, doors.condition(world.held, world.policies, NOW))
        legs = doors.index(shelf.index).legs(QUERY, asked, Deadline.after(60))
        hits = sorted({hit for leg in legs.values() for hit in leg}, key=lambda hit: hit.document not in allowed)[-50:]
        found_more += any(hit.document not in allowed for hit in hits)
        admission = admit(hits, asked, world.policies, registry, lambda: NOW)
        disclosed = {each.document for each in admission.decisions if isinstance(each, Passage)}
        # An id of another tenant is dropped whatever its attributes say.
        wanted = {hit.document for hit in hits if hit.tenant == world.held.tenant} & allowed
        assert disclosed == wanted, f"ANTECHAMBER_SEED={SEED}"
    assert found_more, f"ANTECHAMBER_SEED={SEED}: the defect never let the index find what is denied"


def several_worlds(seed: str, shelf: Shelf) -> Iterator[tuple[World, Oracle]]:
    """Yield worlds without end: a defect that few policies show takes some seeds hundreds of them to be seen."""
    return chain.from_iterable(worlds(f"{seed} {round_}", shelf, "shipped") for round_ in count())


def registered(shelf: Shelf) -> MemoryRegistry:
    """Return a registry that knows the documents of `shelf`, as they are."""
    registry = MemoryRegistry()
    for number, each in enumerate(shelf.documents):
        record = record_of(
            each.uid, title=f"Title of {number}", attributes=each.attributes, collections=each.collections
        )
        registry.records[each.uid] = record
        digest = PassageDigest(content_digest(record.sha256, record.title), text_digest(f"passage {number}"), 0, 1)
        registry.passages[PassageId(each.uid, 1, 1)] = digest
    return registry
