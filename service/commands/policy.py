"""`antechamber policy`: tools for those who write policies."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from authz.errors import PolicyError
from authz.policy_set import SHIPPED, PolicySet, load_policies, write_manifest
from authz.review import Finding, review
from service.commands.policy_diff import diff
from service.commands.terminal import AsJson, Exit, console, print_json, print_line, tell

app = typer.Typer(help="Tools for those who write policies.", no_args_is_help=True)
app.command()(diff)

Directory = Annotated[Path, typer.Argument(help="The policy directory.", exists=True, file_okay=False)]
Strict = Annotated[bool, typer.Option("--strict", help="Let a warning fail too.")]


@app.command()
def check(directory: Directory = SHIPPED, strict: Strict = False, as_json: AsJson = False) -> None:  # noqa: FBT002
    """Load a policy directory exactly as the application does: list its policies, or everything that stops it.

    Warns of what is proven to be said in vain: policies that no request can match, permits that the forbids shut.
    Exit code 1: it would be refused, or, with --strict, there are warnings.
    """
    try:
        loaded = load_policies(directory)
    except PolicyError as error:
        _refuse(error, as_json=as_json)
    findings = review(loaded)
    print_json(_plain(loaded, findings)) if as_json else _print(loaded, findings)
    raise typer.Exit(Exit.FAILED if strict and findings else Exit.OK)


@app.command()
def manifest(directory: Directory = SHIPPED) -> None:
    """Write the manifest of hashes after a change, then check the directory. Commit both together."""
    console.print(f"wrote {escape(str(write_manifest(directory)))}", soft_wrap=True)
    check(directory)


def _refuse(error: PolicyError, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json({"loads": False, "errors": list(error.complaints)})
    else:
        for each in error.complaints:
            tell(each)
    raise typer.Exit(Exit.FAILED)


def _plain(loaded: PolicySet, findings: list[Finding]) -> dict[str, object]:
    policies = [
        {"policy": each.id, "effect": each.effect, "reason": each.reason, "place": each.place}
        for each in loaded.policies.values()
    ]
    warnings = [{"policy": each.policy.id, "place": each.policy.place, "warning": each.text} for each in findings]
    return {"loads": True, "digest": loaded.digest, "policies": policies, "warnings": warnings}


def _print(loaded: PolicySet, findings: list[Finding]) -> None:
    for policy in loaded.policies.values():
        named = f"[bold]{escape(policy.id)}[/bold]: {escape(policy.reason)}"
        print_line(f"{escape(policy.place):28} {policy.effect:6} {named}")
    print_line(f"\n{len(loaded.policies)} policies, {len(findings)} warnings, digest {loaded.digest}")
    for each in findings:
        tell(f'{each.policy.place}: policy "{each.policy.id}": {each.text}', "warning", "yellow")
