"""From a condition to SQL over the local index: parameters only, no value ever becomes text of the query."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from authz import condition as c
from authz.schema import AttributeTypes

Parameter = int | str


@dataclass(frozen=True, slots=True)
class SQLFilter:
    """A boolean SQL expression over the row `document`, with its parameters in order."""

    sql: str
    parameters: tuple[Parameter, ...] = ()
    levels: int = 0
    """How deep its parentheses are nested, those of the leaves apart."""


def scalar_column(attribute: str) -> str:
    """Return the column that holds a single-valued attribute."""
    return f'"a_{attribute}"'


def count_column(attribute: str) -> str:
    """Return the column that counts a set attribute's elements; NULL where the document lacks the attribute."""
    return f'"n_{attribute}"'


COLLECTIONS = ""
"""Under this name the table of elements holds a document's collections: no attribute can be called so."""


def sql_filter(condition: c.Condition, types: AttributeTypes) -> SQLFilter:
    """Return `condition` in SQL; every leaf yields 0 or 1, never NULL, so that negation means what `holds` means."""
    match condition:
        case c.Constant(value):
            return SQLFilter("1" if value else "0")
        case c.All(items):
            return _join("AND", [sql_filter(item, types) for item in items])
        case c.Any(items):
            return _join("OR", [sql_filter(item, types) for item in items])
        case c.Not(leaf):
            inner = _leaf(leaf, types)
            return SQLFilter(f"NOT {inner.sql}", inner.parameters)
        case _:
            return _leaf(condition, types)


def _leaf(leaf: c.Leaf, types: AttributeTypes) -> SQLFilter:
    match leaf:
        case c.OneOf(attribute, values):
            return SQLFilter(f"coalesce({_column(attribute)} IN ({_LIST}), 0)", (_list(values),))
        case c.Compare(attribute, operator, value):
            return SQLFilter(f"coalesce({_column(attribute)} {operator} ?, 0)", (value,))
        case c.Matches(attribute, parts):
            return SQLFilter(f"coalesce({_column(attribute)} GLOB ?, 0)", ("*".join(_glob(part) for part in parts),))
        case c.Present(attribute):
            column = count_column(attribute) if types[attribute].is_set else scalar_column(attribute)
            return SQLFilter(f"(document.{column} IS NOT NULL)")
        case c.Empty(attribute):
            return SQLFilter(f"coalesce(document.{count_column(attribute)} = 0, 0)")
        case c.Intersects(attribute, values):
            return SQLFilter(f"EXISTS ({_ELEMENTS} AND value IN ({_LIST}))", (attribute, _list(values)))
        case c.Within(collections):
            return SQLFilter(f"EXISTS ({_ELEMENTS} AND value IN ({_LIST}))", (COLLECTIONS, _list(collections)))
        case c.SubsetOf(attribute, values):
            known = f"document.{count_column(attribute)} IS NOT NULL"
            return SQLFilter(
                f"({known} AND NOT EXISTS ({_ELEMENTS} AND value NOT IN ({_LIST})))", (attribute, _list(values))
            )
        case c.ContainsAll(attribute, values):
            held = f"SELECT count(*) FROM ({_ELEMENTS} AND value IN ({_LIST}))"
            return SQLFilter(f"(({held}) = ?)", (attribute, _list(values), len(values)))


_LIST = "SELECT value FROM json_each(?)"
_ELEMENTS = "SELECT 1 FROM element WHERE element.document = document.id AND element.attribute = ?"


def _column(attribute: str) -> str:
    return f"document.{scalar_column(attribute)}"


def _list(values: Iterable[c.Scalar]) -> str:
    # Sorted, since SQLite looks up ten thousand values in half the time when they come in order.
    return json.dumps(sorted(values), ensure_ascii=False)


def _glob(part: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in part)


def _join(operator: str, filters: Sequence[SQLFilter]) -> SQLFilter:
    """Join the two shallowest, again and again, the deeper on the left: SQLite's parser has a stack of 100 entries."""
    heap = [(each.levels, place, each) for place, each in enumerate(filters)]
    heapify(heap)
    while len(heap) > 1:
        _, _, right = heappop(heap)
        levels, place, left = heappop(heap)
        sql = f"({left.sql} {operator} {right.sql})"
        heappush(heap, (levels + 1, place, SQLFilter(sql, left.parameters + right.parameters, levels + 1)))
    return heap[0][2]
