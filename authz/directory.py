"""From an identity to a principal: what the directory says that this person holds, at one epoch."""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from typing import Protocol, Self, final

from authz.errors import UnknownPrincipalError
from authz.identity import Identity
from authz.resource import Attributes, EntityId, TenantId, entity_id
from authz.schema import TENANT
from authz.seal import Seal

_SEAL = Seal("Principal")


@dataclass(frozen=True, slots=True)
class Closure:
    """All groups of a person, ancestors included, and the digest of that set, computed once per generation."""

    groups: frozenset[EntityId]
    digest: str
    """SHA-256 in hex of the sorted ids in JSON."""

    @classmethod
    def of(cls, groups: Iterable[EntityId]) -> Self:
        """Return the closure that holds `groups`."""
        frozen = frozenset(groups)
        return cls(frozen, _digest(sorted(frozen)))


@dataclass(frozen=True, slots=True)
class Entitlements:
    """What the directory says a person holds, in one tenant, at one epoch: plain data that opens nothing."""

    tenant: TenantId
    uid: EntityId
    attributes: Attributes
    closure: Closure = field(repr=False)
    epoch: int

    @property
    def digest(self) -> str:
        """SHA-256 in hex of all that decides about this person's access."""
        attributes = {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in self.attributes.items()
        }
        return _digest([self.tenant, self.uid, attributes, self.closure.digest])


class Directory(Protocol):
    """The authority on people, groups and what they hold."""

    def entitlements(self, issuer: str, subject: str) -> Entitlements | None:
        """Return what this person holds, read in one consistent snapshot, or None if the directory does not know them.

        Raises `DirectoryUnavailableError` if any part, or the epoch, cannot be read.
        """
        ...


@final
@dataclass(frozen=True, slots=True)
class Principal:
    """The Cedar entity for an identity in one tenant, at one directory epoch. Made only by `look_up`."""

    identity: Identity
    entitlements: Entitlements
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        """Refuse to be made elsewhere."""
        _SEAL.check(seal)

    @property
    def tenant(self) -> TenantId:
        """The one tenant that this principal acts in."""
        return self.entitlements.tenant

    @property
    def uid(self) -> EntityId:
        """The id of the Cedar entity."""
        return self.entitlements.uid


def look_up(identity: Identity, directory: Directory) -> Principal:
    """Return the principal that `directory` holds for `identity`.

    Raises `UnknownPrincipalError` if it holds none, or in a tenant for which the issuer may not speak, and
    `DirectoryUnavailableError` if the directory cannot answer in full.
    """
    entitlements = directory.entitlements(identity.issuer, identity.subject)
    if entitlements is None:
        message = "the directory does not know this person"
        raise UnknownPrincipalError(message)
    if entitlements.tenant not in identity.tenants:
        message = "the directory's tenant is none that this issuer may speak for"
        raise UnknownPrincipalError(message)
    if entitlements.attributes.get(TENANT, entitlements.tenant) != entitlements.tenant:
        message = "the directory's attributes name another tenant than the one it answers for"
        raise UnknownPrincipalError(message)
    if entitlements.uid != principal_id(entitlements.tenant, identity.issuer, identity.subject):
        message = "the directory answered for somebody else"
        raise UnknownPrincipalError(message)
    return Principal(identity, entitlements, _SEAL)


def principal_id(tenant: TenantId, issuer: str, subject: str) -> EntityId:
    """Return the uid of a person: `tenant/` and base64url of SHA-256 over the JSON of [`issuer`, `subject`].

    Cedar reads a principal's uid as text in partial evaluation and refuses some characters there; a digest has none.
    """
    digest = hashlib.sha256(json.dumps([issuer, subject], separators=(",", ":"), ensure_ascii=False).encode()).digest()
    return entity_id(tenant, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())


def _digest(plain: object) -> str:
    return hashlib.sha256(
        json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    ).hexdigest()
