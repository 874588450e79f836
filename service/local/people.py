"""From a company's `people.yaml` to enrolments: every attribute checked against the schema, person by person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from authz.directory import principal_id
from authz.enrolment import Enrolment
from authz.errors import ResourceError
from authz.resource import TenantId, entity_id, tenant_id
from authz.schema import TENANT, AttributeTypes, parse_attributes

NAME = "people.yaml"
_REQUIRED = {"handle", "tenant", "groups", "attributes"}
_KEYS = _REQUIRED | {"name", "who", "instructive"}


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person as the company describes them."""

    handle: str
    tenant: TenantId
    groups: Sequence[str]
    attributes: Mapping[str, object]
    """Plain, by the schema; groups and people by their local names."""
    who: str
    instructive: str
    name: str
    """As a page calls them; the handle where the company gives none."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something worth trying: what, and the commands for it, if it takes any."""

    say: str
    commands: Sequence[str]


@dataclass(frozen=True, slots=True)
class Company:
    """The tenants of a company with their groups, its people, and what is worth trying."""

    groups: Mapping[TenantId, Mapping[str, Sequence[str]]]
    people: Sequence[Colleague]
    steps: Sequence[Step] = field(default=())


@dataclass(frozen=True, slots=True)
class Subjects:
    """Under which issuer and as whom each handle signs in."""

    issuer: str
    by_handle: Mapping[str, str]


def read_company(folder: Path) -> Company:
    """Return the company in `folder`. Raises `ResourceError`, naming the person, if `people.yaml` is malformed."""
    try:
        raw = yaml.safe_load((folder / NAME).read_text(encoding="utf-8"))
        groups = {
            tenant_id(tenant): {group["name"]: list(group["parents"]) for group in described["groups"]}
            for tenant, described in raw["tenants"].items()
        }
        people = [_colleague(each, number) for number, each in enumerate(raw["people"], start=1)]
        for person in people:
            if person.tenant not in groups:
                message = f'{NAME}: "{person.handle}": tenant "{person.tenant}" is none of those above'
                raise ResourceError(message)
        return Company(groups, people, [_step(each) for each in raw.get("try", ())])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        message = f"{NAME}: cannot be read as tenants with groups, and people ({type(error).__name__}: {error})"
        raise ResourceError(message) from error


def enrolments(company: Company, tenant: TenantId, signed: Subjects, types: AttributeTypes) -> list[Enrolment]:
    """Return the people of `tenant`, checked against the principal's `types`.

    Raises `ResourceError` with a complaint for every attribute of every person that does not fit.
    """
    people = [each for each in company.people if each.tenant == tenant]
    complaints = [complaint for each in people for complaint in _complaints(each, signed, types)]
    if complaints:
        raise ResourceError("\n".join(complaints))
    return [
        Enrolment(signed.issuer, signed.by_handle[each.handle], each.handle, _stated(each, signed, types), each.groups)
        for each in people
    ]


def _complaints(person: Colleague, signed: Subjects, types: AttributeTypes) -> list[str]:
    try:
        stated = _stated(person, signed, types)
    except ResourceError as error:
        return [_complaint(person, str(error))]
    wrong = []
    for name in sorted(stated.keys() | {name for name, type_ in types.items() if type_.required}):
        one = {name: types[name]} if name in types else {}
        try:
            parse_attributes(one, {name: stated[name]} if name in stated else {})
        except ResourceError as error:
            wrong.append(_complaint(person, str(error)))
    return wrong


def _complaint(person: Colleague, text: str) -> str:
    return f'{NAME}: "{person.handle}": {text}; schema.json says what stands under "attributes:" of a person'


def _stated(person: Colleague, signed: Subjects, types: AttributeTypes) -> dict[str, object]:
    """Return what is stated of `person`, its tenant included, with groups and people as their ids."""
    own: dict[str, object] = {TENANT: person.tenant} if TENANT in types else {}
    stated = own | dict(person.attributes)
    return {name: _qualified(value, name, person, signed, types) for name, value in stated.items()}


def _qualified(value: object, name: str, person: Colleague, signed: Subjects, types: AttributeTypes) -> object:
    entity = types[name].entity if name in types else None
    if entity is None:
        return value
    if isinstance(value, list):
        return [_qualified(each, name, person, signed, types) for each in value]
    if entity != "User":
        return entity_id(person.tenant, str(value))
    if value not in signed.by_handle:
        message = f'attribute {name} names "{value}", who is nobody of this company'
        raise ResourceError(message)
    return principal_id(person.tenant, signed.issuer, signed.by_handle[str(value)])


def _step(raw: Mapping[str, object]) -> Step:
    commands = raw.get("commands", [])
    if not isinstance(commands, list):
        message = f"{NAME}: what stands under try: is a list of say: with commands:, which is a list too"
        raise ResourceError(message)
    return Step(str(raw["say"]), [str(each) for each in commands])


def _colleague(raw: Mapping[str, object], number: int) -> Colleague:
    handle = raw.get("handle", f"person {number}")
    for key in sorted(_REQUIRED ^ (raw.keys() & _REQUIRED) | raw.keys() - _KEYS):
        wrong = "missing" if key in _REQUIRED else "unknown; what policies ask of a person stands under attributes:"
        message = f'{NAME}: "{handle}": {key} is {wrong}'
        raise ResourceError(message)
    groups, attributes = raw["groups"], raw["attributes"]
    if not isinstance(groups, list) or not isinstance(attributes, dict):
        message = f'{NAME}: "{handle}": groups is a list, attributes a mapping; write [] and {{}} for none'
        raise ResourceError(message)
    who, instructive = (str(raw.get(key, "")).strip() for key in ("who", "instructive"))
    name = str(raw.get("name") or handle).strip()
    return Colleague(str(handle), tenant_id(str(raw["tenant"])), groups, attributes, who, instructive, name)
