"""From a token to the first word, with the room before the model and without it, over backends of fixed latency."""

from collections.abc import Iterator
from itertools import count, repeat
from time import sleep

from bench.clock import interleaved, p50, p95, processor_milliseconds
from bench.figures import Figure, at_most
from bench.room import Backends, Room, room
from bench.stubs import SEARCH, SlowDirectory, SlowEmbedder, SlowIndex, SlowRegistry
from bench.world import policies, reader, shelf
from retrieval.index import Hits, Query
from service.prompt import Question

GROUPS = (10, 10_000)
_THINKING = 0.300
"""Seconds that the model stub of the first-token figure waits."""
_HITS = 10
_QUESTION = Question("When may the plan be read outside?")
_PART = "1. Latency over backends of fixed latency (embed 20 ms beside directory 5, search 20, registry 5, record 5)"


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures of whole requests."""
    rounds, streams = (20, 8) if quick else (200, 40)
    for groups in GROUPS:
        with room(_backends(groups), _HITS, 0) as each:
            yield from overhead(_PART, each, rounds, f"{groups:,} groups")
    for groups in GROUPS:
        with room(_backends(groups), _HITS, _THINKING) as each:
            taken = interleaved({"secured": each.secured, "unsecured": each.unsecured}, streams)
        ratio = p50(taken["secured"]) / p50(taken["unsecured"])
        name = f"first token, model {_THINKING * 1000:.0f} ms: secured / unsecured, {groups:,} groups, p50"
        yield Figure(_PART, name, ratio, "times", at_most(1.05))


def overhead(part: str, over: Room, rounds: int, who: str) -> Iterator[Figure]:
    """Yield what the room adds to the same request without it."""
    taken = interleaved({"secured": over.secured, "unsecured": over.unsecured, "two calls": over.two_calls}, rounds)
    secured, unsecured, two_calls = taken["secured"], taken["unsecured"], taken["two calls"]
    yield Figure(part, f"secured / unsecured, {who}, p50", p50(secured) / p50(unsecured), "times", at_most(1.5))
    yield Figure(part, f"secured / unsecured, {who}, p95", p95(secured) / p95(unsecured), "times", at_most(2.0))
    yield Figure(part, f"secured, {who}, p50", p50(secured), "ms")
    yield Figure(part, f"unsecured, {who}, p50", p50(unsecured), "ms")
    busy = processor_milliseconds(over.secured, rounds // 4) - processor_milliseconds(over.unsecured, rounds // 4)
    yield Figure(part, f"processor time added by security, {who}, p50", busy, "ms")
    yield Figure(part, f"added to vector and search alone, {who}, p50", p50(secured) - p50(two_calls), "ms")


def _backends(groups: int) -> Backends:
    books = shelf(_HITS)
    index = SlowIndex(books, policies().attributes.document)

    def search(_: Query) -> Hits:
        sleep(SEARCH)
        return books.hits

    return Backends(
        directory=SlowDirectory(reader(groups)),
        embedder=SlowEmbedder(),
        index=lambda: index,
        registry=SlowRegistry(records=dict(books.view.records), passages=dict(books.view.passages)),
        unsecured=search,
        questions=repeat(_QUESTION),
        milliseconds=count(),
    )
