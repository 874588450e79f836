"""`antechamber directory`: who is in which group. A change holds from the moment that the command returns."""

import json
from typing import Annotated

import typer
from rich.markup import escape

from authz.enrolment import Person
from authz.resource import entity_id, tenant_of
from authz.schema import TENANT, plain_attributes
from service.commands.operator import operator
from service.commands.terminal import AsJson, Exit, console, print_json, print_line, tell, told

app = typer.Typer(help="Who is in which group; the next request already knows.", no_args_is_help=True)

Handle = Annotated[str, typer.Argument(metavar="PERSON", help="A person's handle, such as ana.")]
Group = Annotated[str, typer.Argument(help="A group of that person's tenant.")]


@app.command()
def grant(person: Handle, group: Group) -> None:
    """Put a person into a group."""
    _change(person, group, granted=True)


@app.command()
def revoke(person: Handle, group: Group) -> None:
    """Take a person out of a group. Exit code 3: they were not put into it."""
    _change(person, group, granted=False)


@app.command()
def people(as_json: AsJson = False) -> None:  # noqa: FBT002 - a flag of the command line
    """List everybody: tenant, handle, direct groups, attributes."""
    with told():
        on = operator()
        for tenant in on.policies.tenants:
            on.listed_people(tenant)
        found = [(tenant, each) for tenant in on.policies.tenants for each in on.admin.people(tenant)]
    if as_json:
        print_json([{"tenant": tenant, "handle": each.handle, "groups": sorted(each.groups)} for tenant, each in found])
        return
    types = on.policies.attributes.principal
    for tenant, each in found:
        held = {name: value for name, value in plain_attributes(types, each.attributes).items() if name != TENANT}
        print_line(f"{tenant:8} [bold]{each.handle:12}[/bold] {_names(each)}  [dim]{escape(json.dumps(held))}[/dim]")


def _change(handle: str, group: str, *, granted: bool) -> None:
    with told():
        on = operator()
        person = on.person(handle)
        tenant = tenant_of(person.uid)
        with on.changing(tenant, "grant" if granted else "revoke", {"person": person.uid, "group": group}):
            epoch = on.admin.grant(tenant, handle, group) if granted else on.admin.revoke(tenant, handle, group)
    if not granted and entity_id(tenant, group) not in person.groups:
        # It was done all the same: a revocation that broke off is completed by repeating it.
        tell(f"{handle} was not put into {tenant}/{group}; in {_names(person)}", "note", "yellow")
        raise typer.Exit(Exit.NOTHING)
    console.print(f"{handle} is {'now' if granted else 'no longer'} in {tenant}/{group}; directory epoch {epoch}")


def _names(person: Person) -> str:
    return ", ".join(name.partition("/")[2] for name in sorted(person.groups)) or "no group"
