"""The demo's file: it gives settings of this application, and nothing else."""

import os
from pathlib import Path

import pytest
import typer

from authz.errors import DirectoryUnavailableError
from service.commands.terminal import load_environment, print_line, tell, told


def test_only_this_applications_settings_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"ANTECHAMBER_PORT": "1"})
    file = tmp_path / "demo.env"
    file.write_text("# a comment\nLD_PRELOAD=evil.so\nANTECHAMBER_PORT=2\nANTECHAMBER_MODEL=m\n")
    load_environment(file)
    assert os.environ == {"ANTECHAMBER_PORT": "1", "ANTECHAMBER_MODEL": "m"}


def test_file_that_is_not_there_or_somebody_elses_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    load_environment(tmp_path / "none.env")
    file = tmp_path / "demo.env"
    file.write_text("ANTECHAMBER_MODEL=m\n")
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    load_environment(file)
    assert os.environ == {}


@pytest.mark.parametrize("demo", ["", "client"])
def test_what_is_unavailable_asks_whether_the_demo_still_runs_where_one_was_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], demo: str
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, **({"ANTECHAMBER_DEMO_CLIENT": demo} if demo else {})})
    message = "the directory cannot be read"
    with pytest.raises(typer.Exit), told():
        raise DirectoryUnavailableError(message)
    assert ("is `make demo` still running?" in capsys.readouterr().err) == bool(demo)


def test_a_second_terminal_does_not_seek_the_demo_behind_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"http_proxy": "http://proxy.example:3128"})
    file = tmp_path / "demo.env"
    file.write_text("ANTECHAMBER_DEMO_CLIENT=client\n")
    load_environment(file)
    assert "127.0.0.1" in os.environ["no_proxy"].split(",")


def test_a_stranger_s_name_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_line("a\x1b]0;title\x07b\x1b[2Jc")
    tell("d\x1b[2Je")
    printed = capsys.readouterr()
    assert "\x1b]" not in printed.out
    assert "\x07" not in printed.out
    assert "\x1b[2J" not in printed.out + printed.err
