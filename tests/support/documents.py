"""From a page of the documentation to its commands, and to what they print in somebody's terminal."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.support.demo import ROOT, clean_environment

ADDRESS = "127.0.0.1:8080"
"""Where the pages say that the demo is."""
_BLOCK = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ELLIPSIS = "…"
_END = "\x1e"
"""What the shell says after each command, and no command does."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page: its language, the file that it is about, its text."""

    language: str
    file: str
    text: str

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield each command with what it is said to print; a line that ends in a backslash goes on."""
        parts = _COMMAND.split(self.text)[1:]
        yield from zip(parts[::2], parts[1::2], strict=True)


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [Block(*found) for found in _BLOCK.findall(text)]


def consoles(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command that a page shows at a prompt, with what it is said to print."""
    for block in blocks(text):
        if block.language == "console":
            yield from block.commands()


def fits(output: str, said: str) -> bool:
    """Return whether `output` is what is `said`: … stands for the rest of a line, alone for any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == f"{_ELLIPSIS}\n" else re.escape(line).replace(_ELLIPSIS, ".*")
        for line in said.splitlines(keepends=True)
    )
    return re.fullmatch(rf"{pattern}\n*", output) is not None


def timeless(text: str) -> str:
    """Return `text` with every instant as one, since another run has others, and without blanks at its lines' ends."""
    lines = [f"{line.rstrip()}\n" for line in _INSTANT.sub("2026-01-01T00:00:00.000Z", text).splitlines()]
    return "".join(lines).rstrip("\n") + "\n" * any(line.strip() for line in lines)


def stand_in(folder: Path) -> None:
    """Make `folder` look like the repository to whoever follows a page in it, commands included."""
    for name in ("authz", "retrieval", "service", "tests", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    commands = folder / ".venv/bin"
    commands.mkdir(parents=True)
    for name, module in (("antechamber", "service.cli"), ("pytest", "pytest")):
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {module} "$@"\n')
        script.chmod(0o755)


@dataclass(frozen=True, slots=True)
class Terminal:
    """A shell in which somebody pastes one command after the other; variables and functions stay."""

    port: int
    given: IO[str]
    printed: IO[str]

    def run(self, command: str) -> str:
        """Return what `command` prints, without what it says of errors."""
        pasted = command.replace(ADDRESS, f"127.0.0.1:{self.port}")
        self.given.write(f"{{ {pasted}\n}} < /dev/null\nprintf '\\036'\n")
        self.given.flush()
        said = ""
        while not said.endswith(_END):
            more = self.printed.read(1)
            assert more, f"the shell ended at: {command}"
            said += more
        return said.removesuffix(_END)

    def check(self, command: str, said: str) -> None:
        """Run `command`. Raises `AssertionError` unless it prints what is `said`."""
        printed = self.run(command)
        assert fits(timeless(printed), timeless(said)), f"$ {command}\n{printed}\n--- is said to print ---\n{said}"


@contextmanager
def terminal(folder: Path, port: int) -> Iterator[Terminal]:
    """Open a terminal in `folder`, for a demo at `port` of loopback."""
    environment = clean_environment()
    with subprocess.Popen(
        ["bash", "--norc"],  # noqa: S607 - the one that a reader has
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        try:
            yield Terminal(port, shell.stdin, shell.stdout)
        finally:
            shell.stdin.close()
            shell.wait(30)
