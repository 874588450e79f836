"""`antechamber policy diff`: who would gain or lose which document, before a change of policies is rolled out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from authz.decision import Decision
from authz.directory import Entitlements
from authz.errors import PolicyError
from authz.policy_diff import BATCH, Change, Side, changes
from authz.policy_set import PolicySet, load_policies
from authz.resource import EntityId, Resource, TenantId
from service.commands.diff_summary import by_group, by_policy, members_of
from service.commands.operator import Operator, operator
from service.commands.terminal import AsJson, Exit, errors, print_json, print_line, told

_SHOWN = 3
"""Documents named of each group, unless all are asked for."""

Old = Annotated[Path, typer.Argument(help="The policies as they are.", exists=True, file_okay=False)]
New = Annotated[Path, typer.Argument(help="The policies as they would be.", exists=True, file_okay=False)]
All = Annotated[bool, typer.Option("--all", help="Name every document instead of the first few.")]


@dataclass(slots=True)
class Compared:
    """What was compared, and what came of it."""

    old: PolicySet
    new: PolicySet
    people: dict[EntityId, tuple[TenantId, str]] = field(default_factory=dict)
    """By uid: tenant and handle."""
    closures: dict[EntityId, frozenset[EntityId]] = field(default_factory=dict)
    documents: dict[TenantId, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    misfits: dict[str, list[str]] = field(default_factory=lambda: {"person": [], "document": []})
    """Who and what fits the old schema and not the new one."""


def diff(old: Old, new: New, show_all: All = False, as_json: AsJson = False) -> None:  # noqa: FBT002 - flags
    """Tell who would gain or lose which document if the policies in OLD became those in NEW.

    Decided, as the admission decides, for everybody in the directory on every active document of the registry, as both
    are now. Recorded as an operator's view of each tenant. Exit code 0: no difference; 5: there are differences.
    """
    with told():
        compared = Compared(_loaded(old), _loaded(new))
        on = operator()
        for tenant in on.policies.tenants:
            on.compared_policies(tenant, compared.old.digest, compared.new.digest)
            _compare(tenant, compared, on)
    print_json(_plain(compared)) if as_json else _print(compared, show_all=show_all)
    raise typer.Exit(Exit.DIFFERENT if compared.changes else Exit.OK)


def _loaded(directory: Path) -> PolicySet:
    try:
        return load_policies(directory)
    except PolicyError as error:
        raise PolicyError(*(f"{directory}/{each}" for each in error.complaints)) from error


def _compare(tenant: TenantId, compared: Compared, on: Operator) -> None:
    """Add to `compared` what comes of one tenant."""
    old, new = Side(compared.old, on.policies.attributes), Side(compared.new, on.policies.attributes)
    people = dict(_people(tenant, on))
    documents = [record.resource() for record in on.registry.scan(tenant) if record.status == "active"]
    compared.documents[tenant] = len(documents)
    compared.people |= {held.uid: (tenant, handle) for handle, held in people.items()}
    compared.closures |= {held.uid: held.closure.groups for held in people.values()}
    compared.misfits["person"] += [
        f"{tenant}/{name}" for name, held in people.items() if old.person(held) and not new.person(held)
    ]
    compared.misfits["document"] += [each.uid for each in documents if old.document(each) and not new.document(each)]
    for held, batch in _batches(tenant, [*people.values()], documents):
        compared.changes += changes(held, batch, old, new, on.now)


def _people(tenant: TenantId, on: Operator) -> Iterator[tuple[str, Entitlements]]:
    for person in on.admin.people(tenant):
        held = on.directory.entitlements(person.issuer, person.subject)
        if held is None:  # an issuer that may not speak for the tenant any more: nobody can come in by it
            errors.print(f"[dim]{escape(person.handle)} of {tenant} is left out: see the settings' issuers[/dim]")
        else:
            yield person.handle, held


def _batches(
    tenant: TenantId, people: Sequence[Entitlements], documents: Sequence[Resource]
) -> Iterator[tuple[Entitlements, Sequence[Resource]]]:
    """Yield each person with some documents at a time, with a bar on the terminal."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(f"{tenant}: decisions", total=len(people) * len(documents))
        for held in people:
            for start in range(0, len(documents), BATCH):
                batch = documents[start : start + BATCH]
                yield held, batch
                bar.advance(task, len(batch))


def _plain(compared: Compared) -> dict[str, object]:
    return {
        "old": compared.old.digest,
        "new": compared.new.digest,
        "documents": dict(compared.documents),
        "people": len(compared.people),
        "gained": [_plain_change(each, compared) for each in compared.changes if each.gained],
        "lost": [_plain_change(each, compared) for each in compared.changes if not each.gained],
        "misfits": dict(compared.misfits),
    }


def _plain_change(change: Change, compared: Compared) -> dict[str, object]:
    def plain(decision: Decision) -> dict[str, object]:
        return {"allowed": decision.allowed, "policies": list(decision.policies), "misfit": decision.misfit}

    tenant, handle = compared.people[change.person]
    document = _local(change.document)
    return {
        "tenant": tenant, "person": handle, "document": document, "old": plain(change.old), "new": plain(change.new)
    }  # fmt: skip


def _print(compared: Compared, *, show_all: bool) -> None:
    people, documents = len(compared.people), sum(compared.documents.values())
    sizes = f"{_counted(people, 'person')}, {_counted(documents, 'document')}"
    print_line(f"{sizes}, as directory and registry are now")
    for kind, misfits in compared.misfits.items():
        if misfits:
            print_line(
                f"[yellow]misfits[/yellow] {_counted(len(misfits), kind)}: {escape(_some(misfits, show_all=show_all))}"
            )
            print_line(
                "        Under the new schema they are refused: make its new attributes optional, or label first."
            )
    if not compared.changes:
        print_line("No difference: everybody may read what they may read now.")
    members = members_of(compared.closures)
    for verb, gained in (("gain", True), ("lose", False)):
        found = [each for each in compared.changes if each.gained == gained]
        if found:
            _print_kind(verb, found, members, compared, show_all=show_all)


def _print_kind(
    verb: str, found: list[Change], members: Mapping[str, frozenset[EntityId]], compared: Compared, *, show_all: bool
) -> None:
    people, documents = {each.person for each in found}, {each.document for each in found}
    who, what = _counted(len(people), "person"), _counted(len(documents), "document")
    print_line(f"\n[bold]{who} {_verb(verb, len(people))} {what}[/bold]: {_counted(len(found), 'change')}")
    for cause, count in by_policy(found, compared.old, compared.new):
        print_line(f"  {count:5} by {escape(cause)}")
    for each in by_group(found, members):
        names = _some(sorted(compared.people[person][1] for person in each.people), show_all=show_all)
        named = _some([_local(document) for document in each.documents], show_all=show_all)
        share = f"{len(each.people)} of {_counted(each.members, 'person')} {_verb(verb, len(each.people))}"
        print_line(f"  {escape(each.group)}: {share} {escape(named)}")
        print_line(f"  [dim]{' ' * len(each.group)}  {escape(names)}[/dim]")


def _counted(number: int, noun: str) -> str:
    plural = "people" if noun == "person" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _verb(verb: str, number: int) -> str:
    return verb if number > 1 else f"{verb}s"


def _some(names: Sequence[str], *, show_all: bool) -> str:
    shown = names if show_all else names[:_SHOWN]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" … and {more} more" if more else "")


def _local(uid: str) -> str:
    return uid.partition("/")[2]
