"""The whole request over a real search: the application's own, and the same calls with nothing authorized."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from time import sleep

import numpy as np

from bench.corpus import PER_DOCUMENT, document_id, group_of
from bench.figures import Figure
from bench.latency import GROUPS, overhead
from bench.opensearch.filled import SHARE, Filled, readers
from bench.opensearch.searches import LEGS, SECONDS, unfiltered
from bench.recall import K
from bench.room import Backends, room
from bench.stubs import DIRECTORY, EMBED, SlowDirectory, SlowRegistry
from bench.vectors import DIMENSIONS
from bench.world import reader, record
from retrieval.document import PassageDigest, PassageId, text_digest
from retrieval.embedder import Vectors
from retrieval.fusion import fuse
from retrieval.index import Hit, Hits, Query
from retrieval.opensearch import LEG, OpenSearchIndex
from retrieval.opensearch_mapping import HIT
from retrieval.opensearch_query import header
from service.prompt import Question


@dataclass(frozen=True, slots=True)
class _Embedder:
    """`Embedder` that waits, and knows the vectors of the questions that will be asked."""

    vectors: Mapping[str, Vectors]
    model: str = "drawn"
    dimensions: int = DIMENSIONS

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of `texts`."""
        sleep(EMBED)
        return np.stack([self.vectors[text] for text in texts])


def measure(full: Filled, part: str, rounds: int) -> Iterator[Figure]:
    """Yield the figures of whole requests."""
    asked = full.books.questions(rounds, full.books.documents)
    registry = _registry(full)
    for groups in GROUPS:
        backends = Backends(
            directory=SlowDirectory(reader(groups, group_of(SHARE))),
            embedder=_Embedder({query.text: query.vector for query in asked}),
            index=_pointed(full.index),
            registry=registry,
            unsecured=lambda query: _anything(full.index, query),
            questions=cycle(Question(query.text) for query in asked),
            milliseconds=count(),
        )
        with room(backends, K, 0) as over:
            for _ in range(rounds // 4):
                over.secured()
                over.unsecured()
            yield from overhead(part, over, rounds, f"{groups:,} groups")


def _pointed(index: OpenSearchIndex) -> Callable[[], OpenSearchIndex]:
    def current() -> OpenSearchIndex:
        sleep(DIRECTORY)  # the pointer lies in a table, as the directory does
        return index

    return current


def _anything(index: OpenSearchIndex, query: Query) -> Hits:
    """Return the best of everybody's passages: the same search of the same node, without a filter."""
    head = header(index.name)
    found = index.engine.search([(head, unfiltered(leg, query, LEG)) for leg in LEGS.values()], SECONDS)
    return fuse([[_hit(row["_source"]) for row in rows] for rows in found], K)


def _hit(source: Mapping[str, object]) -> Hit:
    document, version, revision, ordinal, text = (source[name] for name in HIT)
    tenant = str(document).partition("/")[0]
    return Hit(tenant, document, version, revision, ordinal, text)  # type: ignore[arg-type]  # as we wrote it


def _registry(full: Filled) -> SlowRegistry:
    """Return a registry of the documents that the reader sees; it is asked for no others."""
    registry = SlowRegistry()
    for number in range(full.books.visible(SHARE)):
        document = document_id(number)
        registry.records[document] = record(document, readers(full.books, number), passages=PER_DOCUMENT)
        for passage in full.books.passages(number):
            digest = PassageDigest(registry.records[document].content, text_digest(passage.text), 0, len(passage.text))
            registry.passages[PassageId(document, 1, passage.ordinal)] = digest
    return registry
