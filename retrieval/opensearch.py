"""The index in OpenSearch: a scope becomes a filter inside both legs of one search, and only whole answers count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from authz.resource import EntityId
from authz.scope import Scope
from retrieval import opensearch_query as searches
from retrieval.deadline import Deadline
from retrieval.errors import SearchUnavailableError
from retrieval.fusion import fuse
from retrieval.index import Hit, Hits, Query
from retrieval.opensearch_client import Engine
from retrieval.opensearch_filter import Clause, bounded, opensearch_filter
from retrieval.opensearch_mapping import HIT, MAX_ORDINAL, IndexDesign, IndexName, Plain

LEG = 50
"""How many passages each leg hands to the fusion."""
_COPIES = 10
"""How many versions of one document may stand side by side while it is written."""


@dataclass(frozen=True, slots=True)
class OpenSearchIndex:
    """`Index` over one concrete index of one engine; `design.check` must have found it as it should be."""

    engine: Engine
    name: IndexName
    design: IndexDesign
    leg: int = LEG

    def search(self, query: Query, scope: Scope, k: int, deadline: Deadline) -> Hits:
        """Return at most `k` passages of both legs, fused."""
        return fuse(self.legs(query, scope, deadline).values(), k)

    def legs(self, query: Query, scope: Scope, deadline: Deadline) -> dict[str, list[Hit]]:
        """Return what the text leg and the vector leg find, each with the filter inside, each best first."""
        if query.vector.shape != (self.design.dimensions,) or not np.isfinite(query.vector).all():
            message = f"the question's vector is not finite or not of {self.design.dimensions} dimensions"
            raise SearchUnavailableError(message)
        allowed, left = self._filter(scope), _milliseconds(deadline)
        bodies = [
            searches.text_leg(query, allowed, self.leg, left),
            searches.vector_leg(query, allowed, self.leg, left),
        ]
        text, vector = self._ask(bodies, deadline)
        return {"text": [_hit(row) for row in text], "vector": [_hit(row) for row in vector]}

    def documents(self, scope: Scope, after: EntityId | None, limit: int, deadline: Deadline) -> Hits:
        """Return titles, in the order of document ids."""
        if limit < 1:
            return []
        search = searches.titles(self._filter(scope), after, limit, _milliseconds(deadline))
        return [_hit(row) for row in self._ask([search], deadline)[0]]

    def passages(self, document: EntityId, scope: Scope, after: int, limit: int, deadline: Deadline) -> Hits:
        """Return the passages of `document`, in their order."""
        if limit < 1 or after >= MAX_ORDINAL:
            return []
        size = limit * _COPIES
        search = searches.passages(document, self._filter(scope), after, limit, size, _milliseconds(deadline))
        rows = self._ask([search], deadline)[0]
        if len(rows) >= size:
            message = "so many versions of this document lie in the index that not all can be looked at: sweep it"
            raise SearchUnavailableError(message)
        return [_hit(row) for row in rows]

    def _filter(self, scope: Scope) -> Clause:
        return bounded(opensearch_filter(scope.condition, self.design.attributes.document))

    def _ask(self, bodies: Sequence[searches.Search], deadline: Deadline) -> list[Sequence[Plain]]:
        head = searches.header(self.name)
        found = self.engine.search([(head, body) for body in bodies], deadline.left())
        deadline.left()
        return found


def _hit(row: Plain) -> Hit:
    source = row.get("_source")
    values = [source.get(name) if isinstance(source, Mapping) else None for name in HIT]
    document, version, revision, ordinal, text = (each if isinstance(each, int | str) else None for each in values)
    tenant = str(document).partition("/")[0]
    return Hit(tenant, document, version, revision, ordinal, text)  # type: ignore[arg-type]  # door two looks at each


def _milliseconds(deadline: Deadline) -> int:
    return max(1, int(deadline.left() * 1000))
