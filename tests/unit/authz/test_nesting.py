"""Closures of groups: complete, without rings, of bounded depth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.errors import ResourceError
from authz.nesting import DEPTH, Nesting, check, closure_of
from authz.resource import EntityId


def nesting(**parents: str) -> Nesting:
    return {EntityId(f"acme/{group}"): ids(above) for group, above in parents.items()}


def ids(names: str) -> frozenset[EntityId]:
    return frozenset(EntityId(f"acme/{name}") for name in names.split())


def chain(length: int) -> Nesting:
    return nesting(**{f"g{number}": f"g{number + 1}" if number + 1 < length else "" for number in range(length)})


def test_closure_holds_the_direct_groups_and_all_their_ancestors() -> None:
    groups = nesting(payroll="hr", hr="staff", staff="", finance="staff")
    assert closure_of(ids("payroll"), groups) == ids("payroll hr staff")
    assert closure_of(ids(""), groups) == frozenset()


def test_undeclared_group_is_refused_as_member_and_as_parent() -> None:
    with pytest.raises(ResourceError, match="acme/ghost"):
        closure_of(ids("ghost"), nesting(staff=""))
    with pytest.raises(ResourceError, match="acme/ghost"):
        check(nesting(staff="ghost"))


def test_ring_is_refused_and_named() -> None:
    with pytest.raises(ResourceError, match="acme/a in acme/b in acme/c in acme/a"):
        check(nesting(a="b", b="c", c="a"))
    with pytest.raises(ResourceError, match="acme/a in acme/a"):
        check(nesting(a="a"))


def test_ring_among_what_was_read_does_not_loop_for_ever() -> None:
    assert closure_of(ids("a"), nesting(a="b", b="a")) == ids("a b")


def test_depth_is_bounded_in_whatever_order_the_groups_come() -> None:
    check(chain(DEPTH))
    deep = chain(DEPTH + 1)
    for order in (deep, dict(reversed([*deep.items()]))):
        with pytest.raises(ResourceError, match="deeper than 32"):
            check(order)


def test_very_long_chain_is_refused_without_exhausting_the_stack() -> None:
    with pytest.raises(ResourceError, match="deeper"):
        check(chain(50_000))


@given(st.dictionaries(st.integers(0, 8), st.frozensets(st.integers(0, 8)), max_size=9))
def test_what_passes_the_check_has_no_group_above_itself(parents: dict[int, frozenset[int]]) -> None:
    groups = {EntityId(f"acme/{n}"): frozenset(EntityId(f"acme/{p}") for p in above) for n, above in parents.items()}
    try:
        check(groups)
    except ResourceError:
        return
    for group, above in groups.items():
        assert group not in closure_of(above, groups)
