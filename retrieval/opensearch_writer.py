"""Writing an index in OpenSearch: every write carries the revision it belongs to, and a removal wins.

OpenSearch forgets a removal after a minute; ingestion therefore looks at the registry after each write and undoes what
lost, and a sweep finds what a crash left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from authz.resource import EntityId, TenantId
from retrieval.document import TITLE
from retrieval.errors import IndexMismatchError
from retrieval.index import Copy, IndexedPassage, Labels, Stamps
from retrieval.opensearch_filter import COLLECTIONS
from retrieval.opensearch_mapping import (
    ACCESS,
    COUNT,
    DOCUMENT,
    ORDINAL,
    REVISION,
    TEXT,
    VECTOR,
    VERSION,
    IndexDesign,
)
from retrieval.opensearch_rows import Row, Rows, removed, written


@dataclass(frozen=True, slots=True)
class OpenSearchIndexWriter:
    """`IndexWriter` and `IndexContents` over one concrete index, which `design.check` found as it should be."""

    rows: Rows
    design: IndexDesign

    def put(self, document: EntityId, version: int, labels: Labels, passages: Sequence[IndexedPassage]) -> None:
        """Write one version beside what is there; a passage that a newer revision wrote or removed stays as it is."""
        common = _common(document, version, labels)
        self.rows.write([{**common, **self._passage(passage)} for passage in passages])
        # What another attempt at this version had beyond it.
        last = max((passage.ordinal for passage in passages), default=-1)
        beyond = (_is(VERSION, version), _range(ORDINAL, "gt", last), _range(REVISION, "lte", labels.revision))
        self.rows.remove(document, *beyond, version=written(labels.revision))

    def relabel(self, document: EntityId, version: int, labels: Labels) -> None:
        """Replace the access attributes of `version`, unless a newer revision was written.

        The engine takes no update under an external version, so each passage is read and written again, whole.
        """
        self.rows.refresh()
        common = _common(document, version, labels)
        older = (_is(VERSION, version), _range(REVISION, "lte", labels.revision))
        kept = (ORDINAL, TEXT, VECTOR)
        found = self.rows.of(document, *older)
        self.rows.write({**common, **{name: row[name] for name in kept if name in row}} for row in found)

    def remove(self, document: EntityId, below: int) -> None:
        """Remove all of `document` written at a revision lower than `below`."""
        self.rows.remove(document, _range(REVISION, "lt", below), version=removed(below))

    def holds(self, document: EntityId) -> bool:
        """Return whether any passage of `document` is still there."""
        self.rows.refresh()
        return self.rows.any(document)

    def documents(self) -> list[EntityId]:
        """Return the ids of all documents of which anything lies here."""
        self.rows.refresh()
        return list(self.rows.documents())

    def copies(self, document: EntityId) -> Sequence[Copy]:
        """Return what lies here of `document`: a copy for each version, revision and access that rows bear."""
        self.rows.refresh()
        found: dict[tuple[int, int, str], list[Row]] = {}
        for row in self.rows.of(document):
            found.setdefault((row[VERSION], row[REVISION], repr((row[ACCESS], row[COLLECTIONS]))), []).append(row)
        return [_copy(rows) for _, rows in sorted(found.items())]

    def stamps(self, tenant: TenantId) -> Stamps:
        """Return versions and revisions of the documents of `tenant`: a search for each 500 documents of all."""
        self.rows.refresh()
        found: dict[EntityId, set[tuple[int, int]]] = {}
        for row in self.rows.titles():
            if row[DOCUMENT].startswith(f"{tenant}/"):
                found.setdefault(EntityId(row[DOCUMENT]), set()).add((row[VERSION], row[REVISION]))
        return {document: frozenset(stamps) for document, stamps in found.items()}

    def _passage(self, passage: IndexedPassage) -> Row:
        if (passage.vector is None) != (passage.ordinal == TITLE):
            message = f"passage {passage.ordinal}: every passage has a vector, and a title has none"
            raise IndexMismatchError(message)
        row = {ORDINAL: passage.ordinal, TEXT: passage.text}
        if passage.vector is None:
            return row
        vector = np.asarray(passage.vector, dtype=np.float32)
        if vector.shape != (self.design.dimensions,) or not np.isfinite(vector).all():
            message = f"a vector has the shape {vector.shape}; the index holds finite ones of {self.design.dimensions}"
            raise IndexMismatchError(message)
        return {**row, VECTOR: vector.tolist()}


def _common(document: EntityId, version: int, labels: Labels) -> Row:
    sets = {name: sorted(value) for name, value in labels.attributes.items() if isinstance(value, frozenset)}
    return {
        DOCUMENT: document,
        VERSION: version,
        REVISION: labels.revision,
        COLLECTIONS: sorted(labels.collections),
        ACCESS: {**labels.attributes, **sets},
        **({COUNT: {name: len(value) for name, value in sets.items()}} if sets else {}),
    }


def _copy(rows: Sequence[Row]) -> Copy:
    first, access = rows[0], rows[0][ACCESS]
    attributes = {name: frozenset(value) if isinstance(value, list) else value for name, value in access.items()}
    passages = (
        IndexedPassage(row[ORDINAL], row[TEXT], np.asarray(row[VECTOR], np.float32) if VECTOR in row else None)
        for row in rows
    )
    labels = Labels(first[REVISION], attributes, frozenset(first[COLLECTIONS]))
    return Copy(first[VERSION], labels, tuple(passages))


def _is(field: str, value: int) -> Mapping[str, Any]:
    return {"term": {field: value}}


def _range(field: str, comparison: str, value: int) -> Mapping[str, Any]:
    return {"range": {field: {comparison: value}}}
