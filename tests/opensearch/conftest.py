"""What the tests on a real OpenSearch share."""

from collections.abc import Iterator

import pytest

from tests.opensearch.deployment import Deployment, Place, new_deployment, new_place
from tests.opensearch.fixtures import opensearch_url

__all__ = ["opensearch_url"]


@pytest.fixture
def place(opensearch_url: str) -> Iterator[Place]:
    """Return an empty index of this test's own."""
    with new_place(opensearch_url) as made:
        yield made


@pytest.fixture
def deployment(opensearch_url: str) -> Iterator[Deployment]:
    """Return a deployment of this test's own, with an empty index."""
    with new_deployment(opensearch_url) as made:
        yield made
