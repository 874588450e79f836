"""What the tests of the pages share."""

from pathlib import Path

import pytest

from tests.support.pages import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an application with pages, over fakes."""
    return Site(tmp_path)
