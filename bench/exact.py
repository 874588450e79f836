"""An exact search to compare with, written apart from the index: cosine in double precision, BM25 from its formula.

Which passages may be found, and from which passages the statistics of BM25 come, are two questions here, so that it can
also play the search that this application avoids: only allowed hits, but ranked with what the hidden ones say.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import log

import numpy as np
import numpy.typing as npt

from bench.corpus import Corpus
from retrieval.fusion import fuse
from retrieval.index import Query

Rows = npt.NDArray[np.int64]
LEG = 50
"""How many passages each leg hands to the fusion, as in the index."""
_K1, _B = 1.2, 0.75


class ExactSearch:
    """Exact search over a corpus."""

    def __init__(self, corpus: Corpus) -> None:
        self._vectors = corpus.vectors.astype(np.float64)
        self._lengths = np.array([len(text.words) for text in corpus.texts])
        self._texts = corpus.texts

    def vector_leg(self, query: Query, allowed: Rows, limit: int = LEG) -> list[int]:
        """Return the `allowed` rows nearest to the question, best first."""
        scores = (self._vectors @ query.vector.astype(np.float64))[allowed]
        return [int(row) for row in allowed[np.argsort(-scores, kind="stable")[:limit]]]

    def text_leg(self, query: Query, allowed: Rows, statistics: Rows) -> list[int]:
        """Return the `allowed` rows of the highest BM25, with document counts and lengths of the rows `statistics`."""
        mean = float(self._lengths[statistics].mean())
        may, counted = set(allowed.tolist()), set(statistics.tolist())
        scores: dict[int, float] = defaultdict(float)
        for word in sorted(set(query.text.split())):
            postings = self._postings.get(word, {})
            frequency = len(postings.keys() & counted)
            weight = log(1 + (len(counted) - frequency + 0.5) / (frequency + 0.5))
            for row in postings.keys() & may:
                count = postings[row]
                scores[row] += (
                    weight * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * int(self._lengths[row]) / mean))
                )
        return sorted(scores, key=lambda row: (-round(scores[row], 12), row))[:LEG]

    def fused(self, query: Query, allowed: Rows, statistics: Rows, k: int) -> Sequence[int]:
        """Return the `k` best of both legs."""
        return fuse([self.text_leg(query, allowed, statistics), self.vector_leg(query, allowed)], k)

    @cached_property
    def _postings(self) -> Mapping[str, Mapping[int, int]]:
        postings: dict[str, dict[int, int]] = defaultdict(dict)
        for row, text in enumerate(self._texts):
            for word, count in Counter(text.words).items():
                postings[word][row] = count
        return dict(postings)
