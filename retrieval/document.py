"""Documents and passages as the registry knows them, and a document as authorization sees it."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from authz.resource import Attributes, EntityId, Resource, TenantId, tenant_of

Status = Literal["active", "retired"]

TITLE = 0
"""The ordinal of a document's title. Titles are text too: they are found, admitted and recorded like any passage."""


@dataclass(frozen=True, slots=True)
class PassageId:
    """A piece of one version of a document's text; ordinal `TITLE` is its title, the text begins at 1."""

    document: EntityId
    version: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class PassageDigest:
    """What the registry holds of a passage: of which content it is, SHA-256 of its text in hex, and where it stands."""

    content: str
    """The `DocumentRecord.content` that it was cut from. Two writers may stage one version at once; only the digests
    of the one whose record is written count."""
    sha256: str
    start: int
    """Offset of its first character."""
    end: int
    """Offset after its last character."""
    page: int | None = None
    """The page where it begins, from 1; None where a document has no pages."""


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """The authoritative record of a document."""

    document: EntityId
    key: str
    """An opaque random id, in hex: how records name the document without saying its path."""
    version: int
    """Counts contents; assigned by the registry, from 1."""
    revision: int
    """Counts changes of any kind, from 1."""
    title: str = field(repr=False)
    source: str
    sha256: str
    """SHA-256 in hex of the source's bytes."""
    passages: int
    """How many passages this version has, the title not counted."""
    attributes: Attributes
    collections: frozenset[str]
    """All collections that hold it, ancestors included."""
    status: Status
    updated: int
    """Epoch milliseconds."""

    @property
    def content(self) -> str:
        """What this version says, in hex: its source's bytes and its title."""
        return content_digest(self.sha256, self.title)

    @property
    def tenant(self) -> TenantId:
        """The tenant that owns the document."""
        return tenant_of(self.document)

    def resource(self) -> Resource:
        """Return the document as authorization sees it."""
        return Resource(self.document, self.attributes, self.collections)


def content_digest(source_sha256: str, title: str) -> str:
    """Return SHA-256 in hex over the digest of a source's bytes and the title that was given to it."""
    return text_digest(f"{source_sha256}\n{title}")


def text_digest(text: str) -> str:
    """Return SHA-256 in hex of `text` in UTF-8."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
