"""The JSON Schema for editors, held against the reader: whatever the reader takes, the schema takes."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.policy_set import load_policies
from authz.schema import AttributeType, read_schema
from retrieval.ingest.manifest import Reading, try_manifest
from retrieval.ingest.manifest_schema import manifest_schema
from retrieval.ingest.manifest_yaml import read_yaml
from tests.support.ingested import TENANTS

SHIPPED = load_policies()
TYPES = {
    **SHIPPED.attributes.document,
    "level": AttributeType("level", "long", required=False),
    "twin": AttributeType("twin", "entity", required=False, entity="Document"),
    "author": AttributeType("author", "entity", required=False, entity="User"),
}
COMPANY = Path(__file__).parents[4] / "service/local/company"


jsonschema: Any = importlib.import_module("jsonschema")  # the package has no types


def validator(schema: Mapping[str, object]) -> Any:  # noqa: ANN401 - likewise
    """Return the validator of `schema`, which must itself be one of draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


VALIDATOR = validator(manifest_schema(TYPES, TENANTS))


def read(text: str) -> Reading:
    """Return the reading of `text` with every folder there."""
    attributes = SHIPPED.attributes
    return try_manifest(text.encode(), lambda _: True, type(attributes)(TYPES, attributes.principal), TENANTS)


def accepted_by_schema(text: str) -> bool:
    """Return whether an editor takes `text`, as YAML reads it."""
    root, _ = read_yaml(text.encode())
    return root is not None and VALIDATOR.is_valid(root.plain())


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_the_shipped_manifests_are_valid(tenant: str) -> None:
    schema = validator(manifest_schema(SHIPPED.attributes.document, SHIPPED.tenants))
    plain = yaml.safe_load((COMPANY / tenant / "access.yaml").read_text())
    assert list(schema.iter_errors(plain)) == []
    plain["tenant"] = "globex" if tenant == "acme" else "acme"
    assert bool(list(schema.iter_errors(plain))) == (tenant == "acme")  # globex has fewer collections


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "tenant: nobody",
        "tenant: 7",
        "tenant: acme\ncolour: red",
        "tenant: acme\nfolders: []",
        "tenant: acme\nfolders:",
        "tenant: acme\nfolders: {.: []}",
        "tenant: acme\nfolders: {/: {}}",
        "tenant: acme\nfolders: {a//b: {}}",
        "tenant: acme\nfolders: {a/: {}}",
        "tenant: acme\nfolders: {a/../b: {}}",
        "tenant: acme\nfolders: {./a: {}}",
        "tenant: acme\nfolders: {'': {}}",
        "tenant: acme\nfolders: {.: {title: x}}",
        "tenant: acme\nfolders: {.: {tenant: acme}}",
        "tenant: acme\nfolders: {.: {colour: red}}",
        "tenant: acme\nfolders: {.: {classification: high}}",
        "tenant: acme\nfolders: {.: {classification: true}}",
        "tenant: acme\nfolders: {.: {classification: 9999999999999999999}}",
        "tenant: acme\nfolders: {.: {legal_hold: 'no'}}",
        "tenant: acme\nfolders: {.: {audience: true}}",
        "tenant: acme\nfolders: {.: {audience: [staff]}}",
        "tenant: acme\nfolders: {.: {readers: staff}}",
        "tenant: acme\nfolders: {.: {readers: [1]}}",
        "tenant: acme\nfolders: {.: {readers: [globex/staff]}}",
        "tenant: acme\nfolders: {.: {readers: [' staff']}}",
        "tenant: acme\nfolders: {.: {readers: ['acme/']}}",
        "tenant: acme\nfolders: {.: {readers: ['']}}",
        'tenant: acme\nfolders: {.: {markings: ["a\\nb"]}}',
        "tenant: acme\nfolders: {.: {markings: [" + "x, " * 1001 + "]}}",
        "tenant: acme\nfolders: {.: {audience: '" + "x" * 600 + "'}}",
        "tenant: acme\nfolders: {.: {embargo_until: '2027-03-01'}}",
        'tenant: acme\nfolders: {.: {embargo_until: "2027-03-01T09:00:00.000Z\\n"}}',
        "tenant: acme\nfolders: {.: {collections: company}}",
        "tenant: acme\nfolders: {.: {collections: [unknown]}}",
        "tenant: acme\nfolders: {.: {collections: [acme/company]}}",
        "tenant: globex\nfolders: {.: {collections: [company]}}",
        "tenant: acme\ndocuments: {.: {}}",
        "tenant: acme\ndocuments: {x.md: {id: ''}}",
        "tenant: acme\ndocuments: {x.md: {title: 7}}",
        'tenant: acme\ndocuments: {x.md: {id: "a\\nb"}}',
    ],
)
def test_what_the_check_refuses_by_shape_the_schema_refuses_too(text: str) -> None:
    assert read(text).complaints
    assert not accepted_by_schema(text)


TEXTS = st.one_of(
    st.sampled_from(
        ["staff", "acme/staff", "acme/a/b", "globex/staff", " x", "x ", "", "acme/", "acme/ x", ".", "a\nb"]
    ),
    st.text(max_size=4),
)
VALUES = st.one_of(
    TEXTS, st.integers(), st.booleans(), st.lists(TEXTS, max_size=3), st.just("2027-03-01T09:00:00.000Z"),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), [], {}, ["company"], ["deals", "company"]]),
)  # fmt: skip
PATHS = st.one_of(
    st.sampled_from(
        [".", "a", "a/b.md", "a//b", "/a", "a/", "../a", "a/..", "a/.", "a/./b", ".a", "..a", "a\n", "a/\n"]
    ),
    st.text(alphabet="ab./\n", min_size=1, max_size=5),
)
KEYS = st.sampled_from([*TYPES, "collections", "title", "id", "colour"])
ENTRIES = st.dictionaries(KEYS, VALUES, max_size=3)
SECTIONS = st.dictionaries(PATHS, ENTRIES, max_size=2)
MANIFESTS = st.fixed_dictionaries(
    {"tenant": st.sampled_from(["acme", "globex"])}, optional={"folders": SECTIONS, "documents": SECTIONS}
)


@settings(max_examples=500, deadline=None)
@given(MANIFESTS)
def test_whatever_the_reader_takes_the_schema_takes(plain: dict[str, object]) -> None:
    # JSON is YAML, but for characters that YAML does not allow, which json escapes.
    text = json.dumps(plain)
    if not read(text).complaints:
        assert accepted_by_schema(text), text


FITTING: Mapping[str, st.SearchStrategy[object]] = {
    "string": st.text(max_size=6),
    "long": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "datetime": st.datetimes().map(lambda each: f"{each:%Y-%m-%dT%H:%M:%S}.000Z"),
    "entity": st.text(max_size=6) | st.text(max_size=6).map(lambda each: f"acme/{each}"),
}


def fitting(type_: AttributeType) -> st.SearchStrategy[object]:
    one = FITTING[type_.kind]
    return st.lists(one, max_size=3) if type_.is_set else one


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_value_of_its_type_that_the_reader_takes_the_schema_takes(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(TYPES.keys() - {"tenant"})))
    text = json.dumps({"tenant": "acme", "folders": {".": {name: data.draw(fitting(TYPES[name]))}}})
    assert accepted_by_schema(text) or read(text).complaints, text


EXAMPLES: Mapping[str, object] = {
    "string": "x",
    "long": -1,
    "boolean": True,
    "datetime": "2027-03-01T09:00:00.000Z",
    "entity": "acme/a/b",
}


@pytest.mark.parametrize("name", [*sorted(TYPES.keys() - {"tenant"}), "collections", "title", "id"])
def test_every_key_that_the_reader_knows_the_schema_knows(name: str) -> None:
    type_ = TYPES.get(name)
    one = EXAMPLES[type_.kind] if type_ else ["company"] if name == "collections" else "x"
    value = [one] if type_ and type_.is_set else one
    text = json.dumps({"tenant": "acme", "documents": {"x.md": {name: value}}})
    assert read(text).complaints == ()
    assert accepted_by_schema(text)


def test_a_description_says_what_is_required() -> None:
    folder: Any = manifest_schema(TYPES, TENANTS)["$defs"]
    assert "Required of every document" in folder["acme.folder"]["properties"]["classification"]["description"]
    assert "Optional" in folder["acme.folder"]["properties"]["embargo_until"]["description"]
    assert folder["acme.folder"]["properties"]["collections"]["items"] == {"enum": ["company", "deals"]}
    assert folder["acme.folder"]["additionalProperties"] is False


def test_a_schema_without_a_tenant_attribute_and_tenants_without_collections_make_one_too() -> None:
    shape = '{"": {"entityTypes": {"Document": {"shape": {"attributes": {}}}, "User": {"shape": {"attributes": {}}}}}}'
    schema = validator(manifest_schema(read_schema(shape).document, TENANTS))
    assert schema.is_valid({"tenant": "acme", "folders": {".": {"collections": ["company"]}}})
    assert not schema.is_valid({"tenant": "acme", "folders": {".": {"classification": 1}}})
