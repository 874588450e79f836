"""A part of the allowed passages never passes for all of them: with a shard gone, every search is an outage."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from authz.resource import EntityId
from retrieval.errors import SearchUnavailableError
from tests.opensearch.deployment import DESIGN, Place, allowed, new_place, query, soon
from tests.opensearch.node import Node, running

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]
SHARDS = 6
NAMES = {f"acme/{number}" for number in range(12)}


@pytest.fixture(scope="module")
def three() -> Iterator[Node]:
    with running(nodes=3) as node:
        yield node


def asks(place: Place) -> dict[str, Callable[[], object]]:
    return {
        "search": lambda: {hit.document for hit in place.index.search(query(), allowed(), 50, soon())},
        "documents": lambda: {hit.document for hit in place.index.documents(allowed(), None, 50, soon())},
        "all": lambda: set(place.rows.documents()),
    }


def test_r06_search_is_whole_or_an_outage_while_a_node_goes_away(three: Node) -> None:
    """Six shards on three nodes, none with a replica: a third of all passages is gone with one node."""
    design = replace(DESIGN, shards=SHARDS, replicas=0)
    with new_place(three.url, design, **{"index.routing.allocation.total_shards_per_node": "2"}) as place:
        for name in NAMES:
            place.put(name, "alpha beta")
        for ask in asks(place).values():
            assert ask() == NAMES
        three.stop_node(2)
        refused = dict.fromkeys(asks(place), 0)
        until = time.monotonic() + 60
        while min(refused.values()) < 5 and time.monotonic() < until:
            for name, ask in asks(place).items():
                try:
                    assert ask() == NAMES, "a part passed for the whole"
                except SearchUnavailableError:
                    refused[name] += 1
        assert min(refused.values()) == 5
        with pytest.raises(SearchUnavailableError):
            _view_all(place)


def _view_all(place: Place) -> None:
    for name in sorted(NAMES):
        place.index.passages(EntityId(name), allowed(), -1, 9, soon())
