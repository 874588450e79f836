"""From a condition to words: the same tree, one line a leaf."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from authz import condition as c
from authz.schema import AttributeTypes, datetime_text

Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a condition, and what stands beneath it."""

    text: str
    items: tuple["Line", ...] = ()


def lines(condition: c.Condition, types: AttributeTypes, names: Names) -> Line:
    """Return `condition` over documents of `types` in words; `names` are how ids of people are said."""
    match condition:
        case c.Constant(value):
            return Line("every document" if value else "no document")
        case c.All(items):
            return Line("all of", tuple(lines(each, types, names) for each in items))
        case c.Any(items):
            return Line("at least one of", tuple(lines(each, types, names) for each in items))
        case c.Not(c.Compare(attribute, operator, value)) if types[attribute].required:
            # Of what every document has, the negation is the other comparison.
            return Line(_leaf(c.Compare(attribute, _OPPOSITE[operator], value), types, names))
        case c.Not(leaf):
            return Line(f"not: {_leaf(leaf, types, names)}")
        case _:
            return Line(_leaf(condition, types, names))


def short(uid: str) -> str:
    """Return an id without its tenant."""
    return uid.partition("/")[2] or uid


def _leaf(leaf: c.Leaf, types: AttributeTypes, names: Names) -> str:
    match leaf:
        case c.OneOf(attribute, values):
            return f"{attribute} is {_list(values, ' or ', names)}"
        case c.Intersects(attribute, values):
            return f"{attribute} name {_list(values, ' or ', names)}"
        case c.SubsetOf(attribute, values):
            return f"{attribute} are none but {_list(values, ', ', names)}" if values else f"{attribute} are none"
        case c.ContainsAll(attribute, values):
            return f"{attribute} hold {_list(values, ' and ', names)}"
        case c.Empty(attribute):
            return f"{attribute} are none"
        case c.Present(attribute):
            return f"{attribute} is stated"
        case c.Compare(attribute, operator, value):
            shown = datetime_text(value) if types[attribute].kind == "datetime" else str(value)
            return f"{attribute} {_SIGNS[operator]} {shown}"
        case c.Within(collections):
            return f"it lies in the collection {_list(collections, ' or ', names)}"
        case c.Matches(attribute, parts):
            return f"{attribute} is like {'*'.join(parts)}"


_OPPOSITE: Mapping[c.Comparison, c.Comparison] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}


def _list(values: Iterable[c.Scalar], joint: str, names: Names) -> str:
    return joint.join(sorted(names.get(str(each)) or _value(each) for each in values))


def _value(value: c.Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    name = short(str(value))
    # A person's id is a digest: its beginning tells it from another.
    return f"{name[:_BEGINNING]}…" if len(name) == _DIGEST else name


_DIGEST, _BEGINNING = 43, 10
