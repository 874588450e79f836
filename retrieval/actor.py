"""Who a record is about: a principal, somebody whose write is made after their request, or the deployment itself."""

from dataclasses import dataclass

from authz.directory import Entitlements, Principal
from authz.resource import EntityId, TenantId
from retrieval.audit import Json


@dataclass(frozen=True, slots=True)
class Role:
    """The deployment's own credentials, acting through the command line or a worker: no principal of any policy."""

    tenant: TenantId
    name: str


@dataclass(frozen=True, slots=True)
class AbsentAuthor:
    """Somebody whose write is made after their request ended, by what the directory holds of them now.

    No principal: there is no token to show for it, so that nothing can be searched for them or disclosed to them.
    """

    issuer: str
    subject: str
    entitlements: Entitlements

    @property
    def tenant(self) -> TenantId:
        """The tenant that the directory has them in."""
        return self.entitlements.tenant

    @property
    def uid(self) -> EntityId:
        """The id of the Cedar entity."""
        return self.entitlements.uid


Actor = Principal | AbsentAuthor | Role
"""Who a record is about."""


def person_of(actor: Actor) -> dict[str, Json]:
    """Return what names the actor: personal, so it is kept where it can be erased."""
    if isinstance(actor, Role):
        return {"role": actor.name}
    known = actor.identity if isinstance(actor, Principal) else actor
    return {
        "issuer": known.issuer,
        "subject": known.subject,
        "uid": actor.uid,
        "entitlements": actor.entitlements.digest,
    }
