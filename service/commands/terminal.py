"""What every command shares with the person at the terminal: the running demo's settings, errors, exit codes."""

import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape

from authz.errors import AuthzError
from retrieval.errors import RetrievalError
from service.errors import ServiceError
from service.settings import Settings, wrong

DEMO = Path(".local/demo.env")
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Person = Annotated[str, typer.Option("--as", metavar="HANDLE", help="A person of the demo company, such as ana.")]


class Exit(IntEnum):
    """How a command ends. 2 is a wrong use of it, as everywhere."""

    OK = 0
    FAILED = 1
    NOTHING = 3
    """It worked, and there is nothing: nothing found, nothing allowed."""
    INCOMPLETE = 4
    """Some of it worked: see the summary."""
    DIFFERENT = 5
    """It worked, and what was compared is not the same."""


def fail(message: str) -> NoReturn:
    """Print what went wrong, with its mend, and end."""
    tell(message)
    raise typer.Exit(Exit.FAILED)


def tell(message: str, kind: str = "error", colour: str = "red") -> None:
    """Print `message` as it is, whatever brackets it holds."""
    errors.print(f"[{colour}]{kind}:[/{colour}] {escape(_shown(message))}", soft_wrap=True)


@contextmanager
def told() -> Iterator[None]:
    """Tell an expected error in one line instead of a traceback."""
    try:
        yield
    except (AuthzError, RetrievalError, ServiceError) as error:
        fail(f"{error} ({type(error).__name__}){_hint(error)}")


def _hint(error: Exception) -> str:
    """Return what is most often the matter where a demo is used: its settings outlive it when it is killed."""
    gone = "Unavailable" in type(error).__name__ and "ANTECHAMBER_DEMO_CLIENT" in os.environ
    return "; is `make demo` still running?" if gone else ""


def load_environment(path: Path = DEMO) -> None:
    """Take from the running demo's file what the environment does not say itself."""
    if not path.is_file() or path.stat().st_uid != os.geteuid():
        return
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and name.startswith("ANTECHAMBER_"):
            os.environ.setdefault(name, value)
    if "ANTECHAMBER_DEMO_CLIENT" in os.environ:
        from service.local.loopback import spare_loopback  # noqa: PLC0415 - a deployment does not have it

        spare_loopback()


def settings() -> Settings:
    """Return the settings, or end and say what is missing."""
    try:
        return Settings()  # type: ignore[call-arg]  # from the environment
    except (ValidationError, SettingsError) as error:
        fail(
            f"no demo runs here, and the settings are not whole: {wrong(error)}; start `make demo`, or see .env.example"
        )


def demo_variable(name: str) -> str:
    """Return what only the running demo knows, or end."""
    value = os.environ.get(name)
    if not value:
        fail("this needs the running demo: start `make demo` in another terminal, in this folder")
    return value


def print_line(line: str) -> None:
    """Print `line` in rich's markup, never broken: the terminal, or a pipe's reader, breaks it as it likes."""
    console.print(_shown(line), soft_wrap=True)


def _shown(text: str) -> str:
    """Return `text` without what a terminal obeys: names of files and keys are strangers' words."""
    return "".join(each for each in text if each == "\n" or unicodedata.category(each) != "Cc")


def print_json(value: object) -> None:
    """Print `value` as JSON, one document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
