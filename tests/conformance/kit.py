"""What an index adapter is asked in order to pass: one factory, and each of its legs finds what Cedar allows.

A new adapter joins by one entry in `ENGINES` (tests/conformance/engines.py).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from authz.resource import EntityId, Resource
from authz.schema import AttributeSchema
from authz.scope import Scope
from retrieval.deadline import Deadline
from retrieval.fusion import fuse
from retrieval.index import Hit, Index, IndexedPassage, IndexWriter, Labels, Query

DIMENSIONS = 4
MOST = 10_000
"""Documents of one shelf, at most: what a leg can be asked for at once."""
_WORD = "passage"
_PAGE = 50
_WRITERS = 8
_SECONDS = 120


class LeggedIndex(Index, Protocol):
    """An index whose legs can be looked at one by one, and asked for all that they find."""

    def legs(self, query: Query, scope: Scope, deadline: Deadline) -> Mapping[str, Sequence[Hit]]:
        """Return what each leg finds, best first."""
        ...


Opened = tuple[LeggedIndex, IndexWriter]
Factory = Callable[[AttributeSchema], AbstractContextManager[Opened]]
"""Makes an empty index for a schema, whose legs find up to `MOST`; drops it afterwards."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Documents, and a real index that holds a title and a passage of each."""

    documents: Sequence[Resource]
    index: LeggedIndex
    schema: AttributeSchema

    def find(self, scope: Scope) -> dict[str, frozenset[str]]:
        """Return the documents that each leg finds of all, and what both find fused."""
        legs = self.index.legs(QUERY, scope, Deadline.after(_SECONDS))
        found = {name: frozenset(hit.document for hit in hits) for name, hits in legs.items()}
        return {**found, "hybrid": frozenset(hit.document for hit in fuse(legs.values(), 2 * MOST))}

    def listed(self, scope: Scope) -> list[str]:
        """Return all documents in the order of the list, page by page."""
        return list(self._listed(scope))

    def _listed(self, scope: Scope) -> Iterator[str]:
        after: EntityId | None = None
        while page := self.index.documents(scope, after, _PAGE, Deadline.after(_SECONDS)):
            yield from (hit.document for hit in page)
            after = page[-1].document


QUERY = Query(_WORD, np.full(DIMENSIONS, DIMENSIONS**-0.5, np.float32))
"""Meets every passage in both legs, so that only the filter decides."""


def fill(opened: Opened, documents: Sequence[Resource], schema: AttributeSchema) -> Shelf:
    """Return a shelf of `documents`, written by the adapter's own writer."""
    index, writer = opened
    angles = np.random.default_rng(len(documents)).normal(size=(len(documents), DIMENSIONS)).astype(np.float32)

    def put(number: int, document: Resource) -> None:
        title = IndexedPassage(0, f"Title of {number}", None)
        vector = angles[number] / np.linalg.norm(angles[number])
        labels = Labels(1, document.attributes, document.collections)
        writer.put(document.uid, 1, labels, [title, IndexedPassage(1, f"{_WORD} {number}", vector)])

    with ThreadPoolExecutor(_WRITERS) as pool:
        for _ in pool.map(put, range(len(documents)), documents):
            pass  # an error of any is raised here
    return Shelf(documents, index, schema)
