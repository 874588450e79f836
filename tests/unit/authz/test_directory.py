"""From identity to principal."""

from dataclasses import replace

import pytest

from authz.directory import Closure, Entitlements, Principal, look_up, principal_id
from authz.errors import DirectoryUnavailableError, UnknownPrincipalError
from authz.identity import Identity
from authz.policy_set import load_policies
from authz.resource import EntityId, TenantId
from authz.seal import Seal
from tests.support.doors import OneDirectory, held_by, someone
from tests.support.gate import judge
from tests.support.memory import MemoryDirectory
from tests.support.tokens import ISSUER, claims, issuer, rsa_key

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
SHIPPED = load_policies()


def identity(*tenants: TenantId, subject: str = "alice") -> Identity:
    return judge(rsa_key().sign(claims(sub=subject)), issuer(tenants=frozenset(tenants or (ACME,))))


def directory() -> MemoryDirectory:
    found = MemoryDirectory(SHIPPED.attributes.principal)
    found.put_group(ACME, "everyone", [])
    found.put_group(ACME, "staff", ["everyone"])
    held = {"clearance": 2, "compartments": [], "employment": "employee"}
    found.put_person(ACME, ISSUER, "alice", "alice", held, ["staff"])
    return found


def test_principal_holds_what_the_directory_says_ancestors_included() -> None:
    principal = look_up(identity(), directory())
    assert principal.tenant == "acme"
    assert principal.uid == principal_id(ACME, ISSUER, "alice")
    assert principal.entitlements.closure.groups == {"acme/staff", "acme/everyone"}
    assert "everyone" not in repr(principal.entitlements)


def test_unknown_person_is_no_principal() -> None:
    with pytest.raises(UnknownPrincipalError, match="does not know"):
        look_up(identity(subject="mallory"), directory())


def test_tenant_that_the_issuer_may_not_speak_for_is_refused() -> None:
    with pytest.raises(UnknownPrincipalError, match="none that this issuer may speak for"):
        look_up(identity(GLOBEX), directory())


@pytest.mark.parametrize(
    "held",
    [held_by(subject="bob"), replace(held_by(), uid=EntityId("acme/alice")), replace(held_by(), uid=EntityId(""))],
)
def test_answer_about_somebody_else_is_refused(held: Entitlements) -> None:
    with pytest.raises(UnknownPrincipalError, match="somebody else"):
        look_up(identity(), OneDirectory(held))


def test_directory_that_is_down_is_never_read_as_no_groups() -> None:
    found = directory()
    found.failing = DirectoryUnavailableError("down")
    with pytest.raises(DirectoryUnavailableError):
        look_up(identity(), found)


def test_directory_without_an_epoch_is_down() -> None:
    found = directory()
    found.epochs.clear()
    with pytest.raises(DirectoryUnavailableError, match="no epoch"):
        look_up(identity(), found)


def test_revocation_holds_at_the_next_look_up_and_advances_the_epoch() -> None:
    found = directory()
    before = look_up(identity(), found)
    found.revoke(ACME, "alice", "staff")
    after = look_up(identity(), found)
    assert after.entitlements.closure.groups == frozenset()
    assert after.entitlements.epoch > before.entitlements.epoch
    assert after.entitlements.digest != before.entitlements.digest


def test_principal_is_made_by_nobody_else() -> None:
    made = someone()
    with pytest.raises(TypeError):
        Principal(made.identity, made.entitlements, Seal("Principal"))


def test_same_subject_of_two_issuers_is_two_people() -> None:
    assert principal_id(ACME, "https://a", "b") != principal_id(ACME, "https://b", "b")
    assert principal_id(ACME, "a,b", "c") != principal_id(ACME, "a", "b,c")
    assert principal_id(ACME, "é", "x") != principal_id(ACME, "e\u0301", "x")
    uid = principal_id(ACME, 'https://a"\u200b', "b\n")
    assert uid.isascii()
    assert uid.isprintable()


def test_closure_is_the_same_in_any_order() -> None:
    one, other = (
        Closure.of([EntityId("a/b"), EntityId("a/c")]),
        Closure.of([EntityId("a/c"), EntityId("a/b"), EntityId("a/b")]),
    )
    assert one == other
    assert one.digest != Closure.of([]).digest
