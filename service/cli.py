"""The command line: `antechamber …`. Every command has --help, and the exit codes of `Exit`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from service.commands import (
    audit,
    directory,
    documents,
    drop,
    enrol,
    explain,
    index,
    index_grant,
    manifest,
    people,
    policy,
    relabel,
    smoke,
    status,
    worker,
)
from service.commands.terminal import DEMO, load_environment

app = typer.Typer(
    name="antechamber",
    help="Cited answers from what the caller may read. Exit: 0 done, 1 failed, 2 misused, 3 none, 4 partly, 5 differs.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a local may hold a token or a document's text
    add_completion=False,
)


@app.callback()
def root(
    context: typer.Context,
    environment: Annotated[
        Path, typer.Option("--env", help="Settings of a running demo, below those of the environment.")
    ] = DEMO,
) -> None:
    """Take the settings from the environment, and from the demo that runs in this folder."""
    if context.invoked_subcommand not in {"serve", "demo"}:
        load_environment(environment)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def demo(context: typer.Context) -> None:
    """Run the application with its local cloud and the demo company (what `make demo` does)."""
    os.execv(sys.executable, [sys.executable, "-m", "service.local.demo", *context.args])  # noqa: S606 - our own module


@app.command()
def serve() -> None:
    """Run the web process from the settings in the environment (see .env.example)."""
    os.execv(sys.executable, [sys.executable, "-m", "service.main"])  # noqa: S606 - our own module


app.command()(people.token)
app.command()(people.ask)
app.command()(explain.explain)
app.command()(documents.ingest)
app.command()(relabel.relabel)
app.command()(documents.delete)
app.command()(drop.drop)
app.command()(worker.worker)
app.command()(smoke.smoke)
app.command()(status.status)
directory.app.command()(enrol.group)
directory.app.command()(enrol.enrol)
index.app.command()(index_grant.grant)
app.add_typer(directory.app, name="directory")
app.add_typer(audit.app, name="audit")
app.add_typer(index.app, name="index")
app.add_typer(policy.app, name="policy")
app.add_typer(manifest.app, name="manifest")


def main() -> None:
    """Run the command that the arguments name."""
    app()


if __name__ == "__main__":
    main()
