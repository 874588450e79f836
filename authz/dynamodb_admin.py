"""From operators' changes of people and groups to head items and epochs: the directory's writing side."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, final

from authz.dynamodb_heads import Heads, State, Wanted, change_of
from authz.dynamodb_person import epoch_key, person_key
from authz.dynamodb_roster import Roster, Rosters
from authz.dynamodb_table import Table, translating
from authz.enrolment import Enrolment, Person, enrol, nest
from authz.errors import DirectoryUnavailableError, ResourceError
from authz.resource import EntityId, TenantId, entity_id
from authz.schema import TENANT, AttributeTypes, parse_attributes, plain_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_ROUNDS = 30
_PAUSE = 0.05
"""Longest wait before a round, in seconds, times the number of rounds done."""
_WRITERS = 8
"""Head items written at once."""
_MAX_ATTRIBUTES = 64 * 1024
"""Most bytes of a person's attributes: the head item must stay below DynamoDB's 400 KB."""

_Edit = Callable[[State | None], Wanted | None]
"""What to make of a person as they are (None: leave them alone), asked again if somebody else was quicker."""


@final
class DynamoDBDirectoryAdmin:
    """Writes the table that `DynamoDBDirectory` reads: for operators' tools.

    Closures are materialised here. First the roster changes, then every head item that it affects, then the epoch, and
    only then does a method return. A head is written only over the generation that it was made from, and the roster
    must be the same after the heads as before; else the round is repeated. So whoever comes second sees what the first
    did, and no head stays behind a change of nesting. A writer that dies halfway may leave some heads as they were:
    repeat it. Every method raises `ResourceError` for what the directory must not hold, and
    `DirectoryUnavailableError`.
    """

    def __init__(self, client: "DynamoDBClient", table: str, principal_types: AttributeTypes) -> None:
        self._table = Table(client, table)
        self._rosters = Rosters(self._table)
        self._heads = Heads(self._table)
        self._principal_types = principal_types

    def put_group(self, tenant: TenantId, group: str, parents: Iterable[str]) -> int:
        """Declare `group`, directly in `parents`, and return the new epoch. Names are local to `tenant`."""
        return self.load(tenant, {group: parents}, ())

    def put_person(
        self,
        tenant: TenantId,
        issuer: str,
        subject: str,
        handle: str,
        attributes: Mapping[str, object],
        groups: Iterable[str],
    ) -> int:
        """Write a person with plain `attributes`, directly in `groups` and no others, and return the new epoch."""
        return self.load(tenant, {}, [Enrolment(issuer, subject, handle, attributes, tuple(groups))])

    def grant(self, tenant: TenantId, handle: str, group: str) -> int:
        """Put the person known as `handle` into `group`, and return the new epoch."""
        added = entity_id(tenant, group)
        return self._regroup(tenant, handle, lambda direct: direct | {added})

    def revoke(self, tenant: TenantId, handle: str, group: str) -> int:
        """Take the person known as `handle` out of `group`, and return the new epoch."""
        removed = entity_id(tenant, group)
        return self._regroup(tenant, handle, lambda direct: direct - {removed})

    def load(self, tenant: TenantId, groups: Mapping[str, Iterable[str]], people: Iterable[Enrolment]) -> int:
        """Declare `groups` with their parents, write `people`, and return the new epoch; others stay as they are."""
        wanted = {person_key(each.issuer, each.subject)[0]: self._wanted(tenant, each) for each in people}
        handles = {each.handle: person for person, each in wanted.items()}
        parents = {group: tuple(above) for group, above in groups.items()}
        edits = {person: _put(each) for person, each in wanted.items()}
        # (1): refuse what is unsound before anything is written.
        states = self._heads.read(edits)
        for person, edit in edits.items():
            edit(states.get(person))
        # (2): the roster.
        self._rosters.change(tenant, lambda old: _merged(tenant, old, parents, handles, wanted))
        # (3): the heads, also when the roster was so already: an earlier writer may have died before it came to them.
        self._settle(tenant, edits, everyone=bool(parents))
        # (4): the epoch.
        return self._advance(tenant)

    def people(self, tenant: TenantId) -> list[Person]:
        """Return everybody in `tenant`, by handle."""
        states = self._heads.read(self._rosters.read(tenant).people.values())
        with translating(DirectoryUnavailableError, "the directory holds what does not fit the schema"):
            people = [self._person(state) for state in states.values() if state.head.tenant == tenant]
        return sorted(people, key=lambda person: person.handle)

    def parents(self, tenant: TenantId, group: str) -> frozenset[EntityId] | None:
        """Return the groups that `group` is directly in, None if it is not declared."""
        return self._rosters.read(tenant).nesting.get(entity_id(tenant, group))

    def _wanted(self, tenant: TenantId, person: Enrolment) -> Wanted:
        own = {TENANT: tenant} if TENANT in self._principal_types else {}
        parsed = parse_attributes(self._principal_types, {**own, **person.attributes})
        if parsed.get(TENANT, tenant) != tenant or not (person.issuer and person.subject):
            message = (
                f'"{person.handle}": a person has an issuer, a subject, and no other tenant than that of the directory'
            )
            raise ResourceError(message)
        if len(str(parsed).encode()) > _MAX_ATTRIBUTES:
            message = f'"{person.handle}": attributes are larger than {_MAX_ATTRIBUTES} bytes'
            raise ResourceError(message)
        entity_id(tenant, person.handle)
        plain = plain_attributes(self._principal_types, parsed)
        direct = frozenset(entity_id(tenant, group) for group in person.groups)
        return Wanted(tenant, person.issuer, person.subject, person.handle, plain, direct)

    def _person(self, state: State) -> Person:
        head = state.head
        attributes = parse_attributes(self._principal_types, head.attributes)
        return Person(head.handle, head.uid, head.issuer, head.subject, attributes, state.direct)

    def _regroup(
        self, tenant: TenantId, handle: str, change: Callable[[frozenset[EntityId]], frozenset[EntityId]]
    ) -> int:
        person = self._rosters.read(tenant).people.get(handle)
        if person is None or person not in self._heads.read([person]):
            message = f'nobody in {tenant} is known as "{handle}"'
            raise ResourceError(message)

        def edit(state: State | None) -> Wanted | None:
            same = _same(state)
            return same and replace(same, direct=change(same.direct))

        self._settle(tenant, {person: edit}, everyone=False)
        return self._advance(tenant)

    def _settle(self, tenant: TenantId, edits: Mapping[str, _Edit], *, everyone: bool) -> None:
        """Write heads until each is as its edit wants it, under a roster that did not change meanwhile."""
        with ThreadPoolExecutor(_WRITERS) as pool:
            for number in range(_ROUNDS):
                time.sleep(random.uniform(0, _PAUSE * number))  # noqa: S311 - spreads writers, keeps no secret
                roster = self._rosters.read(tenant)
                people = {*edits, *(roster.people.values() if everyone else ())}
                states = {pk: state for pk, state in self._heads.read(people).items() if state.head.tenant == tenant}
                wanted = [(states.get(person), edits.get(person, _same)) for person in sorted(people)]
                drafts = [(state, edit(state)) for state, edit in wanted]
                due = [change_of(state, want, roster.nesting) for state, want in drafts if want is not None]
                written = [*pool.map(self._heads.write, filter(None, due))]
                if all(written) and self._rosters.read(tenant).generation == roster.generation:
                    return
        message = "the directory is being changed by too many at once"
        raise DirectoryUnavailableError(message)

    def _advance(self, tenant: TenantId) -> int:
        with translating(DirectoryUnavailableError, "the epoch cannot be advanced"):
            return self._table.add(epoch_key(tenant), "epoch", 1)


def _put(wanted: Wanted) -> _Edit:
    def edit(state: State | None) -> Wanted:
        if state is not None and (state.head.tenant, state.head.handle) != (wanted.tenant, wanted.handle):
            message = f'"{wanted.handle}" is a person of another tenant or handle'
            raise ResourceError(message)
        return wanted

    return edit


def _same(state: State | None) -> Wanted | None:
    if state is None:
        return None
    head = state.head
    return Wanted(head.tenant, head.issuer, head.subject, head.handle, head.attributes, state.direct)


def _merged(
    tenant: TenantId,
    old: Roster,
    groups: Mapping[str, tuple[str, ...]],
    handles: Mapping[str, str],
    wanted: Mapping[str, Wanted],
) -> Roster:
    nesting = nest(tenant, old.nesting, groups)
    unknown = sorted(frozenset[EntityId]().union(*(each.direct for each in wanted.values())) - nesting.keys())
    if unknown or len(handles) != len(wanted):
        message = f'group "{unknown[0]}" is not declared' if unknown else "a handle is named twice"
        raise ResourceError(message)
    return Roster(nesting, enrol(old.people, handles))
