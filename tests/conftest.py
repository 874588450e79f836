"""What all tests share: which of them may use sockets, and the variable that leaves out those on a real OpenSearch."""

import os
from pathlib import Path
from typing import Any

import pytest

WITHOUT = "ANTECHAMBER_WITHOUT_OPENSEARCH"
_FOLDER = Path(__file__).parent / "opensearch"
_LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let only those tests that ask for it reach loopback; leave out those on a real OpenSearch if it is said so."""
    for item in items:
        if item.get_closest_marker("enable_socket") is not None:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"]))
    if os.environ.get(WITHOUT) == "1":
        _leave_out([item for item in items if _needs_opensearch(item)], config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401 - pytest-xdist's, which has no types
    """Take over what a worker left out: each collects all tests, and only this process prints."""
    count = getattr(node, "workeroutput", {}).get(WITHOUT, 0)
    node.config.stash[_LEFT_OUT] = max(count, node.config.stash.get(_LEFT_OUT, 0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, and how to run it."""
    count = config.stash.get(_LEFT_OUT, 0)
    if count:
        mend = f"since {WITHOUT} is 1; unset it to run them (they need a JDK)"
        terminalreporter.write_line(f"{count} tests on a real OpenSearch were left out, {mend}")


def _needs_opensearch(item: pytest.Item) -> bool:
    asks = item.get_closest_marker("opensearch") is not None or "opensearch_url" in getattr(item, "fixturenames", ())
    return asks or _FOLDER in item.path.parents


def _leave_out(left_out: list[pytest.Item], config: pytest.Config, items: list[pytest.Item]) -> None:
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
    config.stash[_LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):
        config.workeroutput[WITHOUT] = len(left_out)
