"""From a tenant to its roster: its groups with their parents, and who is known by which handle."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from authz.dynamodb_person import HEAD
from authz.dynamodb_table import PK, SK, IncompleteError, Item, Table, translating
from authz.dynamodb_value import Value, store
from authz.errors import DirectoryUnavailableError
from authz.nesting import Nesting
from authz.resource import EntityId, TenantId

_ATTEMPTS = 20
_NAME = "roster"
_FAILURE = "the tenant's roster cannot be read and written"


@dataclass(frozen=True, slots=True)
class Roster:
    """What operators' tools need of a tenant, as one value: a change of any size is visible at once, or not at all."""

    nesting: Nesting = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    """By handle, the first key of the person's head item."""
    generation: str = ""
    """Random, never used twice; empty as long as there is no roster."""


@dataclass(frozen=True, slots=True)
class Rosters:
    """The rosters in the directory's table. Every method raises `DirectoryUnavailableError`."""

    table: Table

    def read(self, tenant: TenantId) -> Roster:
        """Return the roster of `tenant`, empty if it has none yet."""
        with translating(DirectoryUnavailableError, _FAILURE):
            return self._read(tenant)[0]

    def change(self, tenant: TenantId, change: Callable[[Roster], Roster]) -> None:
        """Replace the roster of `tenant` by what `change` makes of it, against whoever else is changing it."""
        for _ in range(_ATTEMPTS):
            with translating(DirectoryUnavailableError, _FAILURE):
                old, value = self._read(tenant)
            new = change(old)
            if (new.nesting, new.people) == (old.nesting, old.people):
                return
            with translating(DirectoryUnavailableError, _FAILURE):
                if self._replace(tenant, old, value, new):
                    return
        message = "the tenant's roster is being changed by too many at once"
        raise DirectoryUnavailableError(message)

    def _read(self, tenant: TenantId) -> tuple[Roster, Value | None]:
        for _ in range(_ATTEMPTS):
            item = self.table.get((_pk(tenant), HEAD))
            if item is None:
                return Roster(), None
            value, generation = Value.read(item, _NAME), item["generation"]["S"]
            keys = value.keys(_pk(tenant), generation, _NAME)
            chunks = self.table.get_many(keys)
            # Missing chunks were dropped with their generation: then the item names the next one by now.
            if len(chunks) == len(keys):
                return _roster(value.load([chunks[key] for key in keys]), generation), value
        message = "chunks of the roster are missing"
        raise IncompleteError(message)

    def _replace(self, tenant: TenantId, old: Roster, value: Value | None, new: Roster) -> bool:
        generation = secrets.token_hex(8)
        plain = {
            "groups": {group: sorted(parents) for group, parents in new.nesting.items()},
            "people": dict(new.people),
        }
        named, chunks = store(plain, _pk(tenant), generation, _NAME)
        self.table.put_many(chunks)
        item: Item = {PK: {"S": _pk(tenant)}, SK: {"S": HEAD}, "generation": {"S": generation}, **named.item(_NAME)}
        if not replace_item(self.table, item, old.generation):
            self.table.delete_many(named.keys(_pk(tenant), generation, _NAME))
            return False
        if value is not None:
            self.table.delete_many(value.keys(_pk(tenant), old.generation, _NAME))
        return True


def replace_item(table: Table, item: Item, generation: str) -> bool:
    """Write `item` if the one there is of `generation` (empty: if there is none); return whether."""
    if not generation:
        return table.put(item, "attribute_not_exists(pk)")
    return table.put(item, "generation = :former", {":former": {"S": generation}})


def _pk(tenant: TenantId) -> str:
    return f"roster#{tenant}"


def _roster(plain: object, generation: str) -> Roster:
    if not isinstance(plain, dict):
        message = "a roster must be an object"
        raise ValueError(message)  # noqa: TRY004 - what an item holds is data
    nesting = {
        EntityId(group): frozenset(EntityId(parent) for parent in parents) for group, parents in plain["groups"].items()
    }
    return Roster(MappingProxyType(nesting), MappingProxyType(plain["people"]), generation)
