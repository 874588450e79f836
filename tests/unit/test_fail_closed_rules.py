"""The fail-closed rules of DESIGN.md §4, each by its number, as far as they show below the web application.

Elsewhere: 7 for Bedrock and partial shards, and 9, 10 and 11 over HTTP, in the tests of `service` and of the OpenSearch
adapter; 6 and 14 for DynamoDB in `tests/unit/authz/test_dynamodb*.py` and `tests/unit/retrieval/test_dynamodb_*.py`;
12 over HTTP in the tests of `service/api`; 13's SIGHUP in those of `service/running.py`.
"""

import inspect
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import pytest

from authz import condition as c
from authz.decision import decide
from authz.directory import look_up
from authz.engine import Entity, parse, partially_evaluate
from authz.errors import DecisionError, DirectoryUnavailableError, PolicyError, ScopeError, UnknownPrincipalError
from authz.holds import holds
from authz.identity import Identity
from authz.policy_set import load_policies
from authz.resource import EntityId, Resource, TenantId
from authz.scope import condition_for, scope
from retrieval.admission import Refused, admit
from retrieval.deadline import Deadline
from retrieval.errors import RegistryUnavailableError, SearchUnavailableError
from retrieval.index import Hit, Hits, Index, Query
from retrieval.record import Purpose
from retrieval.registry import Registry
from retrieval.retrieve import Stores, retrieve
from tests.support.doors import (
    ATTRIBUTES,
    OneDirectory,
    held_by,
    policies_of,
    record_of,
    register,
    someone,
    write_policies,
)
from tests.support.gate import judge
from tests.support.memory import MemoryAuditLog, MemoryDirectory, MemoryRegistry
from tests.support.tokens import claims, rsa_key
from tests.support.worlds import MILLISECONDS, NOW, WALL

SOON = Deadline.after(600)
SHIPPED = load_policies()
TEXT = "On Monday."
OPEN = '@id("open") @reason("O.") permit (principal, action == Action::"read", resource is Document);'
HIT = Hit(TenantId("acme"), EntityId("acme/plan"), 1, 1, 1, TEXT)


def document(**changed: Any) -> Resource:  # noqa: ANN401 - attributes
    return Resource(EntityId("acme/plan"), {**ATTRIBUTES, **changed})


def stores(**changed: Any) -> Stores:  # noqa: ANN401 - a store each
    registry = MemoryRegistry()
    register(registry, record_of(), TEXT)
    # `retrieve` finds through the function it is given.
    usual = Stores(registry, MemoryAuditLog(), lambda: NOW)
    return replace(usual, **changed)


def disclosed(hits: Hits, *groups: str, on: Stores | None = None) -> list[str]:
    found = retrieve(lambda _: hits, someone(*groups), Purpose("search", "r", "a"), NOW, SHIPPED, on or stores(), SOON)
    return [each.text for each in found.passages]


def test_rule_1_no_decision_without_residuals_is_an_input_error_and_never_no_conditions() -> None:
    alice = Entity(("User", "acme/alice"), {**held_by().attributes, "compartments": []})
    with pytest.raises(DecisionError, match="never means no conditions"):
        partially_evaluate(alice, "read", MILLISECONDS, parse("")[0], SHIPPED.schema)
    ghost = Entity(("Ghost", "acme/alice"), {})
    with pytest.raises(DecisionError):
        partially_evaluate(ghost, "read", MILLISECONDS, SHIPPED.handle, SHIPPED.schema)
    with pytest.raises(ScopeError):
        condition_for(replace(held_by(), attributes={"tenant": "acme"}), SHIPPED, NOW)


def test_rule_2_an_error_in_a_forbid_is_refused_at_either_door_and_never_skipped(tmp_path: Path) -> None:
    text = f"""{WALL} {OPEN} @id("no") @reason("N.") forbid (principal, action == Action::"read", resource)
when {{ principal.clearance + 9223372036854775807 > resource.classification }};"""
    policies = policies_of(tmp_path, text)
    with pytest.raises(ScopeError, match="met an error"):
        condition_for(held_by(), policies, NOW)
    with pytest.raises(DecisionError, match="met an error"):
        decide(held_by(), "read", [document()], policies, NOW)


def test_rule_3_an_unconditional_allow_is_a_defect_of_the_policies(tmp_path: Path) -> None:
    handle, _ = parse(OPEN.replace("resource is Document", "resource"))
    alice = Entity(("User", "acme/alice"), dict(held_by().attributes) | {"compartments": []})
    with pytest.raises(DecisionError, match="allows unconditionally"):
        partially_evaluate(alice, "read", MILLISECONDS, handle, SHIPPED.schema)
    with pytest.raises(ScopeError, match="every document"):
        condition_for(held_by(), policies_of(tmp_path, OPEN), NOW)


def test_rule_4_unknown_person_or_tenant_and_no_groups_are_nothing_and_never_everything() -> None:
    with pytest.raises(UnknownPrincipalError):
        look_up(judge(rsa_key().sign(claims())), OneDirectory(None))
    assert condition_for(held_by("umbrella/x", tenant="umbrella"), SHIPPED, NOW) == c.NEVER
    assert not holds(condition_for(held_by(), SHIPPED, NOW), document())
    assert disclosed([HIT]) == []
    assert disclosed([HIT], "acme/staff") == [TEXT]


def test_rule_5_forbids_are_joined_and_then_negated(tmp_path: Path) -> None:
    forbids = "".join(
        f'@id("{name}") @reason("F.") forbid (principal, action == Action::"read", resource is Document) '
        f"when {{ resource.{name} }};"
        for name in ("quarantined", "legal_hold")
    )
    condition = condition_for(held_by(), policies_of(tmp_path, f"{WALL} {OPEN} {forbids}"), NOW)
    for quarantined in (False, True):
        for held in (False, True):
            allowed = holds(condition, document(quarantined=quarantined, legal_hold=held))
            assert allowed is (not quarantined and not held)


def test_rule_6_a_directory_that_is_down_or_without_an_epoch_is_never_read_as_no_groups() -> None:
    directory = MemoryDirectory(SHIPPED.attributes.principal, failing=DirectoryUnavailableError("down"))
    with pytest.raises(DirectoryUnavailableError):
        look_up(judge(rsa_key().sign(claims())), directory)


@pytest.mark.parametrize(
    "error", [SearchUnavailableError("down"), DecisionError("engine"), RegistryUnavailableError("down")]
)
def test_rule_7_an_engine_that_fails_ends_the_request_on_record(error: Exception) -> None:
    audit = MemoryAuditLog()

    def find(_: object) -> Hits:
        raise error

    with pytest.raises(type(error)):
        retrieve(find, someone("acme/staff"), Purpose("search", "r", "a"), NOW, SHIPPED, stores(audit=audit), SOON)
    assert b'"outcome":"failed"' in next(iter(audit.records.values()))


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"tenant": None}, "malformed"), ({"document": ""}, "malformed"), ({"version": None}, "malformed"),
        ({"revision": None}, "malformed"), ({"ordinal": None}, "malformed"), ({"tenant": "globex"}, "foreign"),
        ({"document": "globex/plan"}, "foreign"), ({"untrusted_text": "On Tuesday."}, "altered"),
    ],
)  # fmt: skip
def test_rule_8_a_hit_that_is_not_what_it_should_be_is_dropped_and_the_rest_passes(
    changed: dict[str, Any], refusal: str
) -> None:
    on = stores()
    bad = replace(HIT, **{"ordinal": 0, "untrusted_text": "The plan", **changed})
    found = scope(someone("acme/staff"), SHIPPED, NOW)
    first, second = admit([bad, HIT], found, SHIPPED, on.registry, on.clock).decisions
    assert isinstance(first, Refused)
    assert first.refusal == refusal
    assert not isinstance(second, Refused)


def test_rule_9_a_short_result_is_an_answer_and_the_index_is_asked_once() -> None:
    asked = []

    def find(allowed: object) -> Hits:
        asked.append(allowed)
        return []

    retrieval = retrieve(find, someone("acme/staff"), Purpose("search", "r", "a"), NOW, SHIPPED, stores(), SOON)
    assert (retrieval.passages, len(asked)) == ((), 1)


def test_rule_10_a_denied_document_and_none_at_all_disclose_the_same_nothing() -> None:
    purpose, somebody = Purpose("view", "r", "a"), someone()
    denied = retrieve(lambda _: [HIT], somebody, purpose, NOW, SHIPPED, stores(), SOON)
    absent = retrieve(lambda _: [], somebody, purpose, NOW, SHIPPED, stores(), SOON)
    assert denied.passages == absent.passages == ()
    assert {each.name for each in fields(Hit)} == {
        "tenant",
        "document",
        "version",
        "revision",
        "ordinal",
        "untrusted_text",
    }


def test_rule_11_every_way_to_find_takes_a_scope_and_goes_through_the_same_admission() -> None:
    for method in (Index.search, Index.documents, Index.passages):
        assert inspect.signature(method).parameters["scope"].annotation.__name__ == "Scope"
    for event in ("answer", "search", "view", "list"):
        purpose = Purpose(cast("Any", event), "r", "a")
        assert retrieve(lambda _: [HIT], someone(), purpose, NOW, SHIPPED, stores(), SOON).passages == ()


def test_rule_12_nothing_that_authorizes_comes_from_the_request() -> None:
    # A question brings a text and a vector, a token an identity: neither has a place for a group or an attribute.
    assert {each.name for each in fields(Query)} == {"text", "vector"}
    assert not {"groups", "attributes", "roles", "scope"} & {each.name for each in fields(Identity)}
    claimed = judge(rsa_key().sign(claims(groups=["acme/staff"], clearance=9, tenant="globex")))
    principal = look_up(claimed, OneDirectory(held_by()))
    assert principal.entitlements.closure.groups == frozenset()
    assert (principal.tenant, principal.entitlements.attributes["clearance"]) == ("acme", 2)


def test_rule_13_half_a_checkout_is_refused(tmp_path: Path) -> None:
    forbid = '@id("no") @reason("N.") forbid (principal, action, resource) when { principal.clearance == 0 };'
    at = write_policies(tmp_path, {"10-open.cedar": f"{WALL} {OPEN}", "20-walls.cedar": forbid})
    assert set(load_policies(at).policies) == {"wall", "open", "no"}
    (at / "20-walls.cedar").unlink()
    with pytest.raises(PolicyError, match=r"20-walls\.cedar: missing"):
        load_policies(at)


def test_rule_14_admission_reads_everything_it_needs_in_one_call_and_refuses_without_it() -> None:
    class Counting(MemoryRegistry):
        calls = 0

        def get(self, passages: Any) -> Any:  # noqa: ANN401 - as the port
            Counting.calls += 1
            return super().get(passages)

    registry: Registry = Counting()
    register(cast("MemoryRegistry", registry), record_of(), TEXT, "More.")
    hits = [HIT, replace(HIT, ordinal=2, untrusted_text="More.")]
    assert disclosed(hits, "acme/staff", on=stores(registry=registry)) == [TEXT, "More."]
    assert Counting.calls == 1
    cast("MemoryRegistry", registry).failing = RegistryUnavailableError("unprocessed keys")
    with pytest.raises(RegistryUnavailableError):
        disclosed(hits, "acme/staff", on=stores(registry=registry))


@pytest.mark.parametrize("literal", ["contractors", "umbrella/contractors", "acme/kontractors"])
def test_rule_15_a_literal_that_could_never_match_is_refused_at_load(literal: str, tmp_path: Path) -> None:
    forbid = f'@id("no") @reason("N.") forbid (principal in Group::"{literal}", action, resource);'
    with pytest.raises(PolicyError, match='policy "no" names'):
        policies_of(tmp_path, f"{WALL} {OPEN} {forbid}")
