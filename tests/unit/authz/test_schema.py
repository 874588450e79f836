"""Attribute types: what fits and what does not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.errors import PolicyError, ResourceError
from authz.resource import AttributeValue
from authz.schema import (
    AttributeType,
    cedar_attributes,
    datetime_text,
    epoch_milliseconds,
    parse_attributes,
    plain_attributes,
    read_schema,
    to_milliseconds,
)
from tests.support.doors import ATTRIBUTES
from tests.support.worlds import SCHEMA, wide_schema

WIDE = read_schema(wide_schema())
TYPES = read_schema(SCHEMA).document
PLAIN: dict[str, Any] = {
    "tenant": "acme", "classification": 1, "markings": [], "readers": ["acme/staff"], "owners": [], "audience": "few",
    "quarantined": False, "legal_hold": False,
}  # fmt: skip


def test_shipped_schema_is_read() -> None:
    assert TYPES["classification"] == AttributeType("classification", "long")
    assert TYPES["readers"] == AttributeType("readers", "entity", is_set=True, entity="Group")
    assert TYPES["embargo_until"] == AttributeType("embargo_until", "datetime", required=False)
    assert WIDE.document["steward"] == AttributeType("steward", "entity", required=False, entity="Group")


def test_plain_and_parsed_attributes_are_the_same_thing() -> None:
    assert parse_attributes(TYPES, PLAIN) == ATTRIBUTES
    assert plain_attributes(TYPES, ATTRIBUTES) == PLAIN
    dated = {**PLAIN, "embargo_until": "2027-03-01T09:00:00.000Z"}
    assert plain_attributes(TYPES, parse_attributes(TYPES, dated)) == dated


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classification", True), ("classification", 1.0), ("classification", "1"), ("classification", None),
        ("classification", 2**63), ("classification", -(2**63) - 1), ("quarantined", 1), ("quarantined", "true"),
        ("quarantined", None), ("audience", 5), ("audience", None), ("audience", "a\x00"), ("audience", "\ud800"),
        ("audience", "x" * 513), ("audience", ["staff"]), ("markings", "a"), ("markings", None), ("markings", {"a": 1}),
        ("markings", [1]), ("markings", [None]), ("markings", [["a"]]), ("markings", ["a\nb"]), ("readers", [True]),
        ("embargo_until", 5), ("embargo_until", None), ("embargo_until", "2027-03-01"), ("embargo_until", ""),
        ("embargo_until", "2027-03-01T09:00:00Z"), ("embargo_until", "2027-03-01T09:00:00.0Z"),
        ("embargo_until", "2027-03-01T09:00:00.000000Z"), ("embargo_until", "2027-03-01T09:00:00.000+0000"),
        ("embargo_until", "2027-3-1T09:00:00.000Z"), ("embargo_until", "2027-02-30T09:00:00.000Z"),
        ("embargo_until", " 2027-03-01T09:00:00.000Z"), ("embargo_until", "\u0662027-03-01T09:00:00.000Z"),
    ],
)  # fmt: skip
def test_misfit_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ResourceError):
        parse_attributes(TYPES, {**PLAIN, name: value})


def test_unknown_and_missing_attributes_are_refused_by_name() -> None:
    with pytest.raises(ResourceError, match="unknown attributes: readerz"):
        parse_attributes(TYPES, {**PLAIN, "readerz": []})
    with pytest.raises(ResourceError, match="missing attributes: audience, tenant"):
        parse_attributes(TYPES, {key: value for key, value in PLAIN.items() if key not in {"audience", "tenant"}})


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_are_whole_milliseconds_both_ways(instant: datetime) -> None:
    milliseconds = to_milliseconds(instant)
    text = datetime_text(milliseconds)
    assert len(text) == 24
    assert epoch_milliseconds(text) == milliseconds
    assert timedelta(0) <= instant - datetime.fromisoformat(text) < timedelta(milliseconds=1)


def test_cedar_json_of_every_kind() -> None:
    held: dict[str, AttributeValue] = {
        "steward": "acme/hr",
        "readers": frozenset({"b/x", "a/x"}),
        "expires": 1,
        "weight": 2,
        "labels": frozenset("a"),
    }
    assert cedar_attributes(WIDE.document, held) == {
        "steward": {"__entity": {"type": "Group", "id": "acme/hr"}},
        "readers": [{"__entity": {"type": "Group", "id": "a/x"}}, {"__entity": {"type": "Group", "id": "b/x"}}],
        "expires": {"__extn": {"fn": "datetime", "arg": "1970-01-01T00:00:00.001Z"}},
        "weight": 2,
        "labels": ["a"],
    }


def test_groups_are_found_in_sets_and_alone() -> None:
    held: dict[str, AttributeValue] = {
        "steward": "acme/hr",
        "readers": frozenset({"acme/a"}),
        "blocked": frozenset[str](),
        "author": "acme/u",
    }
    assert WIDE.groups_of_document(held) == {"acme/hr", "acme/a"}
    assert WIDE.groups_of_principal({"home": "acme/h", "clearance": 1}) == {"acme/h"}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"": 1}', '{"": {"entityTypes": {}}}', "[" * 100_000,
                                  '{"": {"entityTypes": {"Document": {}, "User": {}}}}'])  # fmt: skip
def test_schema_without_documents_and_users_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="must declare"):
        read_schema(text)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ({"x": {"type": "Record", "attributes": {}}}, "has the type"),
        ({"x": {"type": "EntityOrCommon", "name": "decimal"}}, "has the type"),
        ({"x": {"type": "EntityOrCommon", "name": "ipaddr"}}, "has the type"),
        (
            {"x": {"type": "Set", "element": {"type": "EntityOrCommon", "name": "Long"}}},
            "Long in a set",
        ),
        ({"x": {"type": "Set", "element": {"type": "Set", "element": {"type": "Long"}}}}, "has the type"),
        ({"Owner": {"type": "EntityOrCommon", "name": "String"}}, "lower-case"),
        ({'x"; --': {"type": "EntityOrCommon", "name": "String"}}, "lower-case"),
        ({"": {"type": "EntityOrCommon", "name": "String"}}, "lower-case"),
    ],
)
def test_attribute_that_no_index_holds_is_refused(attribute: dict[str, object], message: str) -> None:
    plain = json.loads(SCHEMA)
    plain[""]["entityTypes"]["Document"]["shape"]["attributes"] |= attribute
    with pytest.raises(PolicyError, match=message):
        read_schema(json.dumps(plain))
