"""Reciprocal rank fusion of a query's legs (Cormack, Clarke and Büttcher, SIGIR 2009)."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

K = 60
"""The constant of the paper: how little the first ranks are favoured."""

_T = TypeVar("_T", bound=Hashable)


def fuse(legs: Iterable[Sequence[_T]], limit: int) -> list[_T]:
    """Return the `limit` best of `legs`, each best first, by the sum of 1 / (K + rank)."""
    scores: dict[_T, float] = {}
    for leg in legs:
        for rank, item in enumerate(leg, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (K + rank)
    return sorted(scores, key=scores.__getitem__, reverse=True)[: max(0, limit)]
