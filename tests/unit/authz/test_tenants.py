"""What tenants.json may say."""

import json

import pytest

from authz.errors import PolicyError
from authz.resource import EntityId, TenantId
from authz.tenants import read_tenants

ACME = TenantId("acme")


def tenants(collections: object, groups: object = ()) -> str:
    return json.dumps(
        {"acme": {"groups": list(groups) if isinstance(groups, tuple) else groups, "collections": collections}}
    )


def test_collection_knows_itself_and_all_its_ancestors() -> None:
    text = tenants({"deals": ["finance", "law"], "finance": ["company"], "law": ["company"], "company": []}, ("hr",))
    tenant = read_tenants(text)[ACME]
    assert tenant.groups == {"acme/hr"}
    assert tenant.collections[EntityId("acme/deals")] == {"acme/deals", "acme/finance", "acme/law", "acme/company"}
    assert tenant.collections[EntityId("acme/company")] == {"acme/company"}


@pytest.mark.parametrize(
    "ring", [{"a": ["a"]}, {"a": ["b"], "b": ["a"]}, {"x": [], "a": ["b"], "b": ["c"], "c": ["a"]}]
)
def test_ring_of_collections_is_refused_by_name(ring: dict[str, list[str]]) -> None:
    with pytest.raises(PolicyError, match=r'collection "acme/[abc]" lies in itself'):
        read_tenants(tenants(ring))


def test_undeclared_parent_is_refused_by_name() -> None:
    with pytest.raises(PolicyError, match='"acme/ghost" is named as a parent but not declared'):
        read_tenants(tenants({"a": ["ghost"]}))


def test_wide_and_long_nesting_is_read_at_once() -> None:
    ladder: dict[str, list[str]] = {"0a": [], "0b": []}
    for rung in range(1, 200):
        ladder |= {f"{rung}{side}": [f"{rung - 1}a", f"{rung - 1}b"] for side in "ab"}
    chain = {str(link): [str(link + 1)] for link in range(3_000)} | {"3000": []}
    assert len(read_tenants(tenants(ladder))[ACME].collections[EntityId("acme/199a")]) == 399
    assert len(read_tenants(tenants(chain))[ACME].collections[EntityId("acme/0")]) == 3_001


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "5",
        '{"acme": 1}',
        '{"acme": {}}',
        '{"acme": {"groups": []}}',
        '{"acme": {"collections": {}}}',
        '{"Acme": {"groups": [], "collections": {}}}',
        '{"": {"groups": [], "collections": {}}}',
        "[" * 100_000,
        tenants([]),
        tenants({"a": "b"}),
        tenants({"a": None}),
        tenants({}, "auditors"),
        tenants({}, {"a": 1}),
        tenants({}, (5,)),
        tenants({}, ("",)),
        tenants({}, (" a",)),
        tenants({"a\nb": []}),
        tenants({}, ("x" * 600,)),
    ],
)
def test_malformed_declaration_is_refused_with_the_form_that_is_expected(text: str) -> None:
    with pytest.raises(PolicyError, match=r"tenants\.json: .* expected"):
        read_tenants(text)


def test_no_tenant_is_no_error_and_admits_nobody() -> None:
    assert dict(read_tenants("{}")) == {}
