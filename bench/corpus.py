"""Documents of random words and random unit vectors in a real SQLite index, and readers who see a known part."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from authz.resource import EntityId
from authz.scope import Scope, scope
from bench.world import NOW, TENANT, policies, principal, reader, record
from retrieval.embedder import Vectors
from retrieval.index import IndexedPassage, Labels, Query
from retrieval.sqlite import SQLiteFile, SQLiteIndex
from retrieval.sqlite_writer import SQLiteIndexWriter

VISIBLE = (0.1, 1, 10, 50, 90)
"""How many percent of the documents a reader sees."""
PER_DOCUMENT = 5
_DIMENSIONS, _WORDS, _VOCABULARY, _TOPICS = 384, 60, 4_000, 10
_QUESTION_WORDS = 4


@dataclass(frozen=True, slots=True)
class Text:
    """One passage: its words, and the document it stands in."""

    document: int
    ordinal: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents 0 to `documents` - 1; a reader of p percent sees the first p percent of them.

    Neighbours share a topic and some of its words, so that what is hidden speaks another way than what is seen.
    """

    documents: int
    texts: tuple[Text, ...]
    vectors: Vectors
    """Unit vectors of shape (passages, dimensions)."""

    def visible(self, percent: float) -> int:
        """Return how many documents a reader of `percent` sees."""
        return max(1, round(self.documents * percent / 100))

    def rows(self, percent: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return the places of the passages that a reader of `percent` sees."""
        return np.arange(self.visible(percent) * PER_DOCUMENT)

    def index(self, path: Path, documents: int) -> SQLiteIndex:
        """Return a new index of the first `documents`, written by the real writer."""
        file = SQLiteFile(path, policies().attributes, "random", _DIMENSIONS)
        file.prepare()
        writer = SQLiteIndexWriter(file)
        for number in range(documents):
            readers = frozenset(_group(percent) for percent in VISIBLE if number < self.visible(percent))
            attributes = record(_document(number), readers).attributes
            start = number * PER_DOCUMENT
            passages = [
                IndexedPassage(text.ordinal, " ".join(text.words), vector)
                for text, vector in zip(self.texts[start:], self.vectors[start : start + PER_DOCUMENT], strict=False)
            ]
            writer.put(_document(number), 1, Labels(1, attributes, frozenset({f"{TENANT}/company"})), passages)
        return SQLiteIndex(file)

    def questions(self, count: int, within: int, seed: int = 7) -> list[Query]:
        """Return `count` questions: some words of one of the first `within` documents, near the vector of another."""
        random = np.random.default_rng(seed)
        asked = []
        for _ in range(count):
            words, near = random.integers(0, within * PER_DOCUMENT, 2)
            chosen = random.choice(self.texts[words].words, _QUESTION_WORDS, replace=False)
            noise = random.normal(size=_DIMENSIONS).astype(np.float32) / _DIMENSIONS**0.5
            asked.append(Query(" ".join(chosen), _unit(self.vectors[near] + noise)))
        return asked


def corpus(documents: int) -> Corpus:
    """Return the corpus of so many documents, the same at each run."""
    random = np.random.default_rng(20261123)
    ranks = np.arange(1, _VOCABULARY + 1)
    common = (1 / ranks) / (1 / ranks).sum()  # Zipf
    texts = []
    for place in range(documents * PER_DOCUMENT):
        topic = place * _TOPICS // (documents * PER_DOCUMENT)
        drawn = random.choice(_VOCABULARY, _WORDS, p=common)
        # A third of the words turn by topic: what is common in one is rare in another.
        turned = np.where(random.random(_WORDS) < 1 / 3, (drawn + 97 * topic) % _VOCABULARY, drawn)
        length = random.integers(_WORDS // 2, _WORDS + 1)
        document, ordinal = divmod(place, PER_DOCUMENT)
        texts.append(Text(document, ordinal + 1, tuple(f"w{word:04d}" for word in turned[:length])))
    vectors = random.normal(size=(len(texts), _DIMENSIONS)).astype(np.float32)
    return Corpus(documents, tuple(texts), _unit(vectors))


def scope_of(percent: float) -> Scope:
    """Return the scope of the reader who sees `percent` of the documents."""
    return scope(principal(reader(10, _group(percent))), policies(), NOW)


def found(hits: Sequence[object]) -> list[tuple[str, int]]:
    """Return what identifies each hit."""
    return [(hit.document, hit.ordinal) for hit in hits]  # type: ignore[attr-defined]


def name(text: Text) -> tuple[str, int]:
    """Return what identifies a passage in a hit."""
    return _document(text.document), text.ordinal


def _document(number: int) -> EntityId:
    return EntityId(f"{TENANT}/corpus/{number:06d}.md")


def _group(percent: float) -> str:
    return f"{TENANT}/sees-{percent:g}"


def _unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)
