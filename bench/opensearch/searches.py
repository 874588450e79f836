"""The searches that are timed: the application's own bodies, with the scope's filter, with `match_all`, with none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from authz.scope import Scope
from bench.world import policies
from retrieval.deadline import Deadline
from retrieval.index import Query
from retrieval.opensearch import OpenSearchIndex
from retrieval.opensearch_filter import Clause, bounded, opensearch_filter
from retrieval.opensearch_query import Search, header, text_leg, vector_leg

Leg = Callable[[Query, Clause, int, int], Search]
LEGS: Mapping[str, Leg] = {"text": text_leg, "vector": vector_leg}
EVERYTHING: Clause = {"match_all": {}}
SECONDS = 60


def clause(scope: Scope) -> Clause:
    """Return the filter of `scope`, as the index renders it."""
    return bounded(opensearch_filter(scope.condition, policies().attributes.document))


def body(leg: Leg, query: Query, allowed: Clause, size: int) -> Search:
    """Return the application's search of one leg."""
    return leg(query, allowed, size, SECONDS * 1000)


def unfiltered(leg: Leg, query: Query, size: int) -> Search:
    """Return the application's search of one leg without any filter of access: as if there were none to send."""
    bare: Search = _without(EVERYTHING, body(leg, query, EVERYTHING, size))
    return bare


def asking(index: OpenSearchIndex, bodies: Sequence[Search]) -> Callable[[], object]:
    """Return what sends the next of `bodies`, again and again, and reads the answer as the index does."""
    head, following = header(index.name), cycle(bodies)
    return lambda: index.engine.search([(head, next(following))], SECONDS)


def searching(index: OpenSearchIndex, asked: Sequence[Query], scopes: Sequence[Scope], k: int) -> Callable[[], object]:
    """Return what makes the next whole search, both legs, by the application's own index."""
    following: Iterator[tuple[Query, Scope]] = cycle(zip(asked, scopes, strict=True))

    def search() -> object:
        query, scope = next(following)
        return index.search(query, scope, k, Deadline.after(SECONDS))

    return search


def _without(removed: Clause, part: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(part, Mapping):
        return {key: _without(removed, each) for key, each in part.items() if each is not removed}
    if isinstance(part, list):
        return [_without(removed, each) for each in part if each is not removed]
    return part
