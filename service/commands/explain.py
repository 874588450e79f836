"""`antechamber explain`: why a person finds what they find, or may not read one document. An operator's view."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape

from authz.compiler import Compiler
from authz.condition import to_plain
from authz.decision import Decision, decide
from authz.directory import Entitlements
from authz.engine import Residual
from authz.policy_set import PolicySet
from authz.resource import entity_id
from authz.schema import TENANT, plain_attributes
from authz.scope import condition_for, residuals_for
from retrieval.document import DocumentRecord
from retrieval.opensearch_filter import opensearch_filter
from retrieval.sqlite_filter import sql_filter
from service.commands.operator import Operator, operator
from service.commands.terminal import AsJson, Exit, Person, fail, print_json, print_line, told


def explain(
    person: Person,
    document: Annotated[
        str | None, typer.Option("--document", metavar="DOC", help="Why this document, or why not.")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Show what a person holds, what the policies leave of it, and the filters; or why one document is open or shut.

    Every use is recorded as an operator's view. Exit code 3: the document is not open to this person.
    """
    with told():
        on = operator()
        held = on.entitlements(person)
        if document is None:
            shown = _scope(held, on)
            on.viewed(held, None)
            print_json(shown) if as_json else _print_scope(shown, on.policies)
            return
        record = on.registry.record(entity_id(held.tenant, document))
        on.viewed(held, record)
    if record is None or record.status != "active":
        fail(f"the registry of {held.tenant} holds no active document {document}")
    decision = decide(held, "read", [record.resource()], on.policies, on.now)[0]
    shown = _document(record, decision, on.policies)
    print_json(shown) if as_json else _print_document(shown, person, decision, on.policies)
    raise typer.Exit(Exit.OK if decision.allowed else Exit.NOTHING)


def _scope(held: Entitlements, on: Operator) -> dict[str, Any]:
    condition = condition_for(held, on.policies, on.now)
    types = on.policies.attributes.document
    sql = sql_filter(condition, types)
    return {
        "tenant": held.tenant,
        "principal": held.uid,
        "attributes": plain_attributes(on.policies.attributes.principal, held.attributes),
        "groups": sorted(held.closure.groups),
        "epoch": str(held.epoch),
        "policies": on.policies.digest,
        "residual": [_residual(each, held, on.policies) for each in residuals_for(held, on.policies, on.now)],
        "condition": to_plain(condition),
        "sqlite": {"sql": sql.sql, "parameters": list(sql.parameters)},
        "opensearch": opensearch_filter(condition, types),
    }


def _residual(residual: Residual, held: Entitlements, policies: PolicySet) -> dict[str, object]:
    compiler = Compiler(policies.attributes, held.uid, held.closure.groups)
    return {
        "policy": residual.id,
        "effect": residual.effect,
        "reason": policies.policies[residual.id].reason,
        "leaves": to_plain(compiler.compile(residual.body)),
    }


def _document(record: DocumentRecord, decision: Decision, policies: PolicySet) -> dict[str, Any]:
    return {
        "document": record.document,
        "version": record.version,
        "revision": record.revision,
        "attributes": plain_attributes(policies.attributes.document, record.attributes),
        "collections": sorted(record.collections),
        "allowed": decision.allowed,
        "policies": [{"id": each, "reason": policies.policies[each].reason} for each in decision.policies],
    }


def _print_scope(shown: Mapping[str, Any], policies: PolicySet) -> None:
    print_line(f"[bold]principal[/bold]   {shown['principal']} (tenant {shown['tenant']}, epoch {shown['epoch']})")
    held = ", ".join(f"{name} {value}" for name, value in shown["attributes"].items() if name != TENANT)
    print_line(f"[bold]holds[/bold]       {escape(held)}")
    print_line(f"[bold]groups[/bold]      {escape(', '.join(shown['groups']) or 'none')}")
    print_line(f"[bold]policies[/bold]    {policies.digest}\n")
    print_line("[bold]residual[/bold]: what each policy still asks of a document, this person being known")
    for each in shown["residual"]:
        if each["leaves"] != "never":
            colour = "green" if each["effect"] == "permit" else "red"
            print_line(f"  [{colour}]{each['effect']:6}[/{colour}] {each['policy']}: {escape(each['reason'])}")
            print_line(f"         [dim]{escape(json.dumps(each['leaves']))}[/dim]")
    silent = [each["policy"] for each in shown["residual"] if each["leaves"] == "never"]
    print_line(f"  [dim]nothing left of {', '.join(silent) or 'none'}[/dim]")
    for name in ("condition", "sqlite", "opensearch"):
        print_line(f"\n[bold]{name}[/bold]")
        print_json(shown[name])


def _print_document(shown: Mapping[str, Any], person: str, decision: Decision, policies: PolicySet) -> None:
    verdict = "[green]may read[/green]" if decision.allowed else "[red]may not read[/red]"
    print_line(f"{escape(person)} {verdict} {escape(str(shown['document']))}, revision {shown['revision']}")
    for id_ in decision.policies:
        policy = policies.policies[id_]
        print_line(f"  {policy.effect} [bold]{id_}[/bold] ({policy.place}): {escape(policy.reason)}")
    if not decision.policies:
        print_line("  No policy permits it, and what no policy permits is denied.")
    print_line(f"  [dim]{escape(json.dumps(shown['attributes']))} in {escape(', '.join(shown['collections']))}[/dim]")
