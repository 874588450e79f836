"""What a ten times larger index costs: to search, to write, to keep."""

from collections.abc import Iterator

from bench.clock import interleaved, p50
from bench.corpus import scopes_of
from bench.figures import Figure
from bench.opensearch.filled import Filled
from bench.opensearch.searches import searching
from bench.recall import K

_VISIBLE = (1, 10, 50)


def measure(small: Filled, full: Filled, part: str, rounds: int) -> Iterator[Figure]:
    """Yield the figures of growth."""
    for percent in _VISIBLE:
        scopes = scopes_of(percent, rounds)
        contenders = {
            who: searching(each.index, each.books.questions(rounds, each.books.documents), scopes, K)
            for who, each in (("small", small), ("full", full))
        }
        interleaved(contenders, rounds // 4)
        taken = interleaved(contenders, rounds)
        name = f"search of both legs, {percent:g} % visible, {_passages(full)} / {_passages(small)} passages, p50"
        yield Figure(part, name, p50(taken["full"]) / p50(taken["small"]), "times")
    for each in (small, full):
        who, count = f"{_passages(each)} passages", len(each.books.texts)
        yield Figure(part, f"{who}, written in batches by two threads", count / each.seconds, "per s")
        yield Figure(part, f"{who}, on disk, once merged as far as it merges by itself", each.size / 1e6, "MB")
        yield Figure(part, f"{who}, segments", each.segments)


def _passages(each: Filled) -> str:
    return f"{len(each.books.texts):,}"
