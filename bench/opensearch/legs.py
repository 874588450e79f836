"""What the filter costs in each leg: the same search with the scope's filter, with `match_all`, and with none."""

from collections.abc import Iterator

from bench.clock import interleaved, p50
from bench.corpus import VISIBLE, scopes_of
from bench.figures import Figure, at_most
from bench.opensearch.filled import Filled
from bench.opensearch.searches import EVERYTHING, LEGS, Leg, asking, body, clause, unfiltered
from retrieval.opensearch import LEG

_NONE, _ALL = "no filter", "match_all"


def measure(full: Filled, part: str, rounds: int) -> Iterator[Figure]:
    """Yield the figures of both legs."""
    for name, leg in LEGS.items():
        yield from _leg(full, part, rounds, name, leg)


def _leg(full: Filled, part: str, rounds: int, name: str, leg: Leg) -> Iterator[Figure]:
    asked = full.books.questions(rounds, full.books.documents)
    bodies = {
        _NONE: [unfiltered(leg, query, LEG) for query in asked],
        _ALL: [body(leg, query, EVERYTHING, LEG) for query in asked],
    }
    for percent in VISIBLE:
        clauses = [clause(scope) for scope in scopes_of(percent, rounds)]
        bodies[f"{percent:g} %"] = [body(leg, query, each, LEG) for query, each in zip(asked, clauses, strict=True)]
    contenders = {who: asking(full.index, each) for who, each in bodies.items()}
    interleaved(contenders, rounds // 2)  # the JVM compiles what it is asked often
    taken = {who: p50(times) for who, times in interleaved(contenders, rounds).items()}
    ratios = {who: times / taken[_NONE] for who, times in taken.items() if who != _NONE}
    for who, ratio in ratios.items():
        what = f"{who} visible" if who != _ALL else who
        yield Figure(part, f"{name} leg, {what} / {_NONE}, p50", ratio, "times")
    worst = max(ratio for who, ratio in ratios.items() if who != _ALL)
    yield Figure(part, f"{name} leg, worst of the visible shares / {_NONE}, p50", worst, "times", at_most(3))
    yield Figure(part, f"{name} leg, {_NONE}, p50", taken[_NONE], "ms")
