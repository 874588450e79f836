"""The seal itself; `tests/unit/test_seals.py` proves where seals are used."""

import copy

import pytest

from authz.seal import Seal


def test_only_this_very_seal_opens() -> None:
    seal = Seal("Passage")
    seal.check(seal)
    for other in (None, True, "Passage", Seal("Passage"), copy.copy(seal), Seal, object()):
        with pytest.raises(TypeError, match="Passage is made only by the function that owns its seal"):
            seal.check(other)


def test_a_seal_does_not_show_itself_nor_take_new_attributes() -> None:
    with pytest.raises(AttributeError):
        Seal("x").other = 1  # type: ignore[attr-defined]
