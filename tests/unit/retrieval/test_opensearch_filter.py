"""Every row of the table of DESIGN.md §4, as OpenSearch is asked it."""

import json

import pytest

from authz import condition as c
from authz.schema import read_schema
from retrieval.opensearch_filter import MAX_TERMS, opensearch_filter
from tests.support.worlds import wide_schema

TYPES = read_schema(wide_schema()).document
HR = frozenset({"acme/hr", "acme/a"})
BY_STAFF = {"terms": {"access.audience": ["staff"]}}

GOLDEN: list[tuple[c.Condition, object]] = [
    (c.ALWAYS, {"match_all": {}}),
    (c.NEVER, {"match_none": {}}),
    (c.OneOf("audience", frozenset({"staff"})), BY_STAFF),
    (c.OneOf("quarantined", frozenset({True})), {"terms": {"access.quarantined": [True]}}),
    (c.OneOf("classification", frozenset({2, 1})), {"terms": {"access.classification": [1, 2]}}),
    (c.Intersects("readers", HR), {"terms": {"access.readers": ["acme/a", "acme/hr"]}}),
    (c.Within(HR), {"terms": {"collections": ["acme/a", "acme/hr"]}}),
    (c.Compare("classification", "<", 3), {"range": {"access.classification": {"lt": 3}}}),
    (c.Compare("classification", "<=", 3), {"range": {"access.classification": {"lte": 3}}}),
    (c.Compare("embargo_until", ">", -1), {"range": {"access.embargo_until": {"gt": -1}}}),
    (c.Compare("embargo_until", ">=", 2**63 - 1), {"range": {"access.embargo_until": {"gte": 2**63 - 1}}}),
    (c.Present("region"), {"exists": {"field": "access.region"}}),
    (c.Present("labels"), {"exists": {"field": "count.labels"}}),
    (c.Empty("markings"), {"term": {"count.markings": 0}}),
    (
        c.ContainsAll("markings", frozenset({"b", "a"})),
        {"bool": {"filter": [{"term": {"access.markings": "a"}}, {"term": {"access.markings": "b"}}]}},
    ),
    (
        c.SubsetOf("markings", frozenset({"b", "a"})),
        {
            "bool": {
                "should": [
                    {"term": {"count.markings": 0}},
                    {
                        "terms_set": {
                            "access.markings": {
                                "terms": ["a", "b"],
                                "minimum_should_match_field": "count.markings",
                            }
                        }
                    },
                ],
                "minimum_should_match": 1,
            }
        },
    ),
    (c.Matches("audience", ("st", "ff")), {"wildcard": {"access.audience": {"value": "st*ff"}}}),
    (c.Not(c.Present("region")), {"bool": {"must_not": [{"exists": {"field": "access.region"}}]}}),
    (
        c.All((c.Empty("markings"), c.Present("region"))),
        {"bool": {"filter": [{"term": {"count.markings": 0}}, {"exists": {"field": "access.region"}}]}},
    ),
    (
        c.Any((c.OneOf("audience", frozenset({"staff"})), c.Empty("markings"))),
        {"bool": {"should": [BY_STAFF, {"term": {"count.markings": 0}}], "minimum_should_match": 1}},
    ),
]


@pytest.mark.parametrize(("condition", "clause"), GOLDEN, ids=lambda value: type(value).__name__)
def test_condition_is_asked_in_this_clause(condition: c.Condition, clause: object) -> None:
    assert opensearch_filter(condition, TYPES) == clause


def test_every_kind_of_leaf_has_a_golden_clause() -> None:
    tested = {type(condition) for condition, _ in GOLDEN}
    assert tested == {
        c.Constant, c.OneOf, c.Intersects, c.SubsetOf, c.ContainsAll, c.Empty, c.Compare, c.Present, c.Within,
        c.Matches, c.All, c.Any, c.Not,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        (("*", ""), "\\**"),
        (("", "?"), "*\\?"),
        (("\\", ""), "\\\\*"),
        (("\\*", ""), "\\\\\\**"),
        (("[a]-/%", '"'), '[a]-/%*"'),
        (("", ""), "*"),
    ],
)
def test_what_means_itself_is_escaped(parts: tuple[str, ...], value: str) -> None:
    clause = opensearch_filter(c.Matches("audience", parts), TYPES)
    assert clause == {"wildcard": {"access.audience": {"value": value}}}


@pytest.mark.parametrize("whole", ["", "*", "staff", "a?b"])
def test_pattern_without_anything_wild_is_one_value(whole: str) -> None:
    assert opensearch_filter(c.Matches("audience", (whole,)), TYPES) == {"term": {"access.audience": whole}}


def test_hostile_values_stay_values() -> None:
    hostile = 'x"}},{"match_all":{}}'
    clause = opensearch_filter(c.OneOf("audience", frozenset({hostile})), TYPES)
    assert json.loads(json.dumps(clause)) == {"terms": {"access.audience": [hostile]}}


def test_more_groups_than_one_clause_takes_are_asked_in_several() -> None:
    groups = frozenset(f"acme/g{number}" for number in range(70_000))
    clause = opensearch_filter(c.Intersects("readers", groups), TYPES)
    parts = clause["bool"]["should"]
    assert clause["bool"]["minimum_should_match"] == 1
    assert [len(part["terms"]["access.readers"]) for part in parts] == [MAX_TERMS, 70_000 - MAX_TERMS]
    assert {each for part in parts for each in part["terms"]["access.readers"]} == groups
