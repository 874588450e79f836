"""Door one: what a principal may find, and every way of refusing to say."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from authz import condition as c
from authz.errors import ScopeError
from authz.holds import holds
from authz.policy_set import load_policies
from authz.resource import EntityId, Resource, TenantId
from authz.scope import Scope, condition_for, principal_entity, scope
from authz.seal import Seal
from tests.support.doors import ATTRIBUTES, held_by, policies_of, someone
from tests.support.worlds import NOW, WALL

SHIPPED = load_policies()
ALL = '@id("all") @reason("Open.") permit (principal, action == Action::"read", resource is Document);'


def reads(condition: c.Condition, **changed: Any) -> bool:  # noqa: ANN401 - attributes
    return holds(condition, Resource(EntityId("acme/a"), {**ATTRIBUTES, **changed}))


def test_scope_carries_its_principal_policies_epoch_and_instant() -> None:
    found = scope(someone("acme/staff"), SHIPPED, NOW)
    assert (found.policy_digest, found.epoch, found.now) == (SHIPPED.digest, 7, NOW)
    assert found.principal.tenant == "acme"
    assert "staff" not in repr(found)


def test_scope_is_made_by_nobody_else() -> None:
    found = scope(someone(), SHIPPED, NOW)
    with pytest.raises(TypeError):
        Scope(found.principal, c.ALWAYS, found.policy_digest, NOW, Seal("Scope"))
    with pytest.raises((TypeError, ValueError)):
        replace(found, condition=c.ALWAYS)  # type: ignore[call-arg]


def test_digest_changes_with_policies_entitlements_and_instant() -> None:
    found = scope(someone("acme/staff"), SHIPPED, NOW)
    assert found.digest == scope(someone("acme/staff"), SHIPPED, NOW).digest
    others = [
        scope(someone("acme/hr"), SHIPPED, NOW),
        scope(someone("acme/staff", clearance=3), SHIPPED, NOW),
        scope(someone("acme/staff"), replace(SHIPPED, digest="0" * 64), NOW),
        scope(someone("acme/staff"), SHIPPED, NOW + timedelta(milliseconds=1)),
    ]
    assert len({found.digest, *(each.digest for each in others)}) == 5


def test_groups_clearance_and_markings_decide() -> None:
    condition = condition_for(held_by("acme/staff", compartments=frozenset({"m"})), SHIPPED, NOW)
    assert reads(condition)
    assert reads(condition, markings=frozenset({"m"}))
    assert not reads(condition, markings=frozenset({"m", "n"}))
    assert not reads(condition, classification=3)
    assert not reads(condition, readers=frozenset({"acme/board"}))
    assert not reads(condition, tenant="globex")


def test_embargo_ends_at_its_very_millisecond() -> None:
    condition = condition_for(held_by("acme/staff"), SHIPPED, NOW)
    at = int(NOW.timestamp() * 1000)
    assert reads(condition, embargo_until=at)
    assert not reads(condition, embargo_until=at + 1)


def test_unknown_tenant_finds_nothing() -> None:
    assert condition_for(held_by("umbrella/staff", tenant="umbrella"), SHIPPED, NOW) == c.NEVER
    assert condition_for(held_by("acme/staff"), replace(SHIPPED, tenants={}), NOW) == c.NEVER


def test_person_without_groups_finds_nothing_by_group() -> None:
    condition = condition_for(held_by(employment="visitor"), SHIPPED, NOW)
    assert not reads(condition)
    assert not reads(condition, readers=frozenset())
    assert not reads(condition, readers=frozenset({""}))


def test_set_without_a_wall_is_refused_rather_than_open(tmp_path: Path) -> None:
    with pytest.raises(ScopeError, match=r"unconditionally|every document"):
        condition_for(held_by(), policies_of(tmp_path, ALL), NOW)


def test_set_whose_wall_folds_away_is_refused_rather_than_open(tmp_path: Path) -> None:
    text = f'{ALL}\n@id("w") @reason("W.") forbid (principal, action, resource is Tenant);'
    with pytest.raises(ScopeError):
        condition_for(held_by(), policies_of(tmp_path, text), NOW)


def test_forbids_are_joined_before_they_are_negated(tmp_path: Path) -> None:
    text = f"""{WALL} {ALL}
@id("f1") @reason("F.") forbid (principal, action == Action::"read", resource is Document)
when {{ resource.quarantined }};
@id("f2") @reason("F.") forbid (principal, action == Action::"read", resource is Document)
when {{ resource.legal_hold }};"""
    condition = condition_for(held_by(), policies_of(tmp_path, text), NOW)
    assert reads(condition)
    for changed in ({"quarantined": True}, {"legal_hold": True}, {"quarantined": True, "legal_hold": True}):
        assert not reads(condition, **changed)


def test_forbid_for_a_group_named_by_the_policy_alone_holds(tmp_path: Path) -> None:
    text = f'{WALL} {ALL} @id("f") @reason("F.") forbid (principal in Group::"acme/contractors", action, resource);'
    policies = policies_of(tmp_path, text)
    assert condition_for(held_by("acme/contractors"), policies, NOW) == c.NEVER
    assert reads(condition_for(held_by("acme/staff"), policies, NOW))


@pytest.mark.parametrize("changed", [{"clearance": "high"}, {"clearance": 2**63}, {"employment": None}, {"extra": 1}])
def test_entitlements_that_do_not_fit_the_schema_find_nothing(changed: dict[str, Any]) -> None:
    held = held_by("acme/staff")
    attributes = {**held.attributes, **changed}
    with pytest.raises((ScopeError, KeyError)):
        condition_for(replace(held, attributes=attributes), SHIPPED, NOW)


def test_principal_s_entity_has_the_named_groups_and_no_other() -> None:
    held = held_by("acme/staff", "acme/librarians", *(f"acme/g{number}" for number in range(1_000)))
    entity = principal_entity(held, frozenset({"acme/staff", "acme/absent"}), SHIPPED)
    assert entity.parents == (("Group", "acme/staff"),)


def test_clause_beyond_any_index_is_a_scope_error(tmp_path: Path) -> None:
    policies = policies_of(tmp_path, f"{WALL} {ALL}")
    narrow = {key: value for key, value in policies.attributes.document.items() if key != "tenant"}
    crippled = replace(policies, attributes=replace(policies.attributes, document=narrow))
    with pytest.raises(ScopeError, match="no scope can be derived"):
        condition_for(held_by(), crippled, NOW)


def test_forbid_that_overflows_behind_an_unknown_is_an_error_and_never_skipped(tmp_path: Path) -> None:
    # Cedar leaves what fails behind an unknown as it was written, principal and all.
    text = f"""{WALL} {ALL}
@id("no") @reason("N.") forbid (principal, action == Action::"read", resource is Document)
when {{ principal.clearance + 9223372036854775807 > resource.classification }};"""
    policies = policies_of(tmp_path, text)
    with pytest.raises(ScopeError, match='"add"'):
        condition_for(held_by(), policies, NOW)
    assert reads(condition_for(held_by(clearance=0), policies, NOW), classification=2**63 - 1)


def test_naive_instant_is_no_instant() -> None:
    with pytest.raises(TypeError):
        condition_for(held_by(), SHIPPED, NOW.replace(tzinfo=None))


def test_tenants_are_apart_even_with_each_other_s_groups() -> None:
    condition = condition_for(held_by("acme/staff", tenant="globex"), SHIPPED, NOW)
    assert not reads(condition)
    assert cast("TenantId", "globex") in SHIPPED.tenants


def test_literal_that_looks_like_the_unknown_stays_a_literal(tmp_path: Path) -> None:
    looks = '{"unknown": [{"Value": "resource"}]}'
    written = looks.replace('"', '\\"')
    odd = f"""{WALL} @id("odd") @reason("O.") permit (principal, action, resource is Document)
when {{ resource.audience == "{written}" }};"""
    condition = condition_for(held_by(), policies_of(tmp_path, odd), NOW)
    assert c.OneOf("audience", frozenset({looks})) in getattr(condition, "items", ())
