"""docs/fork.md, as somebody follows it: every edit applied, every command run, every line of output compared."""

import re
import shlex
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.demo import ROOT, clean_environment, kept_vectors, running_demo
from tests.support.documents import Block, blocks, fits, stand_in

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]

PAGE = ROOT / "docs/fork.md"
_CODES = {"I found nothing": 3, " may not read ": 3, " lose": 5}
"""How a command ends that prints these words; any other ends with 0."""


def applied(text: str, diff: str) -> str:
    """Return `text` with every hunk of `diff` applied; what a hunk begins from must stand there exactly once."""
    for hunk in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        assert all(line[0] in " +-" for line in lines), hunk
        before = "".join(line[1:] for line in lines if line[0] != "+")
        after = "".join(line[1:] for line in lines if line[0] != "-")
        assert text.count(before) == 1, f"stands {text.count(before)} times:\n{before}"
        text = text.replace(before, after)
    return text


@dataclass
class Reader:
    """Somebody who follows the page, in a folder that looks like the repository."""

    folder: Path
    running: ExitStack
    ran: list[str] = field(default_factory=list)

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        file = self.folder / block.file
        if block.language == "console":
            for command, said in block.commands():
                self.ran.append(command)
                printed = self._demo(command) if " demo " in command else self._command(command)
                assert fits(printed, said), f"$ {command}\n{printed}\n--- is said to print ---\n{said}"
        elif block.language == "diff":
            file.write_text(applied(file.read_text(), block.text))
        else:
            assert block.file, block
            assert not file.exists(), file
            file.write_text(block.text)

    def _command(self, command: str) -> str:
        ended = subprocess.run(  # noqa: S603 - the page's own commands
            shlex.split(command), cwd=self.folder, env=clean_environment(), capture_output=True, text=True, check=False
        )
        code = next((code for words, code in _CODES.items() if words in ended.stdout), 0)
        assert ended.returncode == code, f"$ {command}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def _demo(self, command: str) -> str:
        options = shlex.split(command.partition(" demo ")[2])
        named = {name: self.folder / value for name, value in zip(options[::2], options[1::2], strict=True)}
        assert named.keys() == {"--policies", "--company"}
        self.running.close()
        demo = self.running.enter_context(
            running_demo(self.folder, company=named["--company"], policies=named["--policies"])
        )
        return demo.log.partition("• ready after")[0] + "• ready after …\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with what the page takes from the repository, and its commands."""
    stand_in(tmp_path)
    return tmp_path


def test_the_page_does_what_it_says(folder: Path) -> None:
    with kept_vectors(folder, "demo"), ExitStack() as running:
        reader = Reader(folder, running)
        for block in blocks(PAGE.read_text()):
            reader.follow(block)
    assert sum(" policy diff " in each for each in reader.ran) == 2
    assert sum(" demo " in each for each in reader.ran) == 2
    assert len(reader.ran) > 10


# What reads the page must itself be able to fail.


def test_a_hunk_that_does_not_fit_is_no_edit() -> None:
    assert applied("a\nb\nc\n", " a\n-b\n+B\n@@\n c\n+d\n") == "a\nB\nc\nd\n"
    for text, diff in (("a\nb\n", "-c\n+d\n"), ("a\na\n", "-a\n+b\n"), ("a\n", "a\n")):
        with pytest.raises(AssertionError):
            applied(text, diff)


def test_output_that_differs_does_not_fit() -> None:
    assert fits("one\ntwo 2\nthree\n\n", "one\ntwo …\nthree\n")
    assert fits("one\ntwo\nthree\n", "…\nthree\n")
    for printed in ("one\ntwo 2\n", "one\nzwei\nthree\n", "one\ntwo 2\nthree\nfour\n", ""):
        assert not fits(printed, "one\ntwo …\nthree\n")
    assert not fits("something\n", "")


def test_blocks_are_read_with_language_file_and_commands() -> None:
    found = blocks("```console\n$ a b\nout\n$ c\n```\n\n```diff x/y.json\n-a\n```\n")
    assert [(each.language, each.file) for each in found] == [("console", ""), ("diff", "x/y.json")]
    assert list(found[0].commands()) == [("a b", "out\n"), ("c", "")]
