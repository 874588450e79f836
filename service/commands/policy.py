"""`antechamber policy`: tools for those who write policies."""

from pathlib import Path
from typing import Annotated

import typer

from authz.policy_set import SHIPPED, load_policies, write_manifest
from service.commands.terminal import console, told

app = typer.Typer(help="Tools for those who write policies.", no_args_is_help=True)

Directory = Annotated[Path, typer.Argument(help="The policy directory.", exists=True, file_okay=False)]


@app.command()
def check(directory: Directory = SHIPPED) -> None:
    """Load a policy directory exactly as the application does, and list its policies; tell what stops it."""
    with told():
        loaded = load_policies(directory)
    for policy in loaded.policies.values():
        console.print(f"{policy.place:28} {policy.effect:6} [bold]{policy.id}[/bold]: {policy.reason}", soft_wrap=True)
    console.print(f"\n{len(loaded.policies)} policies, digest {loaded.digest}")


@app.command()
def manifest(directory: Directory = SHIPPED) -> None:
    """Write the manifest of hashes after a change, then check the directory. Commit both together."""
    console.print(f"wrote {write_manifest(directory)}")
    check(directory)
