"""What each door costs by itself as the reader's groups grow, with no backend to wait for."""

from collections.abc import Callable, Iterator

from authz.scope import scope
from bench.clock import interleaved, p50, p95
from bench.figures import Figure, at_most
from bench.world import NOW, policies, principal, reader, shelf
from retrieval.admission import admit
from tests.support.memory import MemoryRegistry

GROUPS = (10, 1_000, 10_000, 70_000)
_PART = "2. The two doors alone: 10 hits"


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures of door two and door one."""
    rounds = 50 if quick else 500
    two = interleaved({str(groups): _door_two(groups) for groups in GROUPS}, rounds)
    ratio = p50(two["10000"]) / p50(two["10"])
    yield Figure(_PART, "door two (admit), 10,000 groups / 10 groups, p50", ratio, "times", at_most(1.2))
    for groups in GROUPS:
        yield Figure(_PART, f"door two (admit), {groups:,} groups, p50", p50(two[str(groups)]), "ms")
        yield Figure(_PART, f"door two (admit), {groups:,} groups, p95", p95(two[str(groups)]), "ms")
    one = interleaved({str(groups): _door_one(groups) for groups in GROUPS}, rounds)
    for groups in GROUPS:
        yield Figure(_PART, f"door one (scope), {groups:,} groups, p50", p50(one[str(groups)]), "ms")
        yield Figure(_PART, f"door one (scope), {groups:,} groups, p95", p95(one[str(groups)]), "ms")


def _door_two(groups: int) -> Callable[[], object]:
    rules, books = policies(), shelf()
    allowed = scope(principal(reader(groups)), rules, NOW)
    registry = MemoryRegistry(records=dict(books.view.records), passages=dict(books.view.passages))
    return lambda: admit(books.hits, allowed, rules, registry, lambda: NOW)


def _door_one(groups: int) -> Callable[[], object]:
    rules, who = policies(), principal(reader(groups))
    return lambda: scope(who, rules, NOW)
