"""Full evaluation of batches, documents and tenants."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authz.decision import Decision, TenantAction, decide, decide_on_tenant
from authz.errors import DecisionError
from authz.policy_set import load_policies
from authz.resource import EntityId, Resource, TenantId
from tests.support.doors import ATTRIBUTES, held_by, policies_of
from tests.support.worlds import NOW, WALL

SHIPPED = load_policies()
ACME = TenantId("acme")


def document(name: str = "acme/a", **changed: Any) -> Resource:  # noqa: ANN401 - attributes
    return Resource(EntityId(name), {**ATTRIBUTES, **changed})


def test_decision_names_the_policies_that_determined_it() -> None:
    several = [
        document("acme/a"),
        document("acme/b", classification=3, quarantined=True),
        document("acme/c", readers=frozenset()),
    ]
    assert decide(held_by("acme/staff"), "read", several, SHIPPED, NOW) == [
        Decision(allowed=True, policies=("readers",)),
        Decision(allowed=False, policies=("clearance", "quarantine")),
        Decision(allowed=False),
    ]


def test_no_resources_are_no_decisions() -> None:
    assert decide(held_by(), "read", [], SHIPPED, NOW) == []


def test_misfits_and_doubles_are_refused_alone() -> None:
    several = [
        document("acme/a"),
        document("acme/b", extra=1),
        document("acme/c"),
        document("acme/c", classification=0),
        document("acme/d", markings=frozenset({1, "a"})),
        document("acme/e", embargo_until=10**30),
    ]
    decisions = decide(held_by("acme/staff"), "read", several, SHIPPED, NOW)
    assert [each.allowed for each in decisions] == [True, False, False, False, False, False]
    assert [each.misfit for each in decisions] == [False, True, True, True, True, True]


def test_batch_of_nothing_but_misfits_is_refused_without_asking() -> None:
    assert (
        decide(held_by("acme/staff"), "read", [document(extra=1)] * 2, SHIPPED, NOW)
        == [Decision(allowed=False, misfit=True)] * 2
    )


def test_principal_that_does_not_fit_is_an_error_and_not_a_denial() -> None:
    held = replace(held_by("acme/staff"), attributes={"tenant": "acme"})
    with pytest.raises(DecisionError):
        decide(held, "read", [document()], SHIPPED, NOW)


def test_forbid_on_an_outer_collection_holds_through_the_listed_ancestors() -> None:
    held = held_by("acme/staff", employment="contractor")
    inside = replace(document(), collections=frozenset({"acme/deals", "acme/finance"}))
    assert decide(held, "read", [inside], SHIPPED, NOW)[0].policies == ("contractors-finance",)


def test_group_of_the_policies_that_no_document_names_counts(tmp_path: Path) -> None:
    text = f"""{WALL} @id("all") @reason("O.") permit (principal, action, resource is Document);
@id("no") @reason("N.") forbid (principal in Group::"acme/contractors", action, resource);"""
    policies = policies_of(tmp_path, text)
    assert decide(held_by("acme/contractors"), "read", [document()], policies, NOW)[0].policies == ("no",)
    assert decide(held_by(), "read", [document()], policies, NOW)[0].allowed


@pytest.mark.parametrize("action", ["create", "replace", "relabel", "erase"])
def test_writing_is_for_librarians_and_in_part_for_owners(action: Any) -> None:  # noqa: ANN401 - an action
    held = held_by("acme/librarians")
    assert decide(held, action, [document()], SHIPPED, NOW)[0].allowed
    assert not decide(held, action, [document(classification=3)], SHIPPED, NOW)[0].allowed
    owned = document(owners=frozenset({held.uid}))
    assert decide(held_by(), action, [owned], SHIPPED, NOW)[0].allowed is (action in {"replace", "erase"})
    kept = decide(held, action, [document(legal_hold=True)], SHIPPED, NOW)[0]
    assert kept.allowed is (action == "create")
    lawyer = held_by("acme/librarians", "acme/legal")
    assert decide(lawyer, action, [document(legal_hold=True)], SHIPPED, NOW)[0].allowed is (
        action in {"create", "relabel"}
    )


@pytest.mark.parametrize(("action", "group"), [("readAudit", "acme/auditors"), ("operate", "acme/operators")])
def test_tenant_s_own_actions_open_their_tenant_and_no_document(action: TenantAction, group: str) -> None:
    held = held_by(group)
    assert decide_on_tenant(held, action, ACME, SHIPPED, NOW) == Decision(
        allowed=True, policies=(action_policy(action),)
    )
    assert not decide_on_tenant(held_by(), action, ACME, SHIPPED, NOW).allowed
    assert not decide_on_tenant(held, action, TenantId("globex"), SHIPPED, NOW).allowed
    assert not decide_on_tenant(held, action, TenantId("umbrella"), SHIPPED, NOW).allowed
    assert not decide(held, "read", [document()], SHIPPED, NOW)[0].allowed


def action_policy(action: TenantAction) -> str:
    return {"readAudit": "auditors", "operate": "operators"}[action]


@pytest.mark.parametrize("action", ["read", "create", "replace", "relabel", "erase"])
def test_nothing_is_allowed_in_a_tenant_that_is_not_declared(action: Any) -> None:  # noqa: ANN401 - an action
    without = replace(SHIPPED, tenants={})
    assert not decide(held_by("acme/librarians"), action, [document()], without, NOW)[0].allowed
