"""`antechamber explain`: why a person may find what they find, or may or may not read one document. An operator's view."""

from typing import Annotated

import typer
from rich.markup import escape

from authz.compiler import Compiler
from authz.condition import to_plain
from authz.decision import Decision, decide
from authz.directory import Entitlements
from authz.engine import Residual
from authz.policy_set import PolicySet
from authz.resource import entity_id
from authz.schema import plain_attributes
from authz.scope import condition_for, residuals_for
from retrieval.document import DocumentRecord
from retrieval.opensearch_filter import opensearch_filter
from retrieval.sqlite_filter import sql_filter
from service.commands.operator import Operator, operator
from service.commands.terminal import AsJson, Exit, Person, console, fail, print_json, told


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


def _scope(held: Entitlements, on: Operator) -> dict[str, object]:
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


def _document(record: DocumentRecord, decision: Decision, policies: PolicySet) -> dict[str, object]:
    return {
        "document": record.document,
        "version": record.version,
        "revision": record.revision,
        "attributes": plain_attributes(policies.attributes.document, record.attributes),
        "collections": sorted(record.collections),
        "allowed": decision.allowed,
        "policies": [{"id": each, "reason": policies.policies[each].reason} for each in decision.policies],
    }


def _print_scope(shown: dict[str, object], policies: PolicySet) -> None:
    console.print(
        f"[bold]principal[/bold]   {shown['principal']}  (tenant {shown['tenant']}, directory epoch {shown['epoch']})"
    )
    console.print(f"[bold]attributes[/bold]  {shown['attributes']}", markup=True)
    console.print(f"[bold]groups[/bold]      {shown['groups']}")
    console.print(f"[bold]policies[/bold]    {policies.digest}\n")
    console.print("[bold]residual[/bold]: what each policy still asks of a document, this person being known")
    residuals = shown["residual"]
    for each in residuals if isinstance(residuals, list) else []:
        colour = "green" if each["effect"] == "permit" else "red"
        console.print(f"  [{colour}]{each['effect']:6}[/{colour}] {each['policy']}: {escape(each['reason'])}")
        console.print(f"         [dim]{escape(str(each['leaves']))}[/dim]", soft_wrap=True)
    for name in ("condition", "sqlite", "opensearch"):
        console.print(f"\n[bold]{name}[/bold]")
        console.print_json(data=shown[name])


def _print_document(shown: dict[str, object], person: str, decision: Decision, policies: PolicySet) -> None:
    verdict = "[green]may read[/green]" if decision.allowed else "[red]may not read[/red]"
    console.print(f"{escape(person)} {verdict} {escape(str(shown['document']))}, revision {shown['revision']}")
    for id_ in decision.policies:
        policy = policies.policies[id_]
        console.print(f"  {policy.effect} [bold]{id_}[/bold] ({policy.place}): {escape(policy.reason)}")
    if not decision.policies:
        console.print("  No policy permits it, and what no policy permits is denied.")
    console.print(f"  [dim]{escape(str(shown['attributes']))} in {shown['collections']}[/dim]", soft_wrap=True)
