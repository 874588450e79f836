"""What a reader finds of what is theirs, by the graph of neighbours, against exact search over their own passages."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean

import numpy as np

from authz.scope import Scope
from bench.corpus import VISIBLE, found, name, scope_of
from bench.exact import LEG, ExactSearch
from bench.figures import Figure, at_least, at_most
from bench.opensearch.filled import Filled
from bench.opensearch.searches import SECONDS, unfiltered
from bench.recall import K, afterwards
from retrieval.deadline import Deadline
from retrieval.fusion import fuse
from retrieval.index import Query
from retrieval.opensearch_mapping import DOCUMENT, ORDINAL
from retrieval.opensearch_query import header, vector_leg

_Names = Sequence[tuple[str, int]]


def measure(full: Filled, part: str, count: int) -> Iterator[Figure]:
    """Yield the figures of completeness; of each two questions one is about what the reader sees, one about all."""
    books, exact = full.books, ExactSearch(full.books)
    everybodys = books.questions(count // 2, books.documents)
    yield Figure(
        part, "no filter, vector leg: what the graph of neighbours finds by itself", _graph(full, exact, everybodys)
    )
    for percent in VISIBLE:
        asked = [*everybodys, *books.questions(count // 2, books.visible(percent), seed=8)]
        yield from _visible(full, part, exact, asked, percent)
        yield from afterwards(part, books, exact, asked, percent)


def _visible(full: Filled, part: str, exact: ExactSearch, asked: Sequence[Query], percent: float) -> Iterator[Figure]:
    books, who, scope = full.books, f"{percent:g} % visible", scope_of(percent)
    allowed = books.rows(percent)
    whole = min(LEG, len(allowed))
    legs = [_legs(full, query, scope) for query in asked]
    near = [[name(books.texts[row]) for row in exact.vector_leg(query, allowed)] for query in asked]
    own = [fuse([leg["text"], best], K) for leg, best in zip(legs, near, strict=True)]
    fused = [fuse(leg.values(), K) for leg in legs]
    vector = [leg["vector"] for leg in legs]
    wanted = f"{who}, fused with the engine's own text leg: of those with an exact vector leg"
    yield Figure(part, f"{who}, vector leg", _recall(vector, near, K), "", at_least(0.99))
    yield Figure(part, wanted, _recall(fused, own, K), "", at_least(0.99))
    yield Figure(part, f"{who}, vector leg, recall@{LEG}: all that it hands to the fusion", _recall(vector, near, LEG))
    short = sum(len(leg) < whole for leg in vector)
    yield Figure(part, f"{who}, vector legs of {len(asked)} with fewer than {whole}", short, "", at_most(0))


def _graph(full: Filled, exact: ExactSearch, asked: Sequence[Query]) -> float:
    """Return the recall of everybody's passages, with no filter in the search."""
    rows, head = np.arange(len(full.books.texts)), header(full.index.name)
    answers = (full.index.engine.search([(head, unfiltered(vector_leg, each, LEG))], SECONDS)[0] for each in asked)
    names = [[(row["_source"][DOCUMENT], row["_source"][ORDINAL]) for row in answer] for answer in answers]
    near = [[name(full.books.texts[row]) for row in exact.vector_leg(query, rows)] for query in asked]
    return _recall(names, near, K)


def _legs(full: Filled, query: Query, scope: Scope) -> Mapping[str, _Names]:
    legs = full.index.legs(query, scope, Deadline.after(SECONDS))
    return {leg: found(hits) for leg, hits in legs.items()}


def _recall(answers: Sequence[_Names], best: Sequence[_Names], k: int) -> float:
    pairs = zip(answers, best, strict=True)
    return mean(len(set(answer[:k]) & set(wanted[:k])) / len(wanted[:k]) for answer, wanted in pairs)
