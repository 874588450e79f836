"""`antechamber manifest`: tools for those who write access manifests; no deployment takes part unless it is asked."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from authz.policy_set import SHIPPED, PolicySet, load_policies
from authz.resource import TenantId
from authz.schema import AttributeTypes, plain_attributes
from retrieval.ingest.manifest import NAME
from retrieval.ingest.manifest_review import Review, review
from retrieval.ingest.manifest_schema import manifest_schema
from retrieval.ingest.manifest_yaml import Complaint
from service.commands.access_words import table
from service.commands.operator import operator
from service.commands.terminal import AsJson, Exit, print_json, print_line, tell, told

app = typer.Typer(help="Tools for those who write access manifests.", no_args_is_help=True)

Policies = Annotated[
    Path | None,
    typer.Option(help="The policy directory; else the settings' or the shipped one.", exists=True, file_okay=False),
]
AskDirectory = Annotated[bool, typer.Option("--directory", help="Also look people up; needs the running deployment.")]


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help=f"A folder with its {NAME}.", exists=True, file_okay=False)],
    policies: Policies = None,
    directory: AskDirectory = False,  # noqa: FBT002 - a flag of the command line
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Read a folder's manifest exactly as ingestion does: tell all that is wrong with it, and how access is spread.

    Exit code 1: the manifest would be refused. 4: some files would be, or some entries have none.
    """
    with told():
        loaded = _load(policies)
        found = review(folder, loaded.attributes, loaded.tenants, _people if directory else None)
    types = loaded.attributes.document
    print_json(_plain(found, types)) if as_json else _print(found, types)
    trouble = found.refused or found.missing or found.strangers
    raise typer.Exit(Exit.FAILED if found.complaints else Exit.INCOMPLETE if trouble else Exit.OK)


@app.command()
def schema(policies: Policies = None) -> None:
    """Print the JSON Schema of access manifests, made from the Cedar schema and tenants.json, for editors."""
    with told():
        loaded = _load(policies)
    print_json(manifest_schema(loaded.attributes.document, loaded.tenants))


def _load(policies: Path | None) -> PolicySet:
    # Not by the settings: they demand a deployment, of which nothing is needed here.
    return load_policies(policies or Path(os.environ.get("ANTECHAMBER_POLICIES") or SHIPPED))


def _people(tenant: TenantId) -> Collection[str]:
    return operator().uids(tenant)


def _print(found: Review, types: AttributeTypes) -> None:
    for each in found.complaints:
        tell(f"{NAME}:{each.line}: {each}")
    for path, reason in found.refused.items():
        tell(f"{path}: {reason}", "refused")
    for each in (*found.missing, *found.strangers):
        tell(f"{NAME}:{each.line}: {each}", "warning", "yellow")
    if found.complaints:
        print_line(f"{len(found.complaints)} complaints: no document would be taken")
        return
    documents, entries = sum(each.documents for each in found.classes), len(found.classes)
    print_line(f"{documents:,} documents of {found.tenant}, {entries} access classes, {len(found.refused)} refused")
    for line in table(found.classes, types):
        print_line(escape(line))


def _plain(found: Review, types: AttributeTypes) -> dict[str, object]:
    return {
        "tenant": found.tenant,
        "complaints": _complaints(found.complaints),
        "refused": [{"path": path, "reason": reason} for path, reason in found.refused.items()],
        "missing": _complaints(found.missing),
        "unknown_people": _complaints(found.strangers),
        "classes": [
            {
                "documents": each.documents,
                "attributes": plain_attributes(types, each.attributes),
                "collections": sorted(each.collections),
                "example": each.example,
            }
            for each in found.classes
        ],
    }


def _complaints(found: Iterable[Complaint]) -> list[dict[str, object]]:
    return [
        {"file": NAME, "line": each.line, "path": each.entry, "wrong": each.text, "instead": each.instead}
        for each in found
    ]
