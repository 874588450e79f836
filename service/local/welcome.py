"""From a company that was loaded to what its visitor reads first: where, as whom, and what to try."""

import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

from service.local.people import Company

_WIDEST = 100
"""Columns at most, however wide the terminal is."""
_PROGRAM = "antechamber"


def welcome(company: Company, password: str) -> str:
    """Return the people of `company`, their `password` and the steps to try, as wide as the terminal."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    return "\n".join([*_people(company, width), "", f"Everybody's password: {password}", *_steps(company, width)])


def _people(company: Company, width: int) -> Iterator[str]:
    margin = max((len(each.handle) for each in company.people), default=0) + 4
    for each in company.people:
        yield _wrapped(each.who, width, f"  {each.handle:<{margin - 2}}", " " * margin)
        yield from [_wrapped(each.instructive, width, " " * margin, " " * margin)] if each.instructive else ()


def _steps(company: Company, width: int) -> Iterator[str]:
    if company.steps:
        yield "\nTo try; the commands in a second terminal, in this folder:"
    for number, step in enumerate(company.steps, start=1):
        yield _wrapped(step.say, width, f"\n{number}. ", "   ")
        yield from (f"   {_runnable(command)}" for command in step.commands)


def _wrapped(text: str, width: int, first: str, others: str) -> str:
    start, _, indent = first.rpartition("\n")
    lines = textwrap.fill(text, width, initial_indent=indent, subsequent_indent=others, break_on_hyphens=False)
    return f"{start}\n{lines}" if "\n" in first else lines


def _runnable(command: str) -> str:
    """Return `command` with the place of our own program, as `make demo` installs it."""
    return f"{Path('.venv/bin')}/{command}" if command.startswith(_PROGRAM) else command
