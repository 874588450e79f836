"""What all unit tests share: no setting of the machine they run on, nor of tests that ran before."""

import os

import pytest


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take out of the environment what `service.settings` would read."""
    for name in [each for each in os.environ if each.startswith("ANTECHAMBER_")]:
        monkeypatch.delenv(name)
