"""The ports to the index: finding within a scope, and writing. Two ports, so that roles can differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from authz.resource import Attributes, EntityId, TenantId
from authz.scope import Scope
from retrieval.deadline import Deadline
from retrieval.embedder import Vectors

MAX_HITS = 50
"""The largest `k`: with their documents' records, this many passages fit one consistent batch read of the registry."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question as an index can be asked it: its text and its unit vector of shape (dimensions,)."""

    text: str = field(repr=False)
    vector: Vectors = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """An untrusted search result: what an index says it found. No score and no access attribute comes along."""

    tenant: TenantId
    document: EntityId
    version: int
    revision: int
    ordinal: int
    untrusted_text: str = field(repr=False)


Hits = Sequence[Hit]


class Index(Protocol):
    """Finds only what the scope admits: the filter is inside every leg of every query.

    Every method raises `SearchUnavailableError` when the engine cannot answer in full, in time.
    """

    def search(self, query: Query, scope: Scope, k: int, deadline: Deadline) -> Hits:
        """Return at most `k` passages, best first, of text and vector legs fused; fewer are an answer."""
        ...

    def documents(self, scope: Scope, after: EntityId | None, limit: int, deadline: Deadline) -> Hits:
        """Return the titles (ordinal `TITLE`) of at most `limit` documents whose ids follow `after`, in id order."""
        ...

    def passages(self, document: EntityId, scope: Scope, after: int, limit: int, deadline: Deadline) -> Hits:
        """Return the passages of `document` with the `limit` ordinals that follow `after`, in order, title included.

        While one version takes the place of another, both are returned: door two knows which one counts.
        """
        ...


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """One passage for an index: ordinal, text, and unit vector of shape (dimensions,), None for the title."""

    ordinal: int
    text: str = field(repr=False)
    vector: Vectors | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Labels:
    """A document's access attributes and all its collections, as copied into an index at a revision."""

    revision: int
    attributes: Attributes
    collections: frozenset[str]


@dataclass(frozen=True, slots=True)
class Copy:
    """What an index holds of one version of a document under one set of labels."""

    version: int
    labels: Labels
    passages: tuple[IndexedPassage, ...] = field(repr=False)


class IndexWriter(Protocol):
    """Writes carry the revision they belong to: an older one never overwrites a newer one, and a removal wins.

    An engine may forget a removal after a while; ingestion looks at the registry after each write in any case.
    """

    def put(self, document: EntityId, version: int, labels: Labels, passages: Sequence[IndexedPassage]) -> None:
        """Write one version of `document` beside what is there; nothing if a newer revision removed or replaced it."""
        ...

    def relabel(self, document: EntityId, version: int, labels: Labels) -> None:
        """Replace the access attributes of `version` of `document`, unless a newer revision was written."""
        ...

    def remove(self, document: EntityId, below: int) -> None:
        """Remove all of `document` written at a revision lower than `below`, and refuse such writes for a while."""
        ...

    def holds(self, document: EntityId) -> bool:
        """Return whether any passage of `document` is still there: the probe after a removal."""
        ...


class IndexContents(Protocol):
    """Looks into an index as it is, for those who repair one or fill another; never to answer a request."""

    def documents(self) -> Sequence[EntityId]:
        """Return the ids of all documents of which anything is there."""
        ...

    def copies(self, document: EntityId) -> Sequence[Copy]:
        """Return all that is there of `document`."""
        ...


Stamps = Mapping[EntityId, frozenset[tuple[int, int]]]
"""Of each document, the versions that lie in an index, each with the revision of its labels."""


class IndexStamps(Protocol):
    """Counts what lies in an index, without its text: for operators' tools only, never to answer a request."""

    def stamps(self, tenant: TenantId) -> Stamps:
        """Return what lies there of `tenant`, in one pass. Raises `SearchUnavailableError`."""
        ...
