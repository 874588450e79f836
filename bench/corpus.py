"""Documents of random words and drawn unit vectors, an index of them in SQLite, and readers who see a known part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from authz.resource import EntityId
from authz.scope import Scope, scope
from bench.vectors import DIMENSIONS, clustered, topic_of, unit
from bench.world import NOW, TENANT, policies, principal, reader, record
from retrieval.embedder import Vectors
from retrieval.index import IndexedPassage, Labels, Query
from retrieval.sqlite import SQLiteIndex
from retrieval.sqlite_file import SQLiteFile
from retrieval.sqlite_writer import SQLiteIndexWriter

VISIBLE = (0.1, 1, 2, 10, 50, 90)
"""How many percent of the documents a reader sees."""
PER_DOCUMENT = 5
_WORDS, _VOCABULARY = 60, 4_000
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
        file = SQLiteFile(path, policies().attributes, "random", DIMENSIONS)
        file.prepare()
        writer = SQLiteIndexWriter(file)
        for number in range(documents):
            writer.put(document_id(number), 1, labels(number, self.readers(number)), self.passages(number))
        return SQLiteIndex(file)

    def readers(self, number: int) -> frozenset[str]:
        """Return the groups that may read the document `number`."""
        return frozenset(group_of(percent) for percent in VISIBLE if number < self.visible(percent))

    def passages(self, number: int) -> list[IndexedPassage]:
        """Return the passages of the document `number`."""
        rows = range(number * PER_DOCUMENT, (number + 1) * PER_DOCUMENT)
        return [
            IndexedPassage(self.texts[row].ordinal, " ".join(self.texts[row].words), self.vectors[row]) for row in rows
        ]

    def questions(self, count: int, within: int, seed: int = 7) -> list[Query]:
        """Return `count` questions: some words of one of the first `within` documents, and a vector of its own.

        It lies near the vector of another passage of theirs, towards a third: among the passages, not beside them.
        """
        random = np.random.default_rng(seed)
        asked = []
        for _ in range(count):
            words, near, towards = random.integers(0, within * PER_DOCUMENT, 3)
            chosen = random.choice(self.texts[words].words, _QUESTION_WORDS, replace=False)
            asked.append(Query(" ".join(chosen), unit(self.vectors[near] + self.vectors[towards] / 2)))
        return asked


def corpus(documents: int) -> Corpus:
    """Return the corpus of so many documents, the same at each run."""
    random = np.random.default_rng(20261123)
    ranks, names = np.arange(1, _VOCABULARY + 1), [f"w{word:04d}" for word in range(_VOCABULARY)]
    common = (1 / ranks) / (1 / ranks).sum()  # Zipf
    texts = []
    for place in range(documents * PER_DOCUMENT):
        topic = topic_of(place, documents * PER_DOCUMENT)
        drawn = random.choice(_VOCABULARY, _WORDS, p=common)
        # A third of the words turn by topic: what is common in one is rare in another.
        turned = np.where(random.random(_WORDS) < 1 / 3, (drawn + 97 * topic) % _VOCABULARY, drawn)
        length = random.integers(_WORDS // 2, _WORDS + 1)
        document, ordinal = divmod(place, PER_DOCUMENT)
        texts.append(Text(document, ordinal + 1, tuple(names[word] for word in turned[:length])))
    return Corpus(documents, tuple(texts), clustered(documents, PER_DOCUMENT, random))


def scope_of(percent: float) -> Scope:
    """Return the scope of the reader who sees `percent` of the documents."""
    return scopes_of(percent, 1)[0]


def scopes_of(percent: float, count: int, groups: int = 10) -> list[Scope]:
    """Return the scopes of `count` requests, a millisecond apart, of the reader who sees `percent`, by `groups`."""
    who = principal(reader(groups, group_of(percent)))
    return [scope(who, policies(), NOW + timedelta(milliseconds=each)) for each in range(count)]


def found(hits: Sequence[object]) -> list[tuple[str, int]]:
    """Return what identifies each hit."""
    return [(hit.document, hit.ordinal) for hit in hits]  # type: ignore[attr-defined]


def name(text: Text) -> tuple[str, int]:
    """Return what identifies a passage in a hit."""
    return document_id(text.document), text.ordinal


def document_id(number: int) -> EntityId:
    """Return the id of the document `number`."""
    return EntityId(f"{TENANT}/corpus/{number:06d}.md")


def labels(number: int, readers: frozenset[str]) -> Labels:
    """Return the labels of the document `number`, which `readers` may read."""
    return Labels(1, record(document_id(number), readers).attributes, frozenset({f"{TENANT}/company"}))


def group_of(percent: float) -> str:
    """Return the group of those who see `percent` of the documents."""
    return f"{TENANT}/sees-{percent:g}"
