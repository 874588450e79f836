"""What a condition means: the reference semantics that every engine must meet."""

import re
from collections.abc import Callable

from authz.condition import (
    All,
    Any,
    Compare,
    Comparison,
    Condition,
    Constant,
    ContainsAll,
    Empty,
    Intersects,
    Leaf,
    Matches,
    Not,
    OneOf,
    Present,
    SubsetOf,
    Within,
)
from authz.resource import AttributeValue, Resource

_COMPARE: dict[Comparison, Callable[[int, int], bool]] = {
    "<": int.__lt__,
    "<=": int.__le__,
    ">": int.__gt__,
    ">=": int.__ge__,
}


def holds(condition: Condition, resource: Resource) -> bool:
    """Return whether `condition` is true of `resource`: the reference semantics that every engine must meet."""
    match condition:
        case Constant(value):
            return value
        case All(items):
            return all(holds(item, resource) for item in items)
        case Any(items):
            return any(holds(item, resource) for item in items)
        case Not(leaf):
            return not holds(leaf, resource)
        case Within(collections):
            return not collections.isdisjoint(resource.collections)
        case _:
            held = resource.attributes.get(condition.attribute)
            return held is not None and _leaf_holds(condition, held)


def _leaf_holds(leaf: Leaf, value: AttributeValue) -> bool:
    match leaf, value:
        case Present(), _:
            return True
        case OneOf(_, values), bool() | int() | str():
            return value in values
        case Compare(_, operator, bound), int():
            return _COMPARE[operator](value, bound)
        case Matches(_, parts), str():
            return _pattern(parts).fullmatch(value) is not None
        case _, frozenset():
            return _set_holds(leaf, value)
        case _:
            return False


def _set_holds(leaf: Leaf, elements: frozenset[str]) -> bool:
    match leaf:
        case Intersects(_, values):
            return not values.isdisjoint(elements)
        case SubsetOf(_, values):
            return elements <= values
        case ContainsAll(_, values):
            return values <= elements
        case Empty():
            return not elements
        case _:
            return False


def _pattern(parts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in parts), re.DOTALL)
