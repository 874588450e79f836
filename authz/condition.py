"""The condition algebra: what a document's attributes must be, in words of no engine.

A condition has two truth values. A leaf about an attribute that the document lacks is false, so that its negation is
true; strict validation makes every policy guard an optional attribute with `has`, so that no decision hangs on this.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Scalar = bool | int | str
Comparison = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Constant:
    """Always or never."""

    value: bool


ALWAYS, NEVER = Constant(value=True), Constant(value=False)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The single-valued attribute is one of `values` (one value: equality)."""

    attribute: str
    values: frozenset[Scalar]


@dataclass(frozen=True, slots=True)
class Intersects:
    """The set attribute has an element among `values`."""

    attribute: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class SubsetOf:
    """Every element of the set attribute is among `values`; the empty set always is."""

    attribute: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class ContainsAll:
    """The set attribute has every one of `values`."""

    attribute: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Empty:
    """The set attribute is there and has no element."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Compare:
    """The number (datetimes: epoch milliseconds) stands to `value` in this order."""

    attribute: str
    operator: Comparison
    value: int


@dataclass(frozen=True, slots=True)
class Present:
    """The document has the attribute."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Within:
    """The document lies in one of these collections, directly or through an ancestor."""

    collections: frozenset[str]


@dataclass(frozen=True, slots=True)
class Matches:
    """The string fits the pattern: literal parts, with any text (also none) between each two."""

    attribute: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Each of `items` holds."""

    items: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """At least one of `items` holds."""

    items: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The leaf does not hold: `not_` pushes negations down, so only leaves stand here."""

    leaf: "Leaf"


Leaf = OneOf | Intersects | SubsetOf | ContainsAll | Empty | Compare | Present | Within | Matches
Condition = Constant | Leaf | Not | All | Any


def one_of(attribute: str, values: Iterable[Scalar]) -> Condition:
    """Return `OneOf`, or `NEVER` without values."""
    return OneOf(attribute, frozen) if (frozen := frozenset(values)) else NEVER


def intersects(attribute: str, values: frozenset[str]) -> Condition:
    """Return `Intersects`, or `NEVER` without values: a principal without groups is in no readers' group."""
    return Intersects(attribute, values) if values else NEVER


def contains_all(attribute: str, values: frozenset[str]) -> Condition:
    """Return `ContainsAll`, or whether the attribute is there when there is nothing to contain."""
    return ContainsAll(attribute, values) if values else Present(attribute)


def within(collections: frozenset[str]) -> Condition:
    """Return `Within`, or `NEVER` without collections."""
    return Within(collections) if collections else NEVER


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Return the conjunction, flattened, without repetitions; empty is `ALWAYS`."""
    items = _flatten(conditions, All, ALWAYS)
    if NEVER in items:
        return NEVER
    return ALWAYS if not items else items[0] if len(items) == 1 else All(items)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Return the disjunction, flattened, without repetitions; empty is `NEVER`."""
    items = _flatten(conditions, Any, NEVER)
    if ALWAYS in items:
        return ALWAYS
    return NEVER if not items else items[0] if len(items) == 1 else Any(items)


def not_(condition: Condition) -> Condition:
    """Return the negation, pushed down to the leaves (De Morgan)."""
    match condition:
        case Constant(value):
            return NEVER if value else ALWAYS
        case Not(leaf):
            return leaf
        case All(items):
            return any_of(not_(item) for item in items)
        case Any(items):
            return all_of(not_(item) for item in items)
        case _:
            return Not(condition)


def _flatten(conditions: Iterable[Condition], group: type[All | Any], neutral: Constant) -> tuple[Condition, ...]:
    flat: dict[Condition, None] = {}
    for condition in conditions:
        if isinstance(condition, All | Any) and isinstance(condition, group):
            flat.update(dict.fromkeys(condition.items))
        elif condition != neutral:
            flat[condition] = None
    return tuple(flat)


def extent(condition: Condition) -> tuple[int, int]:
    """Return how many leaves `condition` has, and how many levels of `All` and `Any` stand above the deepest."""
    if not isinstance(condition, All | Any):
        return 1, 0
    parts = [extent(item) for item in condition.items]
    return sum(leaves for leaves, _ in parts), 1 + max(levels for _, levels in parts)


def _quoted(part: str) -> str:
    return part.replace("\\", "\\\\").replace("*", "\\*")


def to_plain(condition: Condition) -> object:
    """Return `condition` as plain JSON, the same for equal conditions: for people, records and digests."""
    match condition:
        case Constant(value):
            return "always" if value else "never"
        case All(items):
            return {"all": [to_plain(item) for item in items]}
        case Any(items):
            return {"any": [to_plain(item) for item in items]}
        case Not(leaf):
            return {"not": to_plain(leaf)}
        case Within(collections):
            return {"within": sorted(collections)}
        case Matches(attribute, parts):
            return {"matches": {attribute: "*".join(_quoted(part) for part in parts)}}
        case Compare(attribute, operator, value):
            return {operator: {attribute: value}}
        case Empty(attribute) | Present(attribute):
            return {type(condition).__name__.lower(): attribute}
        case OneOf(attribute, values):
            return {"one of": {attribute: sorted(values, key=json.dumps)}}
        case Intersects(attribute, values):
            return {"intersects": {attribute: sorted(values)}}
        case SubsetOf(attribute, values):
            return {"subset of": {attribute: sorted(values)}}
        case ContainsAll(attribute, values):
            return {"contains all": {attribute: sorted(values)}}
