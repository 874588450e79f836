"""`antechamber smoke`: a deployment looked at from outside, by whoever can reach it."""

from typing import Annotated

import httpx2
import typer
from rich.table import Table

from service.commands.smoke_checks import CHECKS, FailedError, Site
from service.commands.terminal import AsJson, Exit, console, fail, print_json


def smoke(
    url: Annotated[str, typer.Argument(help="Of the deployment, like https://antechamber.example.com.")],
    token_a: Annotated[str, typer.Option(envvar="SMOKE_TOKEN_A", help="Of somebody who may read the document.")] = "",
    token_b: Annotated[str, typer.Option(envvar="SMOKE_TOKEN_B", help="Of somebody who may not.")] = "",
    document: Annotated[str, typer.Option(help="An id that A may read and B may not.")] = "",
    question: Annotated[str, typer.Option(help="What A asks.")] = "What do the documents say?",
    ca: Annotated[str, typer.Option(help="PEM of the certificate's authority, if it is your own.")] = "",
    name: Annotated[str, typer.Option(help="The certificate's name, while no name leads to the address yet.")] = "",
    exhaust: Annotated[bool, typer.Option("--exhaust", help="Also ask until A is told to wait.")] = False,  # noqa: FBT002 - a flag of the command line
    as_json: AsJson = False,  # noqa: FBT002 - likewise
) -> None:
    """Check a deployment from outside: TLS, tokens, routing, limits, streaming, and that B does not get what A gets.

    Without tokens only what strangers see is checked. Tokens are better given by the environment than on the command
    line, which others on this machine can read. Exit code 1: a check failed.
    """
    try:
        site = Site.at(url, token_a, token_b, document, question, ca, name, exhaust=exhaust)
    except (OSError, ValueError) as error:
        fail(f"{url} is no address to look at, or {ca or 'the bundle'} no certificates ({type(error).__name__})")
    found = [(check.__doc__ or "", *_ended(check, site)) for check in CHECKS]
    if as_json:
        print_json([{"check": what, "verdict": verdict, "detail": detail} for what, verdict, detail in found])
    else:
        _print(found)
    raise typer.Exit(Exit.FAILED if any(verdict == "failed" for _, verdict, _ in found) else Exit.OK)


def _ended(check: object, site: Site) -> tuple[str, str]:
    try:
        detail = check(site)  # type: ignore[operator]  # each of CHECKS
    except FailedError as failed:
        return "failed", str(failed)
    except httpx2.HTTPError as error:
        return "failed", f"no answer: {type(error).__name__}"
    except (KeyError, TypeError, ValueError, OSError) as error:
        return "failed", f"an answer that is none of ours: {type(error).__name__}"
    return ("left out", "needs https, a token, a document or --exhaust") if detail is None else ("passed", detail)


def _print(found: list[tuple[str, str, str]]) -> None:
    table = Table("check", "", "")
    colours = {"passed": "green", "failed": "red", "left out": "yellow"}
    for what, verdict, detail in found:
        table.add_row(what, f"[{colours[verdict]}]{verdict}[/]", detail)
    console.print(table)
    left = sum(1 for _, verdict, _ in found if verdict == "left out")
    failed = sum(1 for _, verdict, _ in found if verdict == "failed")
    console.print(f"{len(found) - left - failed} passed, {failed} failed, {left} left out")
