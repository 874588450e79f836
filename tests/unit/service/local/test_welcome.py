"""What stands on the terminal when the demo is ready: whom to be and what to try, readable at 80 columns."""

import shlex
from pathlib import Path

import pytest

from service.local.people import Company, read_company
from service.local.seed import COMPANY
from service.local.welcome import welcome

ROOT = Path(__file__).parents[4]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what the shipped company shows on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    return welcome(read_company(COMPANY), "secret-of-the-demo")


def test_everybody_stands_there_and_nothing_is_wider_than_the_terminal(shown: str) -> None:
    assert max(len(line) for line in shown.splitlines()) <= 80
    for person in read_company(COMPANY).people:
        assert f"\n  {person.handle:6} {person.who[:60]}" in f"\n{shown}"
    assert "Everybody's password: secret-of-the-demo" in shown


def test_it_ends_with_three_things_to_try(shown: str) -> None:
    numbers = [line.strip()[0] for line in shown.splitlines() if line.lstrip()[:2] in {"1.", "2.", "3.", "4."}]
    assert numbers == ["1", "2", "3"]


def test_commands_stand_whole_on_their_lines_and_name_what_is_there(shown: str) -> None:
    commands = [line.strip() for line in shown.splitlines() if ".venv/bin/" in line]
    assert [shlex.split(each)[1] for each in commands] == ["ask", "explain", "drop", "ask"]
    assert (ROOT / shlex.split(commands[2])[2] / "access.yaml").is_file()


def test_a_terminal_that_is_wide_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert max(len(line) for line in welcome(read_company(COMPANY), "p").splitlines()) <= 100


def test_a_company_of_nobody_with_nothing_to_try_has_its_password() -> None:
    assert welcome(Company({}, []), "p").strip() == "Everybody's password: p"
