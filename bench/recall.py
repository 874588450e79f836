"""What a reader finds of what is theirs: the filter inside the search, and beside it the filter after the search."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np

from bench.clock import p50, timed
from bench.corpus import PER_DOCUMENT, Corpus, corpus, found, name, scope_of
from bench.exact import ExactSearch
from bench.figures import Figure, at_least, at_most
from retrieval.deadline import Deadline
from retrieval.index import Hits, Query
from retrieval.sqlite import SQLiteIndex

K = 10
_VISIBLE = (0.1, 1, 10, 50, 90)


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures of completeness."""
    documents, questions = (400, 10) if quick else (2_000, 50)
    books = corpus(documents)
    exact, asked = ExactSearch(books), books.questions(questions, documents)
    part = f"3. Recall@{K} against exact search over the reader's own passages, of {documents * PER_DOCUMENT:,} in all"
    with TemporaryDirectory() as folder:
        index = books.index(Path(folder) / "index.sqlite", documents)
        for percent in _VISIBLE:
            yield from _visible(part, index, books, exact, asked, percent)


def _visible(
    part: str, index: SQLiteIndex, books: Corpus, exact: ExactSearch, asked: Sequence[Query], percent: float
) -> Iterator[Figure]:
    allowed = books.rows(percent)
    full = min(K, len(allowed))
    scope = scope_of(percent)
    answers: list[list[Hits]] = [[], []]
    taken = []

    def search(query: Query, kind: int) -> None:
        answers[kind].append(index.search(query, scope, K, Deadline.after(60)))

    for query in asked:
        taken.append(timed(lambda query=query: search(query, 0)))  # type: ignore[misc]
        search(replace(query, text=""), 1)  # without a word only the vector leg finds
    both = [exact.fused(query, allowed, allowed, K) for query in asked]
    near = [exact.vector_leg(query, allowed, K) for query in asked]
    who = f"{percent:g} % visible"
    yield Figure(part, f"{who}, fused", _recall(answers[0], both, books), "", at_least(1))
    yield Figure(part, f"{who}, vector leg", _recall(answers[1], near, books), "", at_least(1))
    short = sum(len(hits) < full for kind in answers for hits in kind)
    yield Figure(part, f"{who}, short answers of {2 * len(asked)}", short, "", at_most(0))
    yield from afterwards(part, books, exact, asked, percent)
    yield Figure(part, f"{who}, search of both legs, p50", p50(taken), "ms")


def afterwards(
    part: str, books: Corpus, exact: ExactSearch, asked: Sequence[Query], percent: float
) -> Iterator[Figure]:
    """Yield what is left if the best of everybody's passages are found first, and filtered then."""
    allowed, everything = books.rows(percent), np.arange(len(books.texts))
    full, who = min(K, len(allowed)), f"{percent:g} % visible"
    near = [exact.vector_leg(query, allowed, K) for query in asked]
    for wide in (K, 50):
        kept = [[row for row in exact.vector_leg(query, everything, wide) if row < len(allowed)][:K] for query in asked]
        share = mean(len(set(rows) & set(own)) / full for rows, own in zip(kept, near, strict=True))
        short = sum(len(rows) < full for rows in kept)
        yield Figure(part, f"{who}, best {wide} filtered afterwards: recall", share)
        yield Figure(part, f"{who}, best {wide} filtered afterwards: short answers of {len(asked)}", short)


def _recall(answers: Sequence[Hits], best: Sequence[Sequence[int]], books: Corpus) -> float:
    shares = (
        len(set(found(hits)) & {name(books.texts[row]) for row in rows}) / len(rows)
        for hits, rows in zip(answers, best, strict=True)
    )
    return mean(shares)
