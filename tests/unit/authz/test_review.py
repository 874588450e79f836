"""What is said in vain, by example; `tests/property/test_review.py` asks Cedar whether it is true."""

import json
from pathlib import Path

import pytest

from authz.policy_set import load_policies
from authz.review import review
from tests.support.doors import policies_of
from tests.support.worlds import SCHEMA, WALL, wide_schema

READ = 'permit (principal, action == Action::"read", resource is Document)'
HAS = "resource has embargo_until && "
NEVER = [
    "false",
    "true && !true",
    "principal.clearance == 1 && principal.clearance == 2",
    "principal.clearance > 3 && principal.clearance < 4",
    "principal.clearance > 3 && 3 >= principal.clearance",
    "principal.clearance > 9223372036854775807",
    "principal.clearance < -9223372036854775807 - 1",
    "principal.clearance >= 1 && principal.clearance <= 2 && principal.clearance != 1 && principal.clearance != 2",
    "principal.clearance + 2 < principal.clearance - 1",
    "[1, 2].contains(resource.classification) && resource.classification > 2",
    "resource.classification >= principal.clearance && principal.clearance > 2 && resource.classification < 2",
    'resource.audience == "a" && "b" == resource.audience',
    'resource.audience == "a" && !(resource.audience == "a")',
    'resource.audience == "a" && resource.audience == principal.employment && principal.employment != "a"',
    'resource.audience == "ab" && resource.audience like "b*"',
    'resource.audience like "ab" && resource.audience like "b"',
    (
        '["a", "b"].contains(resource.audience) && !(resource.audience like "*c") && !(resource.audience like "?*") '
        '&& resource.audience != "a" && resource.audience != "b"'
    ),
    '["a", "b"].contains(resource.audience) && resource.audience like "c*"',
    '!("x" like "*")',
    "resource.quarantined && resource.quarantined == false",
    "if resource.quarantined then !resource.quarantined else resource.quarantined",
    'resource.markings.contains("a") && resource.markings.isEmpty()',
    'resource.markings.contains("a") && ["b"].containsAll(resource.markings)',
    'resource.markings == ["a"] && resource.markings == ["b"]',
    'resource.markings == ["a"] && !resource.markings.contains("a")',
    'resource.markings.containsAll(["a", "b"]) && !resource.markings.containsAny(["b", "c"])',
    '["a"].containsAll(resource.markings) && !resource.markings.contains("a") && !resource.markings.isEmpty()',
    (
        'principal.compartments.containsAll(resource.markings) && resource.markings.contains("a") '
        '&& !principal.compartments.contains("a")'
    ),
    "resource.owners.contains(principal) && !resource.owners.contains(principal)",
    "resource is Tenant",
    'principal is Group in Group::"acme/a-b"',
    "!(resource has classification)",
    'principal in Group::"acme/a-b" && !(principal in [Group::"acme/a-b", Group::"acme/x*"])',
    'action == Action::"erase"',
    f'{HAS}resource.embargo_until < datetime("2026-01-01") && resource.embargo_until > datetime("2026-01-02")',
    f"{HAS}context.now < resource.embargo_until && resource.embargo_until < context.now",
    "principal.clearance < resource.classification && resource.classification < principal.clearance",
    "(principal.clearance < 1 || resource.quarantined) && principal.clearance == 5 && !resource.quarantined",
]
POSSIBLE = [
    "true",
    "principal.clearance >= 3 && principal.clearance <= 3",
    "principal.clearance < -1",
    "principal.clearance > 1 && resource.classification < 1",
    "principal.clearance != 1 && principal.clearance != 2",
    'resource.audience != "a" && resource.audience != "b"',
    'resource.audience like "a*" && resource.audience like "*b"',
    'resource.audience == "A" && resource.audience != "a"',
    "resource.markings.isEmpty() && principal.compartments.isEmpty()",
    'resource.markings == ["a", "b"] && resource.markings == ["b", "a"]',
    'resource.markings == ["a", "a"] && ["a"].containsAll(resource.markings)',
    'resource.markings.contains("a") && ["a", "b"].containsAll(resource.markings)',
    'resource.readers == [Group::"acme/a-b"] && principal in Group::"acme/x*"',
    'principal in Group::"acme/a-b" && !(principal in Group::"acme/x*")',
    (
        f'{HAS}resource.embargo_until == datetime("2026-01-01") '
        '&& resource.embargo_until == datetime("2026-01-01T00:00:00Z")'
    ),
    (
        f'{HAS}resource.embargo_until > datetime("2026-01-01").offset(duration("1d")) '
        '&& resource.embargo_until < datetime("2026-01-03")'
    ),
    "if resource.quarantined then resource.legal_hold else resource.markings.isEmpty()",
]


def said(tmp_path: Path, *policies: str, schema: str = SCHEMA) -> dict[str, str]:
    """Return what is found, by policy; each of `policies` is called by its number."""
    named = [f'@id("{number}") @reason("R.")\n{text};' for number, text in enumerate(policies)]
    return {each.policy.id: each.text for each in review(policies_of(tmp_path, "\n\n".join(named), schema))}


@pytest.mark.parametrize("condition", NEVER)
def test_what_no_request_can_meet_is_found(condition: str, tmp_path: Path) -> None:
    for number, effect in enumerate(("permit", "forbid")):
        head = READ.replace("permit", effect)
        found = said(tmp_path / str(number), f"{head} when {{ {condition} }}", f"{head} unless {{ !({condition}) }}")
        assert found.keys() == {"0", "1"}
        assert found["0"] == found["1"]
        assert found["0"].startswith("no request can match what it asks")
        assert ("forbids" if effect == "forbid" else "opens") in found["0"]


@pytest.mark.parametrize("condition", POSSIBLE)
def test_what_some_request_meets_is_not_found(condition: str, tmp_path: Path) -> None:
    for number, effect in enumerate(("permit", "forbid")):
        assert not said(tmp_path / str(number), f"{READ.replace('permit', effect)} when {{ {condition} }}")


def test_shipped_policies_say_nothing_in_vain() -> None:
    assert review(load_policies()) == []


def test_contradiction_between_head_and_condition_is_found(tmp_path: Path) -> None:
    head = 'permit (principal in Group::"acme/a-b", action == Action::"read", resource is Document)'
    other = 'permit (principal == User::"acme/me", action == Action::"read", resource is Document)'
    found = said(
        tmp_path,
        f'{head} when {{ !(principal in Group::"acme/a-b") }}',
        f'{other} when {{ principal == User::"acme/you" }}',
        f'{head} when {{ !(principal in Group::"acme/x*") }}',
    )
    assert found.keys() == {"0", "1"}


def test_permit_behind_a_wall_is_found_with_the_wall_that_shuts_it(tmp_path: Path) -> None:
    wall = f"{READ.replace('permit', 'forbid')} unless {{ principal.clearance >= resource.classification }}"
    shut = f"{READ} when {{ principal.clearance < 1 && resource.classification > 1 }}"
    ajar = f"{READ} when {{ principal.clearance < 2 && resource.classification > 0 }}"
    assert said(tmp_path, wall, shut, ajar) == {"1": 'it never opens anything: "0" forbids whatever it permits'}


def test_permit_that_only_several_forbids_shut_is_found(tmp_path: Path) -> None:
    forbid = READ.replace("permit", "forbid")
    found = said(
        tmp_path,
        f"{forbid} when {{ resource.quarantined }}",
        f"{forbid} unless {{ resource.quarantined || principal.clearance > 5 }}",
        f"{READ} when {{ principal.clearance == 5 }}",
        f"{READ} when {{ principal.clearance == 6 }}",
    )
    assert found == {"2": "it never opens anything: the forbids together forbid whatever it permits"}


def test_permit_that_the_tenant_wall_shuts_is_found(tmp_path: Path) -> None:
    text = (
        f'{WALL}\n@id("x") @reason("X.") {READ} when {{ principal.tenant == "acme" && resource.tenant == "globex" }};'
    )
    assert [each.policy.id for each in review(policies_of(tmp_path, text))] == ["x"]


def test_action_that_stands_in_a_head_in_vain_is_named(tmp_path: Path) -> None:
    both = 'action in [Action::"read", Action::"readAudit"]'
    found = said(
        tmp_path,
        f"forbid (principal, {both}, resource is Document) when {{ principal.clearance < 0 }}",
        'forbid (principal, action == Action::"erase", resource)',
        'permit (principal, action in [Action::"read", Action::"erase"], resource is Document)',
        'permit (principal, action, resource) when { action == Action::"read" }',
    )
    assert found == {
        "0": 'Action::"readAudit" stands in its head in vain: no request with that action can match what it asks',
        "2": 'Action::"erase" stands in its head in vain: whatever it permits there is forbidden',
    }


def test_group_of_actions_stands_for_its_members(tmp_path: Path) -> None:
    schema = json.loads(SCHEMA)
    schema[""]["actions"] |= {"change": {}, "any": {}}
    schema[""]["actions"]["change"]["memberOf"] = [{"id": "any"}]
    for name in ("replace", "erase"):
        schema[""]["actions"][name]["memberOf"] = [{"id": "change"}]
    found = said(
        tmp_path,
        'permit (principal, action in Action::"any", resource is Document) when { !(action in Action::"change") }',
        'permit (principal, action in Action::"any", resource is Document) when { action == Action::"erase" }',
        schema=json.dumps(schema),
    )
    assert found.keys() == {"0"}


def test_single_entities_and_optional_sets_are_reasoned_about(tmp_path: Path) -> None:
    found = said(
        tmp_path,
        f'{READ} when {{ principal.home == Group::"acme/a-b" && principal.home == Group::"acme/x*" }}',
        f"{READ} when {{ resource has steward && resource.steward == principal.home "
        '&& principal.home == Group::"acme/x*" && resource.steward != Group::"acme/x*" }',
        f'{READ} when {{ resource has labels && resource.labels.contains("a") && resource.labels == ["b"] }}',
        f"{READ} when {{ resource has labels && resource.labels.isEmpty() }}",
        schema=wide_schema(),
    )
    assert found.keys() == {"0", "1", "2"}


def test_beyond_its_bound_the_search_says_nothing(tmp_path: Path) -> None:
    never = "principal.clearance == 5 && [1, 2, 3].contains(principal.clearance)"
    choices = [f'(principal.compartments.contains("{n}") || resource.markings.contains("{n}"))' for n in range(14)]
    assert said(tmp_path / "few", f"{READ} when {{ {' && '.join([never, *choices[:5]])} }}")
    assert not said(tmp_path / "many", f"{READ} when {{ {' && '.join([never, *choices])} }}")
