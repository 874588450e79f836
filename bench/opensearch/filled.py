"""From a corpus to an index of it in OpenSearch, written by the real writer in batches, and dropped afterwards."""

import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from bench.corpus import Corpus, document_id, labels
from bench.vectors import DIMENSIONS
from bench.world import group, policies
from retrieval.document import TITLE
from retrieval.index import IndexedPassage
from retrieval.opensearch import OpenSearchIndex
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_client import Engine
from retrieval.opensearch_mapping import IndexDesign, index_name
from retrieval.opensearch_rows import Condition, Row, Rows
from retrieval.opensearch_writer import OpenSearchIndexWriter

SHARE = 10
"""Percent of the documents that the reader of many groups sees; each of these is open to two groups of that reader."""
_HELD, _OTHERS = (100, 9_900), (100_000, 200_000)
"""Numbers of groups: of the reader of 10,000 and not of the reader of 10, and of nobody who is measured."""
_TOGETHER, _WRITERS = 500, 2
_PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Filled:
    """An index of the whole corpus, how many segments it has, its bytes, and how long it took to write."""

    books: Corpus
    index: OpenSearchIndex
    segments: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Gathered(Rows):
    """Rows that are held back, so that those of many documents go out together."""

    rows: list[Row] = field(default_factory=list)

    def write(self, rows: Sequence[Row]) -> None:  # type: ignore[override]
        """Hold `rows` back."""
        self.rows.extend(rows)

    def remove(self, document: str, *conditions: Condition, version: int) -> None:
        """Do nothing: in a new index, no other attempt left anything."""


@contextmanager
def filled(engine: Engine, books: Corpus) -> Iterator[Filled]:
    """Yield an index of `books`, merged as far as the engine merges by itself."""
    design = IndexDesign(policies().attributes, "drawn", DIMENSIONS)
    admin, name = OpenSearchAdmin(engine, design), index_name(f"antechamber-bench-{secrets.token_hex(6)}")
    admin.create(name)
    try:
        began, rows = time.monotonic(), Rows(engine, name)
        with ThreadPoolExecutor(_WRITERS) as pool:
            starts = range(0, books.documents, _TOGETHER)
            for _ in pool.map(lambda start: rows.write(_rows(books, rows, design, start)), starts):
                pass  # an error of any is raised here
        seconds = time.monotonic() - began
        segments, size = _settled(engine, name)
        yield Filled(books, OpenSearchIndex(engine, name, design), segments, size, seconds)
    finally:
        admin.drop(name)


def readers(books: Corpus, number: int) -> frozenset[str]:
    """Return the groups that may read the document `number`: those of the visible shares, and two of many."""
    held = _HELD if number < books.visible(SHARE) else _OTHERS
    teams = Random(number).sample(range(*held), 2)
    return books.readers(number) | {group(team) for team in teams}


def _rows(books: Corpus, rows: Rows, design: IndexDesign, start: int) -> list[Row]:
    gathered = _Gathered(rows.engine, rows.index)
    writer = OpenSearchIndexWriter(gathered, design)
    for number in range(start, min(start + _TOGETHER, books.documents)):
        title = IndexedPassage(TITLE, f"Document {number}", None)
        writer.put(document_id(number), 1, labels(number, readers(books, number)), [title, *books.passages(number)])
    return gathered.rows


def _settled(engine: Engine, name: str) -> tuple[int, int]:
    """Return the number of segments and the bytes of an index, once no merge runs any more."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        engine.call("POST", f"/{name}/_flush", params={"wait_if_ongoing": "true"}, timeout=_PATIENCE)
        total = engine.call("GET", f"/{name}/_stats/merge,segments,store")["_all"]["primaries"]
        if not total["merges"]["current"]:
            return total["segments"]["count"], total["store"]["size_in_bytes"]
        time.sleep(1)
    message = "OpenSearch does not stop merging: is the machine busy?"
    raise RuntimeError(message)
