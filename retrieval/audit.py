"""The port to the audit log, and the canonical form of what goes into it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import rfc8785

from authz.resource import TenantId

FORMAT = 1
"""The version of the record's format."""

Outcome = Literal["open", "complete", "truncated", "cancelled", "denied", "failed"]
"""`open` is closed later by another record; every other one is final."""

Json = bool | int | str | None | Sequence["Json"] | Mapping[str, "Json"]


def canonical(value: Json) -> bytes:
    """Return the one encoding of `value` (RFC 8785). 64-bit integers must already be strings."""
    return rfc8785.dumps(value)


def sha256(content: bytes) -> str:
    """Return SHA-256 of `content` in hex."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Names a durable record."""

    tenant: TenantId
    id: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to append, with what belongs beside it."""

    receipt: Receipt
    record: Mapping[str, Json]
    """Holds no personal value and no document text."""
    personal: Mapping[str, Json] = field(repr=False)
    """Salts and personal values, in a table of their own from which they can be erased."""
    kept: Mapping[str, Callable[[], bytes]] = field(default_factory=dict, repr=False)
    """Policy sets by digest, so that a decision can be replayed; each is rendered only once."""
    held: Mapping[str, Callable[[], bytes]] = field(default_factory=dict, repr=False)
    """Entitlements by digest, likewise, but beside the personal values: they can be erased with them."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A record as read back, with its closing record once there is one."""

    receipt: Receipt
    record: Mapping[str, Json]
    closing: Mapping[str, Json] | None


class AuditLog(Protocol):
    """Every method raises `AuditUnavailableError` unless what it says is durable."""

    def append(self, entry: Entry) -> None:
        """Make `entry` durable: the record and its personal values together, or neither. Never overwrites."""
        ...

    def close(self, receipt: Receipt, outcome: Outcome, detail: Mapping[str, Json]) -> None:
        """Append the closing record of `receipt`, once: a second closing changes nothing."""
        ...

    def read(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[Logged]:
        """Return at most `limit` records of `tenant`, oldest first, whose ids follow `after`."""
        ...
