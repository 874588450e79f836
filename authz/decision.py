"""Cedar's full evaluation of named resources for one principal: what door two and every write ask."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from authz import engine
from authz.directory import Entitlements
from authz.errors import MisfitError
from authz.policy_set import PolicySet
from authz.resource import Resource, TenantId
from authz.schema import TENANT, cedar_attributes, to_milliseconds
from authz.scope import principal_entity

DocumentAction = Literal["read", "create", "replace", "relabel", "erase"]
TenantAction = Literal["readAudit", "operate"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an action is allowed, and the ids of the policies that determined it."""

    allowed: bool
    policies: tuple[str, ...] = ()
    misfit: bool = False
    """The resource does not fit the schema and was not put to the engine: never allowed."""


_MISFIT = Decision(allowed=False, misfit=True)


def decide(
    entitlements: Entitlements,
    action: DocumentAction,
    resources: Sequence[Resource],
    policies: PolicySet,
    now: datetime,
) -> list[Decision]:
    """Return a decision for each of `resources`, in their order.

    A resource that does not fit the schema, or shares its id with another of the batch, is refused on its own.
    Raises `DecisionError` if the engine gives no decision.
    """
    if entitlements.tenant not in policies.tenants:
        return [Decision(allowed=False)] * len(resources)
    entities = _unique([_entity(resource, policies) for resource in resources])
    named = (policies.attributes.groups_of_document(resources[index].attributes) for index in entities)
    principal = principal_entity(entitlements, policies.literals.union(*named), policies)

    def ask(batch: dict[int, engine.Entity]) -> dict[int, Decision]:
        if not batch:
            return {}
        instant = to_milliseconds(now)
        results = engine.decide(principal, action, list(batch.values()), instant, policies.handle, policies.schema)
        return {index: Decision(each.allowed, each.policies) for index, each in zip(batch, results, strict=True)}

    try:
        decided = ask(entities)
    except MisfitError:  # only now is it worth looking which one it was: a principal that does not fit raises again
        decided = ask({index: entity for index, entity in entities.items() if engine.fits(entity, policies.schema)})
    return [decided.get(index, _MISFIT) for index in range(len(resources))]


def decide_on_tenant(
    entitlements: Entitlements, action: TenantAction, tenant: TenantId, policies: PolicySet, now: datetime
) -> Decision:
    """Return whether who holds `entitlements` may do `action` in `tenant`. Raises `DecisionError`."""
    if tenant not in policies.tenants:
        return Decision(allowed=False)
    resource = engine.Entity(("Tenant", tenant), {TENANT: tenant})
    principal = principal_entity(entitlements, policies.literals, policies)
    result = engine.decide(principal, action, [resource], to_milliseconds(now), policies.handle, policies.schema)[0]
    return Decision(result.allowed, result.policies)


def _entity(resource: Resource, policies: PolicySet) -> engine.Entity | None:
    types = policies.attributes.document
    if resource.attributes.keys() - types.keys():
        return None
    try:
        attributes = cedar_attributes(types, resource.attributes)
    except (OverflowError, TypeError):  # an instant that no calendar holds, a set of several kinds
        return None
    parents = tuple(("Collection", collection) for collection in sorted(resource.collections))
    return engine.Entity(("Document", resource.uid), attributes, parents)


def _unique(entities: Sequence[engine.Entity | None]) -> dict[int, engine.Entity]:
    """Return, by their places, the entities whose uid stands only once: Cedar decides on no batch with a double."""
    uids = Counter(entity.uid for entity in entities if entity is not None)
    return {index: each for index, each in enumerate(entities) if each is not None and uids[each.uid] == 1}
