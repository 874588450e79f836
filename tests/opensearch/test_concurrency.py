"""Many at once: a rebuild under writers and readers loses nothing and shows nothing half; tenants never meet."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from authz.resource import EntityId
from retrieval.document import text_digest
from retrieval.errors import SourceError
from retrieval.ingest.destination import staged
from tests.opensearch.deployment import ACME, DESIGN, Deployment, Place, allowed, new_place, soon
from tests.support.application import GLOBEX, Application, disclosed
from tests.support.corpus import DIMENSIONS, EMBEDDING, SOURCES, ingest_source
from tests.support.memory import MemoryRegistry

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]
WRITERS, EACH = 4, 3


def names(writer: int) -> list[str]:
    return [f"of-{writer}/{number}" for number in range(EACH)]


def content(choose: random.Random) -> str:
    return "\n\n".join(f"Paragraph {number} of {choose.random()}" for number in range(choose.randint(1, 9)))


def write(made: Deployment, writer: int, stop: threading.Event) -> int:
    """Do one thing after another to this writer's documents; return how many."""
    choose = random.Random(writer)  # noqa: S311 - repeatable
    texts: dict[str, str] = {}
    done = 0
    while not stop.is_set():
        name = choose.choice(names(writer))
        match choose.choice(("new", "relabel", "relabel", "same", "retire")):
            case "new":
                texts[name] = content(choose)
                made.ingest(name, texts[name])
            case "relabel" if name in texts:
                made.ingest(name, texts[name], "acme/staff", f"acme/g{choose.randint(0, 9)}")
            case "same" if name in texts:
                made.ingest(name, texts[name])
            case "retire":
                texts.pop(name, None)
                _retire(made, name)
            case _:
                continue
        done += 1
    return done


def _retire(made: Deployment, name: str) -> None:
    try:
        made.retire(name)
    except SourceError:
        assert made.registry.record(EntityId(f"acme/{name}")) is None


def read(made: Deployment, stop: threading.Event) -> int:
    """Read one document after another; return how many were looked at that nobody wrote meanwhile."""
    choose = random.Random("reader")  # noqa: S311 - repeatable
    looked = 0
    while not stop.is_set():
        document = EntityId(f"acme/{choose.choice(names(choose.randrange(WRITERS)))}")
        before = made.registry.record(document)
        if before is None or before.status != "active":
            continue
        digests = staged(made.registry, document, before.version)
        hits = made.indices.current().passages(document, allowed(), -1, 50, soon())
        if made.registry.record(document) != before:
            continue
        seen = {hit.ordinal: text_digest(hit.untrusted_text) for hit in hits if hit.version == before.version}
        assert seen == {ordinal: each.sha256 for ordinal, each in digests.items()}, "a reader saw half a document"
        looked += 1
    return looked


@contextmanager
def running(*loops: Callable[[threading.Event], int]) -> Iterator[Callable[[], list[int]]]:
    """Run the loops beside this thread; what is yielded stops them and returns their counts, or raises their errors."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(loops)) as pool:
        begun = [pool.submit(loop, stop) for loop in loops]

        def counts() -> list[int]:
            stop.set()
            return [each.result() for each in begun]

        try:
            yield counts
        finally:
            stop.set()


def test_rebuilds_under_writers_and_readers_lose_nothing_and_show_nothing_half(deployment: Deployment) -> None:
    first = deployment.place.name
    writers = [lambda stop, writer=writer: write(deployment, writer, stop) for writer in range(WRITERS)]
    readers = [lambda stop: read(deployment, stop)] * 2
    with running(*writers, *readers) as counts:
        for _ in range(2):
            deployment.rebuild(grace=1, settle=2)
        done = counts()
    assert deployment.place.name != first
    assert first not in deployment.admin.names()
    assert deployment.differences() == {}
    assert deployment.sweep() == []
    assert min(done) > 0


# L-16.


@pytest.fixture
def served(opensearch_url: str) -> Iterator[Place]:
    """Return an index that holds the corpus of the application's tests, of both tenants."""
    design = type(DESIGN)(DESIGN.attributes, EMBEDDING, DIMENSIONS)
    with new_place(opensearch_url, design) as made:
        registry = MemoryRegistry()
        for source in SOURCES:
            ingest_source(source, registry, made.writer)
        yield made


def test_l16_64_people_of_two_tenants_at_once_get_only_what_is_theirs(served: Place, tmp_path: Path) -> None:
    app = Application(tmp_path, index=lambda: served.index, requests=64)
    people = [("alice", ACME), ("alice", GLOBEX), ("bob", ACME), ("gwen", GLOBEX)]
    expected = {person: ask(app, *person) for person in people}
    assert len({frozenset(each) for each in expected.values()}) > 2
    with ThreadPoolExecutor(64) as pool:
        asked = [(person, pool.submit(ask, app, *person)) for person in people * 16]
        for (subject, tenant), answer in asked:
            assert answer.result() == expected[subject, tenant]
            assert {owner for owner, _ in answer.result()} == {tenant}


def ask(app: Application, subject: str, tenant: Any) -> set[tuple[Any, str]]:  # noqa: ANN401 - a tenant's id
    response = app.client(subject, tenant).post("/v1/search", json={"question": "the engine plan at work", "k": 20})
    assert response.status_code == 200
    return disclosed(response.text)
