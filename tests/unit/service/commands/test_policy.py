"""`antechamber policy check`: everything that stops a directory, and what is said in vain."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.commands.terminal import Exit
from tests.support.doors import write_policies
from tests.support.worlds import WALL

READ = 'permit (principal, action == Action::"read", resource is Document)'
VAIN = (
    f'{WALL}\n@id("vain") @reason("In [vain].")\n{READ} when {{ principal.clearance < 0 && principal.clearance > 0 }};'
)


def check(directory: Path, *options: str) -> tuple[int, str, str]:
    """Return how the command ends on `directory`, and what it prints."""
    ended = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(
        app, ["policy", "check", str(directory), *options]
    )
    return ended.exit_code, ended.stdout, ended.stderr


@pytest.fixture
def vain(tmp_path: Path) -> Path:
    """Return a directory with one policy that no request can match."""
    return write_policies(tmp_path / "vain", {"10-all.cedar": VAIN})


def test_warning_fails_only_where_it_is_asked_to(vain: Path) -> None:
    code, out, err = check(vain)
    assert code == Exit.OK
    assert "2 policies, 1 warnings" in out
    assert "In [vain]." in out
    assert err.startswith('warning: 10-all.cedar:3: policy "vain": no request can match')
    assert check(vain, "--strict")[0] == Exit.FAILED


def test_json_says_the_same(vain: Path) -> None:
    code, out, _ = check(vain, "--json")
    plain = json.loads(out)
    assert code == Exit.OK
    assert [each["policy"] for each in plain["policies"]] == ["wall", "vain"]
    assert [(each["policy"], each["place"]) for each in plain["warnings"]] == [("vain", "10-all.cedar:3")]
    assert check(vain, "--json", "--strict")[0] == Exit.FAILED


def test_everything_that_stops_a_directory_is_told_with_its_mend(tmp_path: Path) -> None:
    wrong = "\n".join(
        f'@id("{number}") @reason("R.") {READ} when {{ {condition} }};'
        for number, condition in enumerate(("resource.colour", "resource.classification * 2 > 3", "principal in []"))
    )
    at = write_policies(tmp_path / "wrong", {"10-all.cedar": wrong, "20-more.cedar": "permit (principal, action"})
    code, out, err = check(at)
    assert (code, out) == (Exit.FAILED, "")
    assert [line.split(": ")[1] for line in err.splitlines()] == [
        "10-all.cedar:1",
        "10-all.cedar:3",
        "10-all.cedar:2",
        "20-more.cedar:1",
    ]
    assert "compute the product when the document is labelled" in err
    code, out, _ = check(at, "--json", "--strict")
    assert code == Exit.FAILED
    assert json.loads(out)["loads"] is False
    assert len(json.loads(out)["errors"]) == 4
