"""The summary of a difference: every change counts at one group, and every cause is named."""

from random import Random

import pytest

from authz.decision import Decision
from authz.policy_diff import Change
from authz.policy_set import load_policies
from authz.resource import EntityId
from service.commands.diff_summary import NO_GROUP, by_group, by_policy, members_of

SET = load_policies()


def change(
    person: str, document: str, old: tuple[str, ...] = ("staff",), new: tuple[str, ...] = (), *, gained: bool = False,
    misfit: bool = False,
) -> Change:  # fmt: skip
    before, after = Decision(not gained, old), Decision(gained, new, misfit)
    return Change(EntityId(person), EntityId(document), before, after)


def members(**groups: str) -> dict[str, frozenset[EntityId]]:
    return {name: frozenset(EntityId(each) for each in people) for name, people in groups.items()}


def test_group_that_explains_most_is_named_once() -> None:
    changes = [change(person, document) for person in "abc" for document in ("x", "y")]
    found = by_group(changes, members(all="abcdef", three="abc", one="a"))
    assert [(each.group, len(each.people), each.members, each.pairs) for each in found] == [("three", 3, 3, 6)]
    assert found[0].documents == ("x", "y")


def test_group_of_which_few_are_concerned_is_not_named_before_one_of_which_all_are() -> None:
    found = by_group([change("a", "x"), change("b", "x"), change("z", "x")], members(all="abcdefghz", two="ab"))
    assert [(each.group, len(each.people), each.members) for each in found] == [("two", 2, 2), ("all", 1, 9)]


def test_who_is_in_no_group_is_told_too() -> None:
    found = by_group([change("a", "x"), change("b", "y")], {})
    assert [(each.group, len(each.people), each.members, each.pairs) for each in found] == [(NO_GROUP, 2, 2, 2)]
    assert by_group([], members(all="ab")) == []


@pytest.mark.parametrize("seed", range(20))
def test_every_change_counts_at_exactly_one_group(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - made to be repeated
    people, groups = "abcdefgh", ("g", "h", "i", "j")
    closures = {
        EntityId(person): frozenset(EntityId(group) for group in random.sample(groups, random.randint(0, 3)))
        for person in people
    }
    changes = [change(person, str(number)) for person in people for number in range(5) if random.random() < 0.4]
    found = by_group(changes, members_of(closures))
    assert sum(each.pairs for each in found) == len(changes)
    assert len({each.group for each in found}) == len(found)


def test_cause_is_what_shuts_now_or_opened_before() -> None:
    place = {id_: policy.place for id_, policy in SET.policies.items()}
    lost = [change("a", "x", new=("clearance", "markings")), change("a", "y"), change("b", "x", new=("clearance",))]
    assert by_policy(lost, SET, SET) == [
        (f"clearance ({place['clearance']}) forbids", 2),
        (f"markings ({place['markings']}) forbids", 1),
        (f"staff ({place['staff']}) permits no longer", 1),
    ]
    gained = [
        change("a", "x", ("embargo",), ("staff",), gained=True),
        change("a", "y", (), ("owners",), gained=True),
    ]
    assert by_policy(gained, SET, SET) == [
        (f"embargo ({place['embargo']}) forbids no longer", 1),
        (f"owners ({place['owners']}) permits", 1),
    ]
    misfit = by_policy([change("a", "x", misfit=True)], SET, SET)
    assert misfit == [("the new schema, which does not take them as they are", 1)]
