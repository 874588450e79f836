"""The port to the registry: the authoritative record of every document, and the digests of its passages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from authz.resource import EntityId, TenantId
from retrieval.document import DocumentRecord, PassageDigest, PassageId


@dataclass(frozen=True, slots=True)
class RegistryView:
    """What the registry holds now of the documents and passages asked for; what it does not hold is absent."""

    records: Mapping[EntityId, DocumentRecord]
    passages: Mapping[PassageId, PassageDigest]


class Registry(Protocol):
    """Reads are consistent and whole, or raise `RegistryUnavailableError`; writes are conditional on a revision."""

    def get(self, passages: Sequence[PassageId]) -> RegistryView:
        """Return the records of the documents of `passages`, and the digests of these, all strongly consistent."""
        ...

    def record(self, document: EntityId) -> DocumentRecord | None:
        """Return the record of `document`, active or retired, or None."""
        ...

    def stage(self, digests: Mapping[PassageId, PassageDigest]) -> None:
        """Write the passage digests of a version that no record names yet; repeating it changes nothing."""
        ...

    def put(self, record: DocumentRecord, expected: int | None) -> None:
        """Write `record` if the registry's revision is `expected` (None: no record yet). Raises `ConflictError`.

        New content, a relabel and a retirement are all this: `record` carries the next revision.
        """
        ...

    def unstage(self, document: EntityId, versions: Sequence[int]) -> None:
        """Drop the passage digests of `versions`, which no record names any more."""
        ...

    def scan(self, tenant: TenantId) -> Iterator[DocumentRecord]:
        """Yield every record of `tenant`: for operators' tools only, never to authorize a request."""
        ...
