"""Whether hidden documents show in what a reader is cited: the same questions with them in the index, and without."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.corpus import PER_DOCUMENT, Corpus, corpus, found, scope_of
from bench.exact import ExactSearch
from bench.figures import Figure, at_most
from retrieval.deadline import Deadline
from retrieval.index import Query
from retrieval.sqlite import SQLiteIndex

_VISIBLE = (1, 10, 50)
_CITED = 8
"""Passages in a prompt, as the settings' default has it."""


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures of threat L-09: a rank that depends on what its reader may not see."""
    documents, questions = (200, 20) if quick else (1_000, 200)
    books = corpus(documents)
    exact = ExactSearch(books)
    part = f"5. Hidden documents and what is cited ({questions} questions, {documents * PER_DOCUMENT:,} passages)"
    with TemporaryDirectory() as folder:
        whole = books.index(Path(folder) / "whole.sqlite", documents)
        for percent in _VISIBLE:
            own = books.index(Path(folder) / f"own-{percent}.sqlite", books.visible(percent))
            asked = books.questions(questions, books.visible(percent))
            yield from _compare(part, (whole, own), books, exact, asked, percent)


def _compare(
    part: str, indexes: tuple[SQLiteIndex, SQLiteIndex], books: Corpus, exact: ExactSearch, asked: Sequence[Query],
    percent: float,
) -> Iterator[Figure]:  # fmt: skip
    scope, allowed, everything = scope_of(percent), books.rows(percent), np.arange(len(books.texts))
    with_hidden, without = (
        [found(index.search(query, scope, _CITED, Deadline.after(60))) for query in asked] for index in indexes
    )
    own = [list(exact.fused(query, allowed, allowed, _CITED)) for query in asked]
    leaking = [list(exact.fused(query, allowed, everything, _CITED)) for query in asked]
    who = f"{percent:g} % visible"
    order, membership = _changes(with_hidden, without)
    yield Figure(part, f"{who}, order of the cited set changed", order, "%", at_most(0))
    yield Figure(part, f"{who}, members of the cited set changed", membership, "%", at_most(0))
    order, membership = _changes(leaking, own)
    yield Figure(part, f"{who}, order, under the statistics of all documents", order, "%")
    yield Figure(part, f"{who}, members, under the statistics of all documents", membership, "%")


def _changes(left: Sequence[Sequence[object]], right: Sequence[Sequence[object]]) -> tuple[float, float]:
    """Return in how many percent of the answers the order, and the members, differ."""
    pairs = list(zip(left, right, strict=True))
    order = sum(list(one) != list(other) for one, other in pairs)
    members = sum(set(one) != set(other) for one, other in pairs)
    return 100 * order / len(pairs), 100 * members / len(pairs)
