"""The demo's file: it gives settings of this application, and nothing else."""

import json
import os
from pathlib import Path

import pytest
import typer

from authz.errors import DirectoryUnavailableError
from service.commands.terminal import load_environment, print_line, settings, tell, told


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


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ANTECHAMBER_ISSUERS": "[{CANARY"}, "ANTECHAMBER_ISSUERS: it is no JSON"),
        ({"ANTECHAMBER_BUDGET": "CANARY"}, "ANTECHAMBER_BUDGET: Input should be a valid integer"),
        ({"ANTECHAMBER_DOCUMENTS_BUCKET": "bucket"}, "set both ANTECHAMBER_DOCUMENTS_BUCKET and ANTECHAMBER_QUEUE_URL"),
    ],
)
def test_settings_that_are_wrong_are_named_with_the_reason_and_without_their_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], changed: dict[str, str], said: str
) -> None:
    issuer = {"issuer": "https://login.acme.test", "tenants": ["acme"], "audience": "antechamber"}
    usual = {"ISSUERS": json.dumps([issuer]), "MODEL": "m", "EMBEDDING_MODEL": "e"}
    monkeypatch.setattr(os, "environ", {f"ANTECHAMBER_{name}": value for name, value in usual.items()} | changed)
    with pytest.raises(typer.Exit):
        settings()
    printed = capsys.readouterr().err.replace("\n", " ")
    assert said in printed
    assert "CANARY" not in printed
