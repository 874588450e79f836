"""The demo's file: it gives settings of this application, and nothing else."""

import os
from pathlib import Path

import pytest

from service.commands.terminal import load_environment


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
