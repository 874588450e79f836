"""What may have been meant by a name that nobody knows."""

import pytest

from retrieval.ingest.nearest import Suggestions, nearest


@pytest.mark.parametrize(
    ("name", "known", "near"),
    [
        ("clasification", ["classification", "markings"], "classification"),
        ("Finance", ["finance"], "finance"),
        ("colour", ["classification", "markings"], None),
        ("", ["a"], None),
        ("x", [], None),
        ("name0", [f"name{number}" for number in range(2_001)], None),
    ],
)
def test_only_a_near_name_is_meant(name: str, known: list[str], near: str | None) -> None:
    assert nearest(name, known) == near


def test_known_names_are_listed_where_none_is_near_and_they_are_few() -> None:
    suggest = Suggestions()
    assert suggest("x", ["b", "a"]) == "expected a, b"
    assert suggest("x", []) is None
    assert suggest("x", [f"long name {number}" for number in range(13)]) is None


def test_of_very_many_mistakes_the_first_are_looked_up() -> None:
    suggest = Suggestions()
    said = [suggest("finanse", ["finance", *map(str, range(20))]) for _ in range(101)]
    assert said[99:] == ['did you mean "finance"?', None]
