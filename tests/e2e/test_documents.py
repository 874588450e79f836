"""README.md and the pages in docs, as somebody follows them: every command pasted, every line of output compared.

docs/fork.md changes files, and has `test_fork.py` of its own.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.demo import ROOT, kept_vectors, running_demo
from tests.support.documents import Terminal, consoles, fits, stand_in, terminal, timeless

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (shutil.which("bash") and shutil.which("curl")), reason="there is no bash or no curl on this machine"
    ),
]

FOLLOWED = ["README.md", "docs/documents.md", "docs/manifests.md"]
"""In this order, in one demo: what the first says of epochs and records is of a demo that has just begun."""
REVIEW = (ROOT / "docs/review.md").read_text()
PREPARED, *ATTACKS = re.split(r"^### ", REVIEW, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Return a terminal in which the reviewer has done what comes before the first attack."""
    with demo_in(tmp_path_factory.mktemp("reviewed")) as reviewer:
        for command, said in consoles(PREPARED):
            reviewer.check(command, said)
        yield reviewer


@contextmanager
def demo_in(folder: Path) -> Iterator[Terminal]:
    """Run the demo in `folder`, which looks like the repository, and open a terminal there."""
    stand_in(folder)
    with kept_vectors(folder, "demo"), running_demo(folder) as demo, terminal(folder, demo.port) as opened:
        yield opened


def test_followed_pages_do_what_they_say(tmp_path: Path) -> None:
    with demo_in(tmp_path) as reader:
        for page in FOLLOWED:
            for command, said in consoles((ROOT / page).read_text()):
                reader.check(command, said)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.partition("\n")[0])
def test_attack_of_the_review_ends_as_it_says(prepared: Terminal, attack: str) -> None:
    commands = list(consoles(attack))
    assert any(said for _, said in commands)
    for command, said in commands:
        prepared.check(command, said)


def test_there_are_ten_attacks() -> None:
    assert [attack.partition(".")[0] for attack in ATTACKS] == [str(number) for number in range(1, 11)]


# What follows the pages must itself be able to fail.


def test_terminal_keeps_what_was_set_and_tells_what_differs(tmp_path: Path) -> None:
    with terminal(tmp_path, 1234) as reader:
        reader.check("X=$(echo kept) Y='two  words'", "")
        reader.check('printf "%s\\n" "$X" "$Y" \\\n  127.0.0.1:8080', "kept\ntwo  words\n127.0.0.1:1234\n")
        with pytest.raises(AssertionError, match="is said to print"):
            reader.check("echo one", "two\n")
        reader.check("false", "")
        with pytest.raises(AssertionError, match="the shell ended"):
            reader.check("exit 3", "")


def test_instants_do_not_differ_and_everything_else_does() -> None:
    said = "2026-11-23T14:41:21.539Z  answer\n"
    assert fits(timeless("2027-01-01T00:00:00.123Z  answer\n\n"), timeless(said))
    assert not fits(timeless("2027-01-01T00:00:00.123Z  search\n"), timeless(said))
    assert not fits(timeless(""), timeless(said))
