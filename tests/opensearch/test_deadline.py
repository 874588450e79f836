"""An engine that stands still is given up at the deadline, and one that was restarted has all that it confirmed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authz.resource import EntityId
from retrieval.deadline import Deadline
from retrieval.errors import DeadlineExceededError, SearchUnavailableError
from retrieval.opensearch_address import Address
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_client import Engine
from tests.opensearch.deployment import DESIGN, Place, allowed, labelled, new_name, query, texts
from tests.opensearch.node import Node, running

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]


@contextmanager
def standing_still(node: Node) -> Iterator[None]:
    os.kill(node.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(node.pid, signal.SIGCONT)


def test_r06_r14_engine_that_stands_still_is_given_up_and_answers_again(tmp_path: Path) -> None:
    """Then restarted: what was confirmed is there, and nothing that was removed is."""
    name = new_name()
    with running(data=tmp_path) as node:
        place = Place(OpenSearchAdmin(Engine.at(Address(node.url)), DESIGN), name)
        place.admin.create(name)
        place.put("acme/a", "alpha", under=labelled(5))
        place.put("acme/b", "beta", under=labelled(5))
        asks: tuple[Callable[[], object], ...] = (
            lambda: place.index.search(query(), allowed(), 5, Deadline.after(1)),
            lambda: place.index.documents(allowed(), None, 5, Deadline.after(1)),
        )
        with standing_still(node):
            for ask in asks:
                began = time.monotonic()
                with pytest.raises((SearchUnavailableError, DeadlineExceededError)):
                    ask()
                assert time.monotonic() - began < 20
        assert {hit.document for hit in place.found()} == {"acme/a", "acme/b"}
        place.writer.remove(EntityId("acme/b"), 6)
        place.writer.relabel(EntityId("acme/a"), 1, labelled(6))
    with running(data=tmp_path) as node:
        place = Place(OpenSearchAdmin(Engine.at(Address(node.url)), DESIGN), name)
        place.admin.check(name)
        assert [(hit.untrusted_text, hit.revision) for hit in place.found()] == [("alpha", 6)]
        place.put("acme/a", "old", under=labelled(5))
        assert texts(place.found()) == ["alpha"]
        # A removal is forgotten with a restart: what ingestion's second look at the registry is for.
        place.put("acme/b", "late", under=labelled(5))
        place.writer.remove(EntityId("acme/b"), 6)
        assert not place.writer.holds(EntityId("acme/b"))


def test_no_write_makes_an_index_even_after_the_cluster_was_told_otherwise() -> None:
    """The setting is the cluster's, so this cluster is the test's own."""
    with running() as node:
        place = Place(OpenSearchAdmin(Engine.at(Address(node.url)), DESIGN), new_name())
        setting = "action.auto_create_index"
        for level, value in (("persistent", "true"), ("persistent", "+logs-*,-*"), ("transient", "true")):
            place.engine.call("PUT", "/_cluster/settings", {level: {setting: value}})
            place.admin.forbid_creation_by_writes()
            place.admin.forbid_creation_by_writes()
            with pytest.raises(SearchUnavailableError, match="antechamber index rebuild"):
                place.put("acme/a", "alpha")
            told = place.engine.call("GET", "/_cluster/settings", params={"flat_settings": "true"})
            assert told[level][setting].count("-antechamber-*") == 1
            assert place.admin.names() == []
        other = place.engine.call("POST", "/logs-1/_doc", {"x": 1})
        assert other["result"] == "created"
