"""Every engine, leg by leg, over the corpus of hostile documents: what it finds is what Cedar allows."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from authz.schema import read_schema
from tests.conformance.case import SCHEMAS, Case
from tests.conformance.cases import CASES, REGRESSIONS
from tests.conformance.comparison import Doors, compare, scope_under
from tests.conformance.engines import ENGINES
from tests.conformance.kit import Shelf, fill
from tests.conformance.oracle import Oracle
from tests.support.worlds import NOW

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]

ALL = [*CASES, *REGRESSIONS]
ShelfOf = Callable[[Case], Shelf]


@pytest.fixture(scope="module")
def shelf_of(engine: str) -> Iterator[ShelfOf]:
    """Return how to put a case's documents on a shelf; cases with the same documents share one."""
    with ExitStack() as stack:
        kept: dict[str, Shelf] = {}

        def shelf(case: Case) -> Shelf:
            key = f"{case.schema} {case.documents}"
            if key not in kept:
                types = read_schema(SCHEMAS[case.schema])
                kept[key] = fill(stack.enter_context(ENGINES[engine](types)), case.resources(), types)
            return kept[key]

        yield shelf


@pytest.mark.parametrize("case", ALL, ids=[case.name for case in ALL])
def test_every_way_decides_a_hostile_case_as_cedar_does(case: Case, shelf_of: ShelfOf) -> None:
    world, shelf = case.world(), shelf_of(case)
    oracle = Oracle.of(shelf.documents, [world.held], world.policies)
    compared = compare(world, shelf, oracle, Doors())
    assert compared.differences == []
    if case in CASES:
        assert 0 < compared.allowed < len(shelf.documents), "a case allows some and denies some"


@pytest.mark.parametrize("case", CASES[::6], ids=[case.name for case in CASES[::6]])
def test_list_is_what_cedar_allows_in_the_order_of_ids(case: Case, shelf_of: ShelfOf) -> None:
    world, shelf = case.world(), shelf_of(case)
    wanted = Oracle.of(shelf.documents, [world.held], world.policies).allowed(world.held, world.policies)
    asked = scope_under(world, Doors().condition(world.held, world.policies, NOW))
    assert shelf.listed(asked) == sorted(wanted)


def test_names_of_cases_differ() -> None:
    assert len({case.name for case in ALL}) == len(ALL)
