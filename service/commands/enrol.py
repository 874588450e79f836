"""`antechamber directory group` and `enrol`: what must be in the directory before anybody is let in."""

import json
from typing import Annotated

import typer

from authz.directory import principal_id
from authz.errors import ResourceError
from authz.resource import TenantId
from authz.schema import TENANT, plain_attributes
from retrieval.audit import Json
from service.commands.operator import Operator, operator
from service.commands.terminal import console, told

Tenant = Annotated[str, typer.Option(help="Its tenant.")]


def group(
    name: Annotated[str, typer.Argument(help="The group, by its name in the tenant.")],
    tenant: Tenant,
    parent: Annotated[list[str], typer.Option("--in", help="A group that it is in; again for each.")] = [],  # noqa: B006 - typer copies it
) -> None:
    """Declare a group, or say anew in which groups it is."""
    with told():
        on = operator()
        known = _tenant(on, tenant)
        above = on.admin.parents(known, name)
        before = None if above is None else sorted(each.partition("/")[2] for each in above)
        with on.changing(known, "group", {"group": name, "before": _text(before), "after": _text(sorted(parent))}):
            epoch = on.admin.put_group(known, name, parent)
    console.print(f"{tenant}/{name} is declared; directory epoch {epoch}")


def enrol(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="The handle that operators call them by.")],
    tenant: Tenant,
    subject: Annotated[str, typer.Option(help="The `sub` of their access tokens.")],
    attributes: Annotated[str, typer.Option(help="As JSON, by schema.json; the tenant is added.")],
    issuer: Annotated[str, typer.Option(help="The `iss`; the settings' only issuer if it is left out.")] = "",
    group: Annotated[list[str], typer.Option(help="A group that they are put in; again for each.")] = [],  # noqa: B006 - typer copies it
) -> None:
    """Write a person into the directory: with these attributes, in these groups and no others."""
    with told():
        on = operator()
        known, spoken = _tenant(on, tenant), _issuer(on, issuer)
        plain = _attributes(attributes)
        after = _text({"attributes": plain, "groups": sorted(group)})
        what: dict[str, Json] = {"person": principal_id(known, spoken, subject), "after": after}
        with on.changing(known, "enrol", {**what, "before": _text(_held(on, known, person))}):
            epoch = on.admin.put_person(known, spoken, subject, person, plain, group)
    console.print(f"{person} is enrolled in {tenant}; directory epoch {epoch}")


def _held(on: Operator, tenant: TenantId, handle: str) -> dict[str, object] | None:
    """Return what the person called so holds already, None if nobody is."""
    found = next((each for each in on.admin.people(tenant) if each.handle == handle), None)
    if found is None:
        return None
    plain = plain_attributes(on.policies.attributes.principal, found.attributes)
    own = {name: value for name, value in plain.items() if name != TENANT}
    return {"attributes": own, "groups": sorted(each.partition("/")[2] for each in found.groups)}


def _text(what: object) -> str | None:
    return None if what is None else json.dumps(what, sort_keys=True)


def _tenant(on: Operator, name: str) -> TenantId:
    for each in on.policies.tenants:
        if each == name:
            return each
    message = f'no tenant is called "{name}"; tenants.json declares {", ".join(on.policies.tenants)}'
    raise ResourceError(message)


def _issuer(on: Operator, named: str) -> str:
    """Return an issuer that the settings name. Raises `ResourceError`: nobody else's tokens are believed."""
    known = [each.issuer for each in on.settings.issuers]
    if named in known:
        return named
    if not named and len(known) == 1:
        return known[0]
    message = f"say which --issuer: {', '.join(known)}"
    raise ResourceError(message)


def _attributes(text: str) -> dict[str, object]:
    try:
        plain = json.loads(text)
    except ValueError:
        plain = None
    if not isinstance(plain, dict):
        message = (
            '--attributes is a JSON object, like \'{"clearance": 1, "compartments": [], "employment": "employee"}\''
        )
        raise ResourceError(message)
    return plain
