"""The index in OpenSearch: a scope becomes a filter inside both legs of one search, and only whole answers count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from authz.policy_set import PolicySet
from authz.resource import EntityId
from authz.scope import Scope
from retrieval import opensearch_query as searches
from retrieval.deadline import Deadline
from retrieval.errors import IndexMismatchError, SearchUnavailableError
from retrieval.fusion import fuse
from retrieval.index import Hit, Hits, Query
from retrieval.opensearch_client import Engine
from retrieval.opensearch_filter import Clause, bounded, opensearch_filter
from retrieval.opensearch_mapping import HIT, IndexDesign, IndexName

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

    def search(self, query: Query, scope: Scope, k: int, deadline: Deadline) -> Hits:
        """Return at most `k` passages of both legs, fused."""
        if query.vector.shape != (self.design.dimensions,) or not np.isfinite(query.vector).all():
            message = f"the question's vector is not finite or not of {self.design.dimensions} dimensions"
            raise SearchUnavailableError(message)
        allowed, left = self._filter(scope), _milliseconds(deadline)
        legs = self._ask(
            [searches.text_leg(query, allowed, LEG, left), searches.vector_leg(query, allowed, LEG, left)], deadline
        )
        # The same passage comes from both legs as the same row of the engine's.
        rows = {row["_id"]: row for leg in legs for row in leg}
        return [_hit(rows[best]) for best in fuse([[row["_id"] for row in leg] for leg in legs], k)]

    def documents(self, scope: Scope, after: EntityId | None, limit: int, deadline: Deadline) -> Hits:
        """Return titles, in the order of document ids."""
        if limit < 1:
            return []
        search = searches.titles(self._filter(scope), after, limit, _milliseconds(deadline))
        return [_hit(row) for row in self._ask([search], deadline)[0]]

    def passages(self, document: EntityId, scope: Scope, after: int, limit: int, deadline: Deadline) -> Hits:
        """Return the passages of `document`, in their order."""
        if limit < 1:
            return []
        size = limit * _COPIES
        search = searches.passages(document, self._filter(scope), after, limit, size, _milliseconds(deadline))
        rows = self._ask([search], deadline)[0]
        if len(rows) >= size:
            message = "so many versions of this document lie in the index that not all can be looked at: sweep it"
            raise SearchUnavailableError(message)
        return [_hit(row) for row in rows]

    def supports(self, policies: PolicySet) -> None:
        """Return if the index was made for the schema of `policies`. Raises `IndexMismatchError`."""
        if policies.attributes.document != self.design.attributes.document:
            message = "the policies' schema is not the one that the index was made for: `antechamber index rebuild`"
            raise IndexMismatchError(message)

    def _filter(self, scope: Scope) -> Clause:
        return bounded(opensearch_filter(scope.condition, self.design.attributes.document))

    def _ask(self, bodies: Sequence[searches.Search], deadline: Deadline) -> list[Sequence[Mapping[str, Any]]]:
        head = searches.header(self.name)
        answers = self.engine.search([(head, body) for body in bodies], deadline.left())
        deadline.left()  # an answer that came in drips may have taken longer than its socket was allowed to be silent
        return [_rows(answer, self.name) for answer in answers]


def _rows(answer: Mapping[str, Any], name: IndexName) -> Sequence[Mapping[str, Any]]:
    try:
        rows: Sequence[Mapping[str, Any]] = answer["hits"]["hits"]
        strangers = [row for row in rows if row["_index"] != name or not isinstance(row["_id"], str)]
    except (KeyError, TypeError) as error:
        message = "OpenSearch answered what cannot be read"
        raise SearchUnavailableError(message) from error
    if strangers:
        message = f"a hit came from another index than {name}: it is an alias"
        raise SearchUnavailableError(message)
    return rows


def _hit(row: Mapping[str, Any]) -> Hit:
    source = row.get("_source")
    document, version, revision, ordinal, text = (
        source.get(name) if isinstance(source, Mapping) else None for name in HIT
    )
    tenant = str(document).partition("/")[0]
    return Hit(tenant, document, version, revision, ordinal, text)  # type: ignore[arg-type]  # door two looks at each


def _milliseconds(deadline: Deadline) -> int:
    return max(1, int(deadline.left() * 1000))
