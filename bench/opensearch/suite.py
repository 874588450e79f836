"""All figures of OpenSearch, from two indices of one run: a full one, and one of a tenth of it to compare with."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console

from bench.corpus import PER_DOCUMENT, corpus
from bench.figures import Bench, Figure
from bench.opensearch import groups, growth, legs, recall, request
from bench.opensearch.filled import SHARE, filled
from bench.opensearch.node import node, versions
from bench.recall import K
from retrieval.opensearch_client import Engine

_FULL, _QUICK = 20_000, 1_000
"""Documents of the full index; the small one has a tenth."""


@contextmanager
def opened() -> Iterator[Bench]:
    """Yield the measurements of a running engine."""
    with node() as engine:
        yield Bench({"opensearch": partial(measure, engine)}, versions(engine))


def measure(engine: Engine, *, quick: bool) -> Iterator[Figure]:
    """Yield the figures of OpenSearch."""
    documents, rounds, questions = (_QUICK, 20, 20) if quick else (_FULL, 100, 100)
    scale = f"{documents * PER_DOCUMENT:,} passages"
    Console().print(f"• writing a tenth of {scale}, and all of them", style="dim")
    with filled(engine, corpus(documents // 10)) as small, filled(engine, corpus(documents)) as full:
        yield from legs.measure(full, f"1. OpenSearch: each leg with and without a filter ({scale})", rounds)
        against = f"recall@{K} against exact search over the reader's own passages"
        yield from recall.measure(full, f"2. OpenSearch: {against} ({scale}, {questions} questions)", questions)
        yield from groups.measure(full, f"3. OpenSearch: groups of the reader ({scale}, {SHARE} % visible)", rounds)
        yield from growth.measure(small, full, f"4. OpenSearch: growth to {scale}", rounds)
        waits = "embed 20 ms beside directory 5 and pointer 5, registry 5, record 5"
        yield from request.measure(full, f"5. OpenSearch: whole requests ({scale}, {SHARE} % visible; {waits})", rounds)
