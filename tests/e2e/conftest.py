"""What the end-to-end tests share: one running demo, and the variable that brings the large corpus in."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo import Demo, kept_vectors, running_demo
from tests.support.saying import say

__all__ = ["say"]

CORPUS = "ANTECHAMBER_CORPUS"
_REASON = (
    f"tests/e2e/test_corpus.py: deselected, since {CORPUS} does not name the folder of the kubernetes-community corpus"
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the corpus out unless it is there, and say so: see `pytest_terminal_summary`."""
    if os.environ.get(CORPUS):
        return
    left_out = [item for item in items if item.path == Path(__file__).parent / "test_corpus.py"]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
        config.stash[_LEFT_OUT] = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print why something was deselected."""
    if config.stash.get(_LEFT_OUT, False):
        terminalreporter.write_line(_REASON)


_LEFT_OUT = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Return a demo that all tests of this run share: whoever changes something changes what is theirs alone."""
    folder = tmp_path_factory.mktemp("a demo")
    # The tests ask far more than a person does.
    with kept_vectors(folder, "demo"), running_demo(folder, ANTECHAMBER_RATE="100000/minute") as running:
        yield running
