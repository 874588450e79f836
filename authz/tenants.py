"""The tenants that this deployment serves, and the names in them that policies and manifests may use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from authz.errors import PolicyError, ResourceError
from authz.resource import EntityId, TenantId, entity_id, tenant_id


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant's declared names."""

    id: TenantId
    groups: frozenset[EntityId]
    """Groups that a policy may name. The directory holds many more; a misspelt literal would silently never match."""
    collections: Mapping[EntityId, frozenset[EntityId]]
    """Each collection with itself and all its ancestors."""


Tenants = Mapping[TenantId, Tenant]


def read_tenants(text: str) -> Tenants:
    """Return the tenants declared in the JSON `text`. Raises `PolicyError` if it is malformed or collections form a ring."""
    try:
        return MappingProxyType(
            {each.id: each for each in (_tenant(name, raw) for name, raw in json.loads(text).items())}
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = error if isinstance(error, ResourceError) else "malformed"
        message = (
            f'tenants.json: {reason}; expected {{"tenant": {{"groups": [name], "collections": {{name: [parent]}}}}}}'
        )
        raise PolicyError(message) from error


def _tenant(name: str, raw: Mapping[str, Mapping[str, list[str]]]) -> Tenant:
    tenant = tenant_id(name)
    parents = {
        entity_id(tenant, collection): [entity_id(tenant, parent) for parent in above]
        for collection, above in raw["collections"].items()
    }
    groups = frozenset(entity_id(tenant, group) for group in raw["groups"])
    return Tenant(tenant, groups, MappingProxyType({each: _ancestors(each, parents, ()) for each in parents}))


def _ancestors(
    collection: EntityId, parents: Mapping[EntityId, list[EntityId]], below: tuple[EntityId, ...]
) -> frozenset[EntityId]:
    if collection in below:
        message = f'collection "{collection}" lies in itself'
        raise ResourceError(message)
    if collection not in parents:
        message = f'collection "{collection}" is named as a parent but not declared'
        raise ResourceError(message)
    above = (_ancestors(parent, parents, (*below, collection)) for parent in parents[collection])
    return frozenset({collection}).union(*above)
