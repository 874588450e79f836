"""Vectors as a model of texts gives them: near a subspace of few dimensions, and in clusters.

A point for each topic, around it one for each document, around that one for each passage, and a little noise in all
dimensions. Vectors without any such structure have no near neighbours, and no graph of neighbours finds its way among
them.
"""

import numpy as np
import numpy.typing as npt

from retrieval.embedder import Vectors

DIMENSIONS = 384
TOPICS = 10
_LATENT = 32
"""Dimensions of the subspace that the vectors lie near."""
_DOCUMENT, _PASSAGE, _NOISE = 0.7, 0.5, 0.1
"""How far documents lie from their topic's point, passages from their document's, all from the subspace: topics 1."""


def topic_of(place: int, places: int) -> int:
    """Return the topic at `place` of `places`: neighbours share theirs."""
    return place * TOPICS // places


def clustered(documents: int, passages: int, random: np.random.Generator) -> Vectors:
    """Return a unit vector for each of `passages` of each document.

    Half of the documents keep to the topic of their place, the others to any, as a department's documents do.
    """
    axes, _ = np.linalg.qr(random.normal(size=(DIMENSIONS, _LATENT)))
    own = [topic_of(each, documents) for each in range(documents)]
    topics = np.where(random.random(documents) < 1 / 2, random.integers(TOPICS, size=documents), own)
    centres = random.normal(size=(TOPICS, _LATENT))[topics]
    centres += _DOCUMENT * random.normal(size=centres.shape)
    around = np.repeat(centres, passages, axis=0)
    points = unit(around + _PASSAGE * random.normal(size=around.shape))
    noise = random.normal(size=(len(points), DIMENSIONS)) * (_NOISE / DIMENSIONS**0.5)
    return unit(points @ axes.T + noise)


def unit(vectors: npt.NDArray[np.float32] | npt.NDArray[np.float64]) -> Vectors:
    """Return `vectors` of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)
