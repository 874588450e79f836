"""What the kit's tests share: each engine with a shelf of hostile documents for each schema."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from authz.schema import read_schema
from tests.conformance.case import SCHEMAS
from tests.conformance.engines import ADDRESS, ENGINES
from tests.conformance.kit import Shelf, fill
from tests.conformance.seed import SEED
from tests.opensearch.fixtures import opensearch_url
from tests.support.worlds import documents, seeded

__all__ = ["opensearch_url"]

STOCK = 300
"""Documents of each shelf."""


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=[pytest.mark.opensearch] if name == "opensearch" else []) for name in ENGINES],
)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the name of an engine that answers."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "opensearch" and ADDRESS not in os.environ:
            patch.setenv(ADDRESS, request.getfixturevalue("opensearch_url"))
        yield str(request.param)


@pytest.fixture(scope="session")
def shelves(engine: str) -> Iterator[dict[str, Shelf]]:
    """Return a shelf of hostile documents for each schema."""
    with ExitStack() as stack:
        filled = {}
        for name, text in SCHEMAS.items():
            types = read_schema(text)
            found = documents(seeded(f"{SEED} {name}"), types, STOCK)
            filled[name] = fill(stack.enter_context(ENGINES[engine](types)), found, types)
        yield filled
