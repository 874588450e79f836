"""Fusion of ranks."""

import pytest

from retrieval.fusion import K, fuse


def test_an_item_in_both_legs_beats_the_first_of_one() -> None:
    assert fuse([["a", "b"], ["c", "b"]], 3) == ["b", "a", "c"]


def test_ties_keep_the_first_leg_s_order() -> None:
    assert fuse([["a"], ["b"]], 2) == ["a", "b"]
    assert fuse([["b"], ["a"]], 2) == ["b", "a"]


def test_constant_is_the_paper_s() -> None:
    assert K == 60


@pytest.mark.parametrize(("limit", "count"), [(-1, 0), (0, 0), (1, 1), (9, 3)])
def test_limit_is_never_exceeded_not_even_a_negative_one(limit: int, count: int) -> None:
    assert len(fuse([["a", "b", "c"]], limit)) == count


def test_nothing_fused_is_nothing() -> None:
    assert fuse([], 5) == fuse([[], []], 5) == []
