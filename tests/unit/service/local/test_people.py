"""people.yaml: what a person is said to hold must be what the schema declares; every complaint names the person."""

from pathlib import Path

import pytest
import yaml

from authz.directory import principal_id
from authz.enrolment import Enrolment
from authz.errors import ResourceError
from authz.policy_set import load_policies
from authz.resource import TenantId
from authz.schema import AttributeTypes, read_schema
from service.local.people import NAME, Subjects, enrolments, read_company
from service.local.seed import COMPANY
from tests.support.worlds import wide_schema

ACME = TenantId("acme")
TYPES = load_policies().attributes.principal
WIDE = read_schema(wide_schema()).principal
GOOD = {"clearance": 2, "compartments": [], "employment": "employee"}


def company(folder: Path, *people: dict[str, object]) -> Path:
    """Write a company of `people`, and return its folder."""
    usual = {"tenant": "acme", "groups": [], "attributes": GOOD}
    tenants = {"acme": {"groups": [{"name": "staff", "parents": []}]}}
    stated = [{"handle": f"p{number}", **usual, **each} for number, each in enumerate(people)]
    (folder / NAME).write_text(yaml.safe_dump({"tenants": tenants, "people": stated}))
    return folder


def refusal(folder: Path, types: AttributeTypes = TYPES) -> str:
    with pytest.raises(ResourceError) as refused:
        enrolled(folder, types)
    return str(refused.value)


def enrolled(folder: Path, types: AttributeTypes) -> list[Enrolment]:
    read = read_company(folder)
    return enrolments(read, ACME, Subjects("iss", {each.handle: each.handle for each in read.people}), types)


def test_shipped_company_fits_the_shipped_schema() -> None:
    read = read_company(COMPANY)
    signed = Subjects("iss", {each.handle: f"sub-{each.handle}" for each in read.people})
    found = [each for tenant in read.groups for each in enrolments(read, tenant, signed, TYPES)]
    assert {each.handle for each in found} == {each.handle for each in read.people}
    ana = next(each for each in found if each.handle == "ana")
    assert (ana.subject, ana.groups, ana.attributes["clearance"]) == ("sub-ana", ["payroll"], 2)
    assert ana.attributes["tenant"] == "acme"
    assert [len(step.commands) for step in read.steps] == [0, 2, 2]
    assert all(command.startswith("antechamber ") for step in read.steps for command in step.commands)


def test_every_attribute_of_everybody_is_told_with_person_and_name(tmp_path: Path) -> None:
    message = refusal(
        company(
            tmp_path,
            {"attributes": {**GOOD, "clearance": "high", "shoe": 43}},
            {},
            {"attributes": {"clearance": 1, "compartments": "none"}},
        )
    )
    assert [line.split("; ")[0] for line in message.splitlines()] == [
        'people.yaml: "p0": attribute clearance must be a whole number of 64 bits',
        'people.yaml: "p0": unknown attributes: shoe',
        'people.yaml: "p2": attribute compartments must be a list',
        'people.yaml: "p2": missing attributes: employment',
    ]
    assert message.count("schema.json says what stands under") == 4


def test_attribute_beside_the_attributes_is_refused_with_its_place(tmp_path: Path) -> None:
    message = refusal(company(tmp_path, {"clearance": 2}))
    assert message.startswith('people.yaml: "p0": clearance is unknown; what policies ask of a person stands under')


@pytest.mark.parametrize("missing", ["tenant", "groups", "attributes"])
def test_person_without_what_everybody_states_is_refused(missing: str, tmp_path: Path) -> None:
    folder = company(tmp_path, {})
    plain = yaml.safe_load((folder / NAME).read_text())
    del plain["people"][0][missing]
    (folder / NAME).write_text(yaml.safe_dump(plain))
    assert refusal(folder) == f'people.yaml: "p0": {missing} is missing'


def test_person_of_a_tenant_that_is_not_described_is_refused(tmp_path: Path) -> None:
    assert '"p0": tenant "globex" is none of those above' in refusal(company(tmp_path, {"tenant": "globex"}))


@pytest.mark.parametrize("text", ["", "[]", "people: 5", "tenants: {acme: 5}", "a: [", "tenants: {}\npeople: [5]"])
def test_malformed_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)
    assert refusal(tmp_path).startswith("people.yaml: cannot be read")


def test_groups_and_people_in_attributes_are_named_as_the_company_calls_them(tmp_path: Path) -> None:
    """Whatever the attribute is called: its type says whom it names."""
    types = read_schema(
        wide_schema().replace('"home": {"type": "EntityOrCommon", "name": "Group"}',
            '"home": {"type": "EntityOrCommon", "name": "Group"}, '
            '"chief": {"type": "EntityOrCommon", "name": "User"}, '
            '"deputies": {"type": "Set", "element": {"type": "EntityOrCommon", "name": "User"}}')
    ).principal  # fmt: skip
    entities = {"home": "staff", "chief": "p1", "deputies": ["p0", "p1"]}
    read = read_company(company(tmp_path, {"attributes": GOOD | entities}, {"attributes": GOOD | entities}))
    held = enrolments(read, ACME, Subjects("iss", {"p0": "s0", "p1": "s1"}), types)[0].attributes
    assert held["home"] == "acme/staff"
    assert held["chief"] == principal_id(ACME, "iss", "s1")
    assert held["deputies"] == [principal_id(ACME, "iss", "s0"), principal_id(ACME, "iss", "s1")]
    stranger = company(tmp_path, {"attributes": GOOD | entities | {"chief": "nobody"}})
    assert 'attribute chief names "nobody", who is nobody of this company' in refusal(stranger, types)
