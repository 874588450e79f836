"""The cache of closures: bounded by the groups that it holds."""

from authz.closure_cache import ClosureCache
from authz.directory import Closure
from authz.resource import EntityId

ANA, BEN = EntityId("acme/ana"), EntityId("acme/ben")


def closure(size: int) -> Closure:
    return Closure.of(EntityId(f"acme/g{number}") for number in range(size))


def test_closure_is_found_by_person_and_generation_only() -> None:
    cache = ClosureCache(10)
    cache.keep(ANA, "1", closure(3))
    assert cache.get(ANA, "1") == closure(3)
    assert cache.get(ANA, "2") is None
    assert cache.get(BEN, "1") is None


def test_closure_unused_for_longest_goes_first() -> None:
    cache = ClosureCache(10)
    cache.keep(ANA, "1", closure(5))
    cache.keep(BEN, "1", closure(5))
    cache.get(ANA, "1")
    cache.keep(BEN, "2", closure(5))
    assert cache.get(BEN, "1") is None
    assert cache.get(ANA, "1") is not None


def test_closure_larger_than_the_cache_is_not_held_and_costs_no_room() -> None:
    cache = ClosureCache(10)
    cache.keep(ANA, "1", closure(11))
    assert cache.get(ANA, "1") is None
    cache.keep(BEN, "1", closure(10))
    cache.keep(BEN, "1", closure(10))
    assert cache.get(BEN, "1") is not None
