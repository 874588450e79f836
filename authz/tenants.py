"""The tenants that this deployment serves, and the names in them that policies and manifests may use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
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
    """Return the tenants declared in the JSON `text`. Raises `PolicyError` if malformed or if collections ring."""
    try:
        return MappingProxyType(
            {each.id: each for each in (_tenant(name, raw) for name, raw in json.loads(text).items())}
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = error if isinstance(error, ResourceError) else "malformed"
        message = (
            f'tenants.json: {reason}; expected {{"tenant": {{"groups": [name], "collections": {{name: [parent]}}}}}}'
        )
        raise PolicyError(message) from error


def _tenant(name: str, raw: Mapping[str, Mapping[str, list[str]]]) -> Tenant:
    tenant = tenant_id(name)
    parents = {entity_id(tenant, each): _names(tenant, above) for each, above in raw["collections"].items()}
    return Tenant(tenant, _names(tenant, raw["groups"]), MappingProxyType(_closures(parents)))


def _names(tenant: TenantId, raw: object) -> frozenset[EntityId]:
    if not isinstance(raw, list):  # a text would be read as the names of its letters
        raise TypeError
    return frozenset(entity_id(tenant, name) for name in raw)


def _closures(parents: Mapping[EntityId, frozenset[EntityId]]) -> dict[EntityId, frozenset[EntityId]]:
    closures: dict[EntityId, frozenset[EntityId]] = {}
    try:
        for each in TopologicalSorter(parents).static_order():
            if each not in parents:
                message = f'collection "{each}" is named as a parent but not declared'
                raise ResourceError(message)
            closures[each] = frozenset({each}).union(*(closures[parent] for parent in parents[each]))
    except CycleError as error:
        message = f'collection "{error.args[1][0]}" lies in itself'
        raise ResourceError(message) from error
    return closures
