"""What enters ingestion: a source's bytes with its access, and what is written of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from authz.errors import ResourceError
from authz.resource import Attributes, EntityId, TenantId, entity_id
from retrieval.audit import sha256
from retrieval.document import DocumentRecord
from retrieval.errors import SourceError

MediaType = Literal[
    "text/markdown",
    "text/html",
    "text/plain",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
]

MAX_SOURCE_BYTES = 16 << 20
"""What is read of a source, at most. Text may have less: `MAX_TEXT_BYTES` in parse.py."""

_SUFFIXES: dict[str, MediaType] = {
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".txt": "text/plain",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


@dataclass(frozen=True, slots=True)
class SourceItem:
    """A document to ingest. Its access comes from a manifest or an authorized request, never from its content."""

    tenant: TenantId
    name: str
    content: bytes = field(repr=False)
    media_type: MediaType | None
    """A hint that only tells kinds of text apart: the bytes say whether it is text. None: as the name's suffix says."""
    title: str | None = field(repr=False)
    """As the manifest gives it; None: the first heading, or else the name."""
    source: str
    """Where it came from, as a URI."""
    attributes: Attributes
    collections: frozenset[str]
    """All collections that hold it, ancestors included."""
    actor: str
    """Who writes: the role of the deployment, or a principal's uid."""

    @property
    def document(self) -> EntityId:
        """The document's id. Raises `SourceError` if the name cannot be one."""
        try:
            return entity_id(self.tenant, self.name)
        except ResourceError as error:
            message = f"the name cannot be an id: {error}"
            raise SourceError(message) from error

    @property
    def sha256(self) -> str:
        """SHA-256 of the content in hex."""
        return sha256(self.content)


WriteAction = Literal["create", "replace", "relabel", "erase"]
"""Named as the actions of the policies are."""


@dataclass(frozen=True, slots=True)
class Write:
    """A change of the registry that is about to be made: what its record says."""

    action: WriteAction
    actor: str
    before: DocumentRecord | None
    after: DocumentRecord


OnWrite = Callable[[Write], AbstractContextManager[None]]
"""Makes the record of a write durable as it is entered, and its outcome as it is left.

Raises `AuditUnavailableError` on entering; then the write is not made.
"""


def hint(name: str) -> MediaType | None:
    """Return the media type that the suffix of `name` stands for, None if it stands for none that is read."""
    return _SUFFIXES.get(PurePosixPath(name).suffix.lower())
