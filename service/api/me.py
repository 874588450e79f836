"""`/v1/me`: what the caller holds, and the scope that the policies compile to for them."""

from fastapi import APIRouter
from pydantic import BaseModel

from authz.condition import to_plain
from authz.schema import plain_attributes
from authz.scope import scope
from service.request import Authenticated
from service.route import BoundedRoute

router = APIRouter(prefix="/v1", route_class=BoundedRoute)


class MeView(BaseModel):
    """A principal and its scope."""

    tenant: str
    principal: str
    attributes: dict[str, object]
    groups: list[str]
    epoch: str
    policies: str
    scope: object


@router.get("/me")
def read_me(call: Authenticated) -> MeView:
    """Return what the directory says that the caller holds, and what this lets them find now."""
    principal = call.principal()
    held = principal.entitlements
    allowed = scope(principal, call.policies, call.now)
    return MeView(
        tenant=held.tenant,
        principal=held.uid,
        attributes=plain_attributes(call.policies.attributes.principal, held.attributes),
        groups=sorted(held.closure.groups),
        epoch=str(held.epoch),
        policies=allowed.policy_digest,
        scope=to_plain(allowed.condition),
    )
