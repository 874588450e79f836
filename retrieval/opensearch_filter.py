"""From a condition to the filter of an OpenSearch query (query DSL, filter context)."""

from collections.abc import Mapping, Sequence
from typing import Any

from authz import condition as c
from authz.schema import AttributeTypes
from retrieval.errors import SearchUnavailableError

Clause = Mapping[str, Any]

COLLECTIONS = "collections"
"""The field of a document's collections, ancestors included; attributes stand under `access.`, so nothing clashes."""

MAX_TERMS = 65_536
"""How many values OpenSearch takes in one `terms` clause (`index.max_terms_count`)."""

MAX_CLAUSES = 750
"""How many clauses a filter may have: a node refuses a query of more than 1,024, the question's words among them
(`indices.query.bool.max_clause_count`)."""

_RANGE: Mapping[c.Comparison, str] = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def field(attribute: str) -> str:
    """Return the field that holds an attribute."""
    return f"access.{attribute}"


def count_field(attribute: str) -> str:
    """Return the field that counts a set attribute's elements: `exists` cannot tell empty from missing."""
    return f"count.{attribute}"


def opensearch_filter(condition: c.Condition, types: AttributeTypes) -> Clause:
    """Return `condition` as a clause of a `bool` query's filter."""
    match condition:
        case c.Constant(value):
            return {"match_all": {}} if value else {"match_none": {}}
        case c.All(items):
            return {"bool": {"filter": [opensearch_filter(item, types) for item in items]}}
        case c.Any(items):
            clauses = [opensearch_filter(item, types) for item in items]
            return {"bool": {"should": clauses, "minimum_should_match": 1}}
        case c.Not(leaf):
            return {"bool": {"must_not": [_leaf(leaf, types)]}}
        case _:
            return _leaf(condition, types)


def bounded(clause: Clause) -> Clause:
    """Return `clause`. Raises `SearchUnavailableError` if it has more parts than a node takes in one query."""
    parts = _parts(clause)
    if parts > MAX_CLAUSES:
        message = (
            f"this scope needs a filter of {parts:,} clauses, and OpenSearch takes {MAX_CLAUSES:,}: shorten the sets "
            'that policies compare with "containsAll", or write fewer conditions'
        )
        raise SearchUnavailableError(message)
    return clause


def _parts(clause: Clause) -> int:
    """Return how many clauses the engine counts, at most: a `terms` is one however long, of numbers two."""
    (kind, body), *_ = clause.items()
    if kind == "bool":
        inner = [each for name in ("filter", "should", "must_not") for each in body.get(name, ())]
        return len(body.get("must_not", ())) + sum(_parts(each) for each in inner)
    if kind == "terms_set":
        return sum(len(each["terms"]) for each in body.values())
    numbers = kind == "terms" and any(type(value) is int for values in body.values() for value in values)
    return 2 if numbers else 1


def _leaf(leaf: c.Leaf, types: AttributeTypes) -> Clause:
    match leaf:
        case c.OneOf(attribute, values) | c.Intersects(attribute, values):
            return _terms(field(attribute), sorted(values))
        case c.Within(collections):
            return _terms(COLLECTIONS, sorted(collections))
        case c.Compare(attribute, operator, value):
            return {"range": {field(attribute): {_RANGE[operator]: value}}}
        case c.Present(attribute):
            return {"exists": {"field": count_field(attribute) if types[attribute].is_set else field(attribute)}}
        case c.Empty(attribute):
            return {"term": {count_field(attribute): 0}}
        case c.Matches(attribute, (whole,)):
            # Nothing wild in it. To the engine an empty pattern matches not even the empty text.
            return {"term": {field(attribute): whole}}
        case c.Matches(attribute, parts):
            return {"wildcard": {field(attribute): {"value": "*".join(_escape(part) for part in parts)}}}
        case c.ContainsAll(attribute, values):
            return {"bool": {"filter": [{"term": {field(attribute): value}} for value in sorted(values)]}}
        case c.SubsetOf(attribute, values):
            # `terms_set` alone misses the empty set, which is a subset of everything.
            every = {"terms": sorted(values), "minimum_should_match_field": count_field(attribute)}
            either = [{"term": {count_field(attribute): 0}}, {"terms_set": {field(attribute): every}}]
            return {"bool": {"should": either, "minimum_should_match": 1}}


def _terms(name: str, values: Sequence[c.Scalar]) -> Clause:
    """Return the clause that one of `values` stands in the field, in several where one would hold too many."""
    parts = [{"terms": {name: values[start : start + MAX_TERMS]}} for start in range(0, len(values), MAX_TERMS)]
    return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}


def _escape(part: str) -> str:
    return "".join(f"\\{character}" if character in "\\*?" else character for character in part)
