"""What a newcomer meets first: a set-up that completes what was interrupted, and says what mends what failed."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import bootstrap

SHELL = "/bin/sh"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout in a folder with a space, whose uv writes down what it is asked for, and makes environments."""
    root = tmp_path / "new comer"
    for name in ("requirements", ".tools/bin"):
        (root / name).mkdir(parents=True)
    for name in ("core", "local", "dev", "uv"):
        (root / f"requirements/{name}.txt").write_text("one==1 \\\n    --hash=sha256:00\n")
    (root / "pyproject.toml").touch()
    uv = root / ".tools/bin/uv"
    uv.write_text(UV)
    uv.chmod(0o700)
    (root / ".tools/pinned.txt").write_text((root / "requirements/uv.txt").read_text())
    for name, value in (("ROOT", root), ("TOOLS", root / ".tools"), ("VENV", root / ".venv")):
        monkeypatch.setattr(bootstrap, name, value)
    return root


UV = f"""#!{SHELL}
echo "$1" >> asked
[ -z "$(cat fails 2>/dev/null)" ] || [ "$1" = venv ] || {{ cat fails >&2; exit 1; }}
[ "$1" != venv ] || {{ mkdir -p .venv/bin && : > .venv/bin/python; }}
"""


def asked(root: Path) -> list[str]:
    """Return what uv was asked for since the last look."""
    path = root / "asked"
    words = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return words


def test_a_second_set_up_does_nothing_and_says_nothing(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["local"]) == 0
    assert asked(checkout) == ["venv", "pip", "pip"]
    assert "Installing 1 pinned" in capsys.readouterr().out
    assert bootstrap.main(["local"]) == 0
    assert bootstrap.main(["core"]) == 0  # which it contains
    assert asked(checkout) == []
    assert capsys.readouterr().out == ""


def test_changed_requirements_are_installed_into_the_same_environment(checkout: Path) -> None:
    assert bootstrap.main(["local"]) == 0
    (checkout / "requirements/local.txt").write_text("two==2\n")
    asked(checkout)
    assert bootstrap.main(["local"]) == 0
    assert asked(checkout) == ["pip", "pip"]


def test_an_installation_that_was_cut_off_is_made_anew(checkout: Path) -> None:
    (checkout / "fails").write_text("killed")
    assert bootstrap.main(["local"]) == 1
    (checkout / "fails").unlink()
    asked(checkout)
    assert bootstrap.main(["local"]) == 0
    assert asked(checkout) == ["venv", "pip", "pip"]


def test_a_change_that_was_cut_off_leaves_nothing_that_counts_as_installed(checkout: Path) -> None:
    assert bootstrap.main(["dev"]) == 0
    (checkout / "requirements/dev.txt").write_text("two==2\n")
    (checkout / "fails").write_text("killed")
    assert bootstrap.main(["dev"]) == 1
    assert not bootstrap.is_ready("dev")
    assert not bootstrap.fits()


def test_a_checkout_that_was_moved_makes_its_environment_anew(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bootstrap.main(["local"]) == 0
    moved = checkout.rename(checkout.with_name("moved"))
    for name, value in (("ROOT", moved), ("TOOLS", moved / ".tools"), ("VENV", moved / ".venv")):
        monkeypatch.setattr(bootstrap, name, value)
    asked(moved)
    assert bootstrap.main(["local"]) == 0
    assert asked(moved) == ["venv", "pip", "pip"]


@pytest.mark.usefixtures("checkout")
def test_another_python_makes_its_environment_anew() -> None:
    assert bootstrap.main(["local"]) == 0
    stamp = bootstrap.stamp("local")
    stamp.write_text(stamp.read_text().replace(str(sys.version_info[:2]), "(3, 99)"))
    assert not bootstrap.fits()


def test_a_link_to_an_environment_elsewhere_is_not_followed_when_it_is_replaced(checkout: Path) -> None:
    elsewhere = checkout.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (checkout / ".venv").symlink_to(elsewhere)
    assert bootstrap.main(["local"]) == 0
    assert (elsewhere / "kept").exists()


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ("error: Failed to copy: No space left on device (os error 28)", "the disk is full"),
        ("/usr/bin/python3: No module named pip", "apt-get install python3-pip"),
        ("ERROR: No matching distribution found for uv", "needs the network"),
        ("cause: client error (Connect)\ncause: invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("error: Permission denied (os error 13)", "cannot be written"),
        ("error: Hash mismatch for `one==1`", "do not use it"),
        ("something else", "uv failed: see above"),
    ],
)
def test_what_failed_is_shown_with_its_mend(
    checkout: Path, capsys: pytest.CaptureFixture[str], said: str, mend: str
) -> None:
    (checkout / "fails").write_text(said)
    assert bootstrap.main(["local"]) == 1
    told = capsys.readouterr().err
    assert said in told
    last = told.splitlines()[-1]
    assert last.startswith("error: ")
    assert mend in last


def test_a_python_that_is_too_old_names_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    monkeypatch.setattr(bootstrap, "runs", lambda name: name == "python3.12")
    assert bootstrap.main(["local"]) == 1
    assert "add PYTHON=python3.12 to the command" in capsys.readouterr().err


def test_no_newer_python_at_all_is_said_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    monkeypatch.setattr(bootstrap, "runs", lambda _: False)
    assert bootstrap.main(["local"]) == 1
    assert "install one" in capsys.readouterr().err


def test_a_name_without_a_python_behind_it_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placeholder = tmp_path / "python3.19"
    placeholder.write_text(f"#!{SHELL}\nexit 127\n")
    placeholder.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not bootstrap.runs("python3.19")
    assert not bootstrap.runs("python3.20")
    assert bootstrap.runs(sys.executable)


def test_a_second_set_up_waits_for_what_a_killed_one_left_running(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bootstrap.alone() as lock:
        command = [SHELL, "-c", "sleep 0.3; touch ended"]
        running = subprocess.Popen(command, cwd=checkout, pass_fds=(lock,))  # noqa: S603 - our own words
    with running, bootstrap.alone():
        assert (checkout / "ended").exists()
    assert "Waiting for another set-up" in capsys.readouterr().out


def test_the_lock_is_free_again_after_a_failure(checkout: Path) -> None:
    (checkout / "fails").write_text("anything")
    assert bootstrap.main(["local"]) == 1
    folder = os.open(checkout, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(folder)


def test_a_folder_that_is_not_ones_own_is_said(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert bootstrap.main(["local"]) == 1
    assert f"{checkout} cannot be written: clone into a folder of your own" in capsys.readouterr().err


def test_what_another_environment_set_does_not_reach_the_commands(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    with bootstrap.alone() as lock:
        bootstrap.run([SHELL, "-c", 'echo "$PIP_USER$PYTHONPATH" > reached'], lock)
    assert (checkout / "reached").read_text().strip() == ""


def test_ctrl_c_says_that_the_same_command_goes_on(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "install", interrupted)
    assert bootstrap.main(["local"]) == 130
    assert "the same command completes it" in capsys.readouterr().err
    assert not bootstrap.is_ready("local"), checkout
