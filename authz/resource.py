"""What authorization knows of a document: its id, its access attributes, its collections."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

from authz.errors import ResourceError

TenantId = NewType("TenantId", str)
EntityId = NewType("EntityId", str)
"""`tenant/name`, split at the first `/`."""


AttributeValue = bool | int | str | frozenset[str]
"""Datetimes are epoch milliseconds in UTC; entities are their `EntityId`; sets are frozen."""
Attributes = Mapping[str, AttributeValue]

MAX_BYTES = 512
"""Longest id or attribute string in UTF-8 bytes; Lucene refuses keywords over 32,766 bytes, and an ignored
value would make a negated filter match."""

_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def tenant_id(text: str) -> TenantId:
    """Return `text` as a tenant id. Raises `ResourceError` unless it is 1-63 of `a-z 0-9 -`."""
    if not _TENANT.fullmatch(text):
        message = "a tenant id is 1 to 63 lower-case letters, digits and hyphens"
        raise ResourceError(message)
    return TenantId(text)


def entity_id(tenant: TenantId, name: str) -> EntityId:
    """Return the id of `name` in `tenant`. Raises `ResourceError` if the name is unprintable or too long."""
    check_text(name)
    if not name or name != name.strip():
        message = "a name is neither empty nor surrounded by white space"
        raise ResourceError(message)
    qualified = f"{tenant}/{name}"
    check_text(qualified)
    return EntityId(qualified)


def tenant_of(uid: str) -> TenantId:
    """Return the tenant part of `uid`. Raises `ResourceError` if it has none."""
    tenant, slash, name = uid.partition("/")
    if not slash or not name:
        message = "an entity id is written tenant/name"
        raise ResourceError(message)
    return tenant_id(tenant)


def check_text(text: str) -> None:
    """Return if `text` is at most `MAX_BYTES` long and holds no control character. Raises `ResourceError` otherwise."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        message = "text holds a lone surrogate"
        raise ResourceError(message) from error
    if size > MAX_BYTES:
        message = f"text is {size} bytes long; at most {MAX_BYTES} are allowed"
        raise ResourceError(message)
    if any(unicodedata.category(character) == "Cc" for character in text):
        message = "text holds a control character"
        raise ResourceError(message)


@dataclass(frozen=True, slots=True)
class Resource:
    """A document as the policies see it."""

    uid: EntityId
    attributes: Attributes
    collections: frozenset[str] = frozenset()
    """All collections that hold it, ancestors included, as `EntityId`s."""

    @property
    def tenant(self) -> TenantId:
        """The tenant of the uid (not of the attributes: the tenant wall compares the two)."""
        return tenant_of(self.uid)
