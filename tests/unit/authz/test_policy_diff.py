"""The difference of two policy sets is what Cedar decides under each, whatever schema each has."""

import json
from pathlib import Path

import pytest

from authz.decision import decide
from authz.policy_diff import Side, changes
from authz.policy_set import load_policies
from authz.resource import Resource
from authz.schema import read_schema
from tests.support.doors import held_by, policies_of, record_of
from tests.support.grammar import Grammar
from tests.support.worlds import NOW, SCHEMA, documents, person, seeded, shipped

SET = load_policies()
STAFF = record_of(audience="staff").resource()
ANN = held_by("acme/staff", subject="alice")


def schema_with(entity: str, required: bool, kind: str = "String") -> str:  # noqa: FBT001 - a flag of the schema
    """Return the shipped schema with one more attribute."""
    schema = json.loads(SCHEMA)
    attributes = schema[""]["entityTypes"][entity]["shape"]["attributes"]
    attributes["region"] = {"type": "EntityOrCommon", "name": kind, "required": required}
    return json.dumps(schema)


def under(tmp_path: Path, schema: str) -> Side:
    """Return the shipped policies under another schema, while the shipped one runs."""
    cedar = "\n".join(text for name, text in SET.sources.items() if name.endswith(".cedar"))
    for name in ("security-response", "librarians", "auditors", "operators", "legal"):
        cedar = cedar.replace(f'Group::"acme/{name}"', 'Group::"acme/a-b"')
    return Side(policies_of(tmp_path, cedar, schema), SET.attributes)


@pytest.mark.parametrize("seed", range(6))
def test_changes_are_exactly_the_decisions_that_differ(seed: int, tmp_path: Path) -> None:
    random = seeded(f"diff {seed}")
    grammar = Grammar(random, shipped())
    old, new = (policies_of(tmp_path / name, grammar.policies()) for name in ("old", "new"))
    shelf = documents(random, shipped(), 50)
    for number in range(4):
        held = person(random, shipped(), f"person-{number}")
        first, second = (Side(each, shipped()) for each in (old, new))
        before, after = ([each.allowed for each in decide(held, "read", shelf, side, NOW)] for side in (old, new))
        found = {each.document: each.gained for each in changes(held, shelf, first, second, NOW)}
        both = zip(shelf, before, after, strict=True)
        assert found == {document.uid: now for document, then, now in both if then != now}


def test_optional_attribute_changes_nothing(tmp_path: Path) -> None:
    new = under(tmp_path, schema_with("Document", required=False))
    assert new.decide(ANN, [STAFF], NOW)[0].allowed
    assert not list(changes(ANN, [STAFF], under(tmp_path / "old", SCHEMA), new, NOW))


@pytest.mark.parametrize("entity", ["Document", "User"])
def test_who_or_what_lacks_a_required_attribute_is_refused_and_told(entity: str, tmp_path: Path) -> None:
    old, new = under(tmp_path / "old", SCHEMA), under(tmp_path / "new", schema_with(entity, required=True))
    assert (new.document(STAFF) is None) == (entity == "Document")
    assert (new.person(ANN) is None) == (entity == "User")
    found = list(changes(ANN, [STAFF], old, new, NOW))
    assert [(each.gained, each.new.misfit) for each in found] == [(False, True)]


def test_value_that_the_new_schema_reads_otherwise_is_a_misfit(tmp_path: Path) -> None:
    running = read_schema(schema_with("Document", required=False))
    new = Side(under(tmp_path, schema_with("Document", required=False, kind="datetime")).policies, running)
    attributes = {**STAFF.attributes, "region": "north"}
    assert new.document(Resource(STAFF.uid, attributes)) is None
    assert new.document(STAFF) is not None


def test_one_misfit_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    new = under(tmp_path, schema_with("Document", required=False))
    wrong = Resource(record_of("acme/other").document, {**STAFF.attributes, "classification": "high"})
    assert [each.misfit for each in new.decide(ANN, [wrong, STAFF], NOW)] == [True, False]
