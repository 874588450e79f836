"""From what operators say of people and groups to a sound roster: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from authz.errors import ResourceError
from authz.nesting import Nesting, check
from authz.resource import Attributes, EntityId, TenantId, entity_id


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A person as operators write them down."""

    issuer: str = field(repr=False)
    subject: str = field(repr=False)
    handle: str
    attributes: Mapping[str, object]
    """Plain JSON by the schema; `tenant` may be left out."""
    groups: Sequence[str]
    """Names local to the tenant."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person as operators' tools list them."""

    handle: str
    uid: EntityId
    issuer: str = field(repr=False)
    subject: str = field(repr=False)
    attributes: Attributes
    groups: frozenset[EntityId]
    """Those the person was put in, without ancestors."""


def nest(tenant: TenantId, nesting: Nesting, groups: Mapping[str, Sequence[str]]) -> Nesting:
    """Return `nesting` with `groups` and their parents put in. Raises `ResourceError` if that is no sound nesting."""
    added = {
        entity_id(tenant, group): frozenset(entity_id(tenant, parent) for parent in parents)
        for group, parents in groups.items()
    }
    merged = {**nesting, **added}
    if added:
        check(merged)
    return merged


def enrol(people: Mapping[str, str], handles: Mapping[str, str]) -> Mapping[str, str]:
    """Return `people`, by handle, with `handles`. Raises `ResourceError` if a handle is taken, or a person has two."""
    known = {person: handle for handle, person in people.items()}
    for handle, person in handles.items():
        if people.get(handle, person) != person:
            message = f'"{handle}" is somebody else'
            raise ResourceError(message)
        if known.get(person, handle) != handle:
            message = f'"{handle}" is known as "{known[person]}"'
            raise ResourceError(message)
    return {**people, **handles}
