"""Ids and texts."""

import pytest

from authz.errors import ResourceError
from authz.resource import MAX_BYTES, EntityId, Resource, TenantId, check_text, entity_id, tenant_id, tenant_of

ACME = TenantId("acme")


@pytest.mark.parametrize("text", ["a", "0", "acme-2", "a" * 63])
def test_tenant_id_is_accepted(text: str) -> None:
    assert tenant_id(text) == text


@pytest.mark.parametrize("text", ["", "A", "a_b", "-a", "a" * 64, "a/b", "a\n", " a", "é", "a\x00"])
def test_tenant_id_is_refused(text: str) -> None:
    with pytest.raises(ResourceError):
        tenant_id(text)


@pytest.mark.parametrize("name", ["a", "a/b", "café", "cafe\u0301", "*", "a b", "x" * (MAX_BYTES - 5)])
def test_name_is_kept_as_it_is(name: str) -> None:
    assert entity_id(ACME, name) == f"acme/{name}"


@pytest.mark.parametrize(
    "name", ["", " ", " a", "a\t", "a\x00b", "a\x7f", "\x85", "\ud800", "x" * (MAX_BYTES - 4), "é" * 254]
)
def test_name_is_refused(name: str) -> None:
    with pytest.raises(ResourceError):
        entity_id(ACME, name)


def test_tenant_of_an_id_is_what_stands_before_the_first_slash() -> None:
    assert tenant_of("acme/a/b") == "acme"
    assert Resource(EntityId("acme/a"), {"tenant": "globex"}).tenant == "acme"


@pytest.mark.parametrize("uid", ["", "acme", "acme/", "/a", "ACME/a", " acme/a", "a b/c"])
def test_id_without_a_proper_tenant_is_refused(uid: str) -> None:
    with pytest.raises(ResourceError):
        tenant_of(uid)


def test_bytes_and_not_characters_are_counted() -> None:
    check_text("é" * 256)
    with pytest.raises(ResourceError, match="514 bytes"):
        check_text("é" * 257)
