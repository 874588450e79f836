"""From single changes to what a person can act on: by policy, and by the groups whose members they concern."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from authz.policy_diff import Change
from authz.policy_set import PolicySet
from authz.resource import EntityId

NO_GROUP = "in no group"


@dataclass(frozen=True, slots=True)
class Concerned:
    """A group, how many of its members gain or lose something, and which documents."""

    group: str
    people: frozenset[EntityId]
    members: int
    documents: tuple[EntityId, ...]
    pairs: int


def by_policy(changes: Iterable[Change], old: PolicySet, new: PolicySet) -> list[tuple[str, int]]:
    """Return what made the difference, each with its number of changes, most first; several may make one change."""
    counted = Counter(cause for change in changes for cause in _causes(change, old, new))
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))


def by_group(changes: Sequence[Change], members: Mapping[str, frozenset[EntityId]]) -> list[Concerned]:
    """Return the groups that the changes concern, in an order in which each change counts once.

    Taken first is the group that explains most: the changes of its members, times the share of members concerned.
    """
    left = {(each.person, each.document) for each in changes}
    found: list[Concerned] = []
    while left:
        pairs: Counter[EntityId] = Counter(person for person, _ in left)
        group = max(sorted(members), key=lambda name: _weight(members[name], pairs), default=NO_GROUP)
        people = members.get(group, frozenset()) & pairs.keys()
        if not people:
            group, people = NO_GROUP, frozenset(pairs)
        taken = {each for each in left if each[0] in people}
        documents = tuple(sorted({document for _, document in taken}))
        found.append(Concerned(group, people, len(members.get(group, people)), documents, len(taken)))
        left -= taken
    return found


def members_of(closures: Mapping[EntityId, frozenset[EntityId]]) -> dict[str, frozenset[EntityId]]:
    """Return the members of each group from the groups of each person."""
    members: dict[str, set[EntityId]] = defaultdict(set)
    for person, groups in closures.items():
        for group in groups:
            members[group].add(person)
    return {group: frozenset(people) for group, people in members.items()}


def _weight(members: frozenset[EntityId], pairs: Mapping[EntityId, int]) -> float:
    concerned = members & pairs.keys()
    return sum(pairs[person] for person in concerned) * len(concerned) / len(members)


def _causes(change: Change, old: PolicySet, new: PolicySet) -> Iterator[str]:
    """Yield what made the difference: a forbid on one side if there is one, else the permits of the other."""
    shut, opened = (change.old, change.new) if change.gained else (change.new, change.old)
    shutting, opening = (old, new) if change.gained else (new, old)
    if shut.misfit:
        yield f"the {'old' if change.gained else 'new'} schema, which does not take them as they are"
    for id_ in shut.policies:
        yield _named(shutting, id_, "forbids no longer" if change.gained else "forbids")
    if not shut.misfit and not shut.policies:
        for id_ in opened.policies:
            yield _named(opening, id_, "permits" if change.gained else "permits no longer")


def _named(policies: PolicySet, id_: str, verb: str) -> str:
    policy = policies.policies[id_]
    return f"{id_} ({policy.place}) {verb}"
