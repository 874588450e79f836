"""What the tests of the service share: the whole application over backends in memory."""

from pathlib import Path

import pytest

from tests.support.application import Application


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return Application(tmp_path)
