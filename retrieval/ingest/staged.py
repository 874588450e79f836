"""From a document that somebody uploaded to one object of the bucket, and back: a line of JSON, then its bytes.

Metadata of S3 holds two kilobytes of ASCII, and two objects could be told apart, so everything lies in one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from authz.errors import ResourceError
from authz.resource import TenantId, tenant_id
from retrieval.audit import sha256
from retrieval.errors import SourceError
from retrieval.ingest.source import MAX_SOURCE_BYTES, MediaType

MAX_STAGED_BYTES: Final = MAX_SOURCE_BYTES + (1 << 20)
"""Of an object: the document, and what is stated of it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What somebody uploaded, and who: to be decided anew by what they hold when it is written."""

    tenant: TenantId
    name: str
    content: bytes = field(repr=False)
    media_type: MediaType | None
    title: str | None = field(repr=False)
    attributes: Mapping[str, object] | None
    collections: Sequence[str] | None
    revision: int | None
    """The revision that the author says it follows."""
    access: str
    """SHA-256 in hex of the access that was decided on: none that the author did not see is kept."""
    seen: int
    """The registry's revision when it was staged: a retirement at a later one wins over it."""
    issuer: str
    subject: str
    authenticated: int | None
    """When the author signed in, in epoch milliseconds, if the issuer says so."""
    request: str
    """The id of the request."""


def framed(upload: Upload) -> bytes:
    """Return `upload` as one object's bytes."""
    names = [name for name in Upload.__dataclass_fields__ if name != "content"]
    head = {name: getattr(upload, name) for name in names} | {"sha256": sha256(upload.content)}
    return json.dumps(head, default=list).encode() + b"\n" + upload.content


def unframed(body: bytes) -> Upload:
    """Return the upload that `framed` made `body` of. Raises `SourceError` if it is none, or was altered."""
    head, _, content = body.partition(b"\n")
    try:
        plain: dict[str, Any] = json.loads(head)
        if plain.pop("sha256") != sha256(content):
            raise ValueError  # noqa: TRY301 - what is wrong with it is nobody's business
        upload = Upload(content=content, **plain)
        tenant_id(upload.tenant)
        if upload.media_type not in {None, *get_args(MediaType)}:
            raise ValueError  # noqa: TRY301 - likewise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ResourceError) as error:
        message = "what is staged is not what was uploaded: upload it again"
        raise SourceError(message) from error
    return upload
