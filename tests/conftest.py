"""What all tests share: no socket leaves the process unless a test says that it needs loopback."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let only those tests that ask for it reach loopback, and nothing else ever."""
    for item in items:
        if item.get_closest_marker("enable_socket") is not None:
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"]))
