"""What a search costs as the reader's groups grow: each of them is sent, and looked up, in both legs."""

from collections.abc import Iterator

from bench.clock import interleaved, p50
from bench.corpus import scopes_of
from bench.figures import Figure, at_most
from bench.opensearch.filled import SHARE, Filled
from bench.opensearch.searches import searching
from bench.recall import K

_GROUPS = (10, 1_000, 10_000, 70_000)


def measure(full: Filled, part: str, rounds: int) -> Iterator[Figure]:
    """Yield the figures of whole searches, all of readers who see the same share."""
    asked = full.books.questions(rounds, full.books.documents)
    contenders = {str(groups): searching(full.index, asked, scopes_of(SHARE, rounds, groups), K) for groups in _GROUPS}
    interleaved(contenders, rounds // 4)
    taken = {who: p50(times) for who, times in interleaved(contenders, rounds).items()}
    for groups in _GROUPS[1:]:
        goal = at_most(2) if groups == 10_000 else None
        ratio = taken[str(groups)] / taken["10"]
        yield Figure(part, f"search of both legs, {groups:,} groups / 10 groups, p50", ratio, "times", goal)
    for groups in _GROUPS:
        yield Figure(part, f"search of both legs, {groups:,} groups, p50", taken[str(groups)], "ms")
