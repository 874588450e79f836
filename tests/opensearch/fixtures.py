"""The OpenSearch that the tests of one run share, for conftest files to import."""

from collections.abc import Iterator

import pytest

from tests.opensearch.node import shared


@pytest.fixture(scope="session")
def opensearch_url() -> Iterator[str]:
    """Return the address of the one node of all workers: a test touches no index but its own, and no setting."""
    with shared() as url:
        yield url
