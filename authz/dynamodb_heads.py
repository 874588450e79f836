"""Head items as the directory's writing side sees them: what a person holds, what they shall hold, what to write."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from authz.dynamodb_person import DIRECT, GROUPS, HEAD, Head, group_ids, person_key, read_head
from authz.dynamodb_roster import replace_item
from authz.dynamodb_table import IncompleteError, Item, Table, translating
from authz.dynamodb_value import store
from authz.errors import DirectoryUnavailableError
from authz.nesting import Nesting, closure_of
from authz.resource import EntityId, TenantId

_READS = 5


@dataclass(frozen=True, slots=True)
class State:
    """A person as read: the head item and the groups that they were put in."""

    head: Head
    direct: frozenset[EntityId]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person as they shall be."""

    tenant: TenantId
    issuer: str = field(repr=False)
    subject: str = field(repr=False)
    handle: str
    attributes: Mapping[str, object]
    """Plain JSON."""
    direct: frozenset[EntityId]


@dataclass(frozen=True, slots=True)
class Change:
    """A head item to write over the one that was read, and the chunks to be there before it."""

    head: Head
    chunks: list[Item]
    former: Head | None


def change_of(state: State | None, wanted: Wanted, nesting: Nesting) -> Change | None:
    """Return how to bring a person to `wanted`, None if they are. Raises `ResourceError` for an unknown group."""
    draft = _draft(wanted, nesting)
    former = state.head if state else None
    if former is not None and _held(former) == _held(draft.head):
        return None
    return Change(draft.head, draft.chunks, former)


def _draft(wanted: Wanted, nesting: Nesting) -> Change:
    pk, generation = person_key(wanted.issuer, wanted.subject)[0], secrets.token_hex(8)
    direct, chunks = store(sorted(wanted.direct), pk, generation, DIRECT)
    groups, more = store(sorted(closure_of(wanted.direct, nesting)), pk, generation, GROUPS)
    head = Head(
        tenant=wanted.tenant,
        issuer=wanted.issuer,
        subject=wanted.subject,
        handle=wanted.handle,
        attributes=wanted.attributes,
        generation=generation,
        direct=direct,
        groups=groups,
    )
    return Change(head, [*chunks, *more], None)


def _held(head: Head) -> tuple[object, ...]:
    named = head.tenant, head.issuer, head.subject, head.handle, dict(head.attributes)
    return *named, head.direct.sha256, head.groups.sha256


@dataclass(frozen=True, slots=True)
class Heads:
    """The head items in the directory's table. Every method raises `DirectoryUnavailableError`."""

    table: Table

    def read(self, people: Iterable[str]) -> dict[str, State]:
        """Return the states of `people`, by the first key of their heads; who has none yet is absent."""
        left, states = set(people), dict[str, State]()
        with translating(DirectoryUnavailableError, "the directory cannot be read in full"):
            for _ in range(_READS):
                items = self.table.get_many((pk, HEAD) for pk in sorted(left))
                heads = {pk: read_head(item) for (pk, _), item in items.items()}
                states |= self._states(heads)
                # Chunks that are missing were dropped with their generation: then the head names the next by now.
                left = heads.keys() - states.keys()
                if not left:
                    return states
            message = "chunks of direct groups are missing"
            raise IncompleteError(message)

    def write(self, change: Change) -> bool:
        """Write `change` if nobody was quicker; return whether."""
        head, former = change.head, change.former
        with translating(DirectoryUnavailableError, "the directory cannot be written"):
            self.table.put_many(change.chunks)
            written = replace_item(self.table, head.item(), former.generation if former else "")
            dropped = former if written else head
            if dropped is not None:
                self.table.delete_many(dropped.chunks())
            return written

    def _states(self, heads: Mapping[str, Head]) -> dict[str, State]:
        keys = {pk: head.direct.keys(pk, head.generation, DIRECT) for pk, head in heads.items()}
        chunks = self.table.get_many(key for each in keys.values() for key in each)
        whole = [pk for pk in heads if all(key in chunks for key in keys[pk])]
        return {
            pk: State(heads[pk], group_ids(heads[pk].direct.load([chunks[key] for key in keys[pk]]), heads[pk].tenant))
            for pk in whole
        }
