"""The algebra of conditions, and its reference semantics."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz import condition as c
from authz.holds import holds
from authz.resource import EntityId, Resource

NAMES = ("a", "b")
leaves: st.SearchStrategy[c.Condition] = st.one_of(
    st.sampled_from([c.ALWAYS, c.NEVER]),
    st.builds(c.OneOf, st.just("s"), st.frozensets(st.sampled_from(NAMES), min_size=1)),
    st.builds(c.Intersects, st.just("m"), st.frozensets(st.sampled_from(NAMES), min_size=1)),
    st.builds(c.SubsetOf, st.just("m"), st.frozensets(st.sampled_from(NAMES))),
    st.builds(c.ContainsAll, st.just("m"), st.frozensets(st.sampled_from(NAMES), min_size=1)),
    st.builds(c.Compare, st.just("n"), st.sampled_from(["<", "<=", ">", ">="]), st.integers(-2, 2)),
    st.builds(c.Present, st.sampled_from(["s", "m", "n"])),
    st.just(c.Empty("m")),
    st.builds(c.Within, st.frozensets(st.sampled_from(NAMES), min_size=1)),
    st.builds(c.Matches, st.just("s"), st.lists(st.sampled_from(["a", "", "*"]), min_size=1).map(tuple)),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(c.all_of), st.lists(inner, max_size=3).map(c.any_of), inner.map(c.not_)
    ),
)
resources = st.builds(
    Resource,
    st.just(EntityId("acme/x")),
    st.fixed_dictionaries(
        {},
        optional={
            "s": st.sampled_from([*NAMES, "", "*", "aa"]),
            "m": st.frozensets(st.sampled_from(NAMES)),
            "n": st.integers(-3, 3),
        },
    ),
    st.frozensets(st.sampled_from(NAMES)),
)


@given(conditions, resources)
def test_negation_is_the_opposite_and_twice_nothing(condition: c.Condition, resource: Resource) -> None:
    assert holds(c.not_(condition), resource) is not holds(condition, resource)
    assert holds(c.not_(c.not_(condition)), resource) is holds(condition, resource)


@given(st.lists(conditions, max_size=4), resources)
def test_all_and_any_are_what_they_say(several: list[c.Condition], resource: Resource) -> None:
    assert holds(c.all_of(several), resource) is all(holds(each, resource) for each in several)
    assert holds(c.any_of(several), resource) is any(holds(each, resource) for each in several)


@given(conditions)
def test_negations_stand_at_leaves_and_groups_in_groups_are_flat(condition: c.Condition) -> None:
    for each in (condition, c.not_(condition)):
        assert _normal(each)


def _normal(condition: c.Condition) -> bool:
    match condition:
        case c.Not(leaf):
            return not isinstance(leaf, c.All | c.Any | c.Not | c.Constant)
        case c.All(items) | c.Any(items):
            return len(items) > 1 and all(
                type(item) is not type(condition) and not isinstance(item, c.Constant) and _normal(item)
                for item in items
            )
        case _:
            return True


@given(conditions, conditions)
def test_plain_form_differs_where_conditions_do(first: c.Condition, second: c.Condition) -> None:
    same = json.dumps(c.to_plain(first)) == json.dumps(c.to_plain(second))
    assert same is (first == second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (c.Matches("s", ("*",)), c.Matches("s", ("\\", ""))),
        (c.Matches("s", ("\\*",)), c.Matches("s", ("\\\\", ""))),
        (c.Matches("s", ("a", "b")), c.Matches("s", ("a*b",))),
    ],
)
def test_patterns_that_differ_look_different(one: c.Condition, other: c.Condition) -> None:
    assert c.to_plain(one) != c.to_plain(other)


def test_nothing_to_hold_is_never() -> None:
    assert c.one_of("a", []) == c.intersects("a", frozenset()) == c.within(frozenset()) == c.any_of([]) == c.NEVER
    assert c.all_of([]) == c.ALWAYS
    assert c.contains_all("a", frozenset()) == c.Present("a")


@pytest.mark.parametrize(
    "leaf",
    [
        c.OneOf("x", frozenset({"a"})),
        c.Intersects("x", frozenset({"a"})),
        c.SubsetOf("x", frozenset({"a"})),
        c.ContainsAll("x", frozenset({"a"})),
        c.Empty("x"),
        c.Compare("x", "<", 1),
        c.Present("x"),
        c.Matches("x", ("", "")),
    ],
)
def test_leaf_about_a_missing_attribute_is_false(leaf: c.Leaf) -> None:
    resource = Resource(EntityId("acme/x"), {})
    assert not holds(leaf, resource)
    assert holds(c.not_(leaf), resource)


def test_leaf_about_an_attribute_of_another_kind_is_false() -> None:
    resource = Resource(EntityId("acme/x"), {"x": "a", "m": frozenset({"a"})})
    for leaf in (
        c.Compare("x", "<", 1),
        c.Intersects("x", frozenset({"a"})),
        c.Empty("x"),
        c.OneOf("m", frozenset({"a"})),
        c.Matches("m", ("a",)),
        c.Compare("m", ">", 0),
    ):
        assert not holds(leaf, resource)


@pytest.mark.parametrize(
    ("parts", "text", "fits"),
    [
        (("a", "c"), "abc", True),
        (("a", "c"), "a\nc", True),
        (("a", "c"), "abcd", False),
        (("a.c",), "abc", False),
        (("",), "", True),
        (("",), "a", False),
        (("", ""), "", True),
        (("[a]",), "a", False),
        (("(", ""), "(x", True),
        (("é",), "e\u0301", False),
        (("A",), "a", False),
    ],
)
def test_pattern_is_literal_but_for_its_gaps(parts: tuple[str, ...], text: str, fits: bool) -> None:  # noqa: FBT001
    assert holds(c.Matches("s", parts), Resource(EntityId("acme/x"), {"s": text})) is fits


def test_extent_counts_leaves_and_levels() -> None:
    leaf = c.Empty("m")
    assert c.extent(c.ALWAYS) == c.extent(c.Not(leaf)) == (1, 0)
    assert c.extent(c.All((leaf, c.Any((leaf, c.All((leaf, leaf))))))) == (4, 3)
