"""The web process is killed at any point, again and again: what it delivered is on record, and its successor works."""

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx2
import pytest

from authz.resource import TenantId, entity_id, tenant_id
from retrieval.audit import Logged
from tests.support.cloud import Cloud, running_cloud
from tests.support.demo import END, START, Heard, Site, ask, clean_environment, events_of
from tests.support.seeded_cloud import seeded

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]

KILLS = int(os.environ.get("ANTECHAMBER_KILLS", "10"))
MOST = 40
"""Events that the clients have been sent when the kill comes, at most: not seconds, since machines differ."""
FAR_MORE = {"ANTECHAMBER_RATE": "100000/minute", "ANTECHAMBER_CONCURRENCY": "100000"}
"""Than one person may usually ask: what a killed process was doing counts until its lease expires."""
LONGEST = 10.0
"""Seconds until a kill, at most."""
ASKING = [
    ("ana", "acme", "What is the salary band for engineers at level E3?"),
    ("ines", "acme", "What was the operating profit of the second quarter?"),
    ("ben", "acme", "What is the hotel limit per night in euros?"),
    ("gus", "globex", "What is the salary band for engineers at level E3?"),
]


@dataclass(slots=True)
class Delivered:
    """What one client was sent, as far as it came."""

    tenant: TenantId
    receipt: str | None = None
    documents: set[tuple[str, int]] = field(default_factory=set)
    """Documents with the ordinals of their passages."""
    bytes: int = 0
    events: int = 0
    done: bool = False


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """Return a local cloud that outlives every web process of this file; its words come slowly enough to be cut."""
    with running_cloud(faults=False, word_delay=0.01) as running:
        yield running


@pytest.fixture(scope="module")
def site(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Load the demo company as `make demo` does, and return where to serve it."""
    return seeded(tmp_path_factory.mktemp("killed"), cloud)


def start(site: Site) -> "subprocess.Popen[bytes]":
    """Start a web process and return once it is ready."""
    environment = clean_environment() | site.variables() | FAR_MORE
    process = subprocess.Popen([sys.executable, "-m", "service.main"], cwd=site.folder, env=environment)
    until = time.monotonic() + START
    while time.monotonic() < until:
        with contextlib.suppress(httpx2.TransportError), site.client() as client:
            if client.get("/readyz").status_code == httpx2.codes.OK:
                return process
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    pytest.fail("the web process did not become ready")


def test_r13_every_byte_that_a_killed_process_delivered_has_its_record(
    site: Site, cloud: Cloud, say: Callable[[str], None]
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    moments = random.Random(seed)  # noqa: S311 - repeatable on purpose
    delivered: list[Delivered] = []
    for person, _, _ in ASKING:
        site.token(person)
    for _ in range(KILLS):
        process = start(site)
        ends = threading.Event()
        clients = [
            threading.Thread(target=keep_asking, args=(site, number, delivered, ends))
            for number in range(2 * len(ASKING))
        ]
        before = sum(each.events for each in delivered)
        for each in clients:
            each.start()
        until, some = time.monotonic() + LONGEST, before + moments.randrange(MOST)
        while sum(each.events for each in [*delivered]) < some and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.wait(END)
        ends.set()
        for each in clients:
            each.join(END)
        assert not any(each.is_alive() for each in clients)
    cut = [each for each in delivered if each.receipt and not each.done]
    whole = [each for each in delivered if each.done]
    say(f"{KILLS} kills (seed {seed}): {len(whole)} whole responses, {len(cut)} cut off after their first byte")
    assert cut, f"no kill came in the middle of an answer (seed {seed})"
    check_records(site, delivered, seed)
    assert cloud.process.poll() is None


def keep_asking(site: Site, number: int, delivered: list[Delivered], ends: threading.Event) -> None:
    """Ask and search until the web process is gone, noting what comes."""
    person, tenant, question = ASKING[number % len(ASKING)]
    with site.client(site.token(person)) as client:
        while not ends.is_set():
            heard = Delivered(tenant_id(tenant))
            delivered.append(heard)
            try:
                (listen if number % 3 else look)(client, question, heard)
            except httpx2.TransportError:
                ends.wait(0.02)


def listen(client: httpx2.Client, question: str, heard: Delivered) -> None:
    """Note an answer's events as they come."""
    with client.stream("POST", "/v1/answers", json={"question": question}) as response:
        assert response.status_code == httpx2.codes.OK
        for name, data in events_of(counted(response, heard)):
            heard.events += 1
            if name == "receipt":
                heard.receipt = str(data["id"])
            if name == "citation":
                heard.documents.add((data["document"], data["ordinal"]))
            heard.done = name == "done"


def look(client: httpx2.Client, question: str, heard: Delivered) -> None:
    """Note what a search returns."""
    response = client.post("/v1/search", json={"question": question})
    found: Mapping[str, Any] = response.json()
    heard.bytes = len(response.content)
    heard.receipt, heard.done = str(found["receipt"]), True
    heard.documents = {(each["document"], each["ordinal"]) for each in found["passages"]}


def counted(response: httpx2.Response, heard: Delivered) -> Iterator[str]:
    """Yield lines, counting what came."""
    for line in response.iter_lines():
        heard.bytes += len(line)
        yield line


def check_records(site: Site, delivered: list[Delivered], seed: int) -> None:
    """Find the record of everything that was delivered, and each cited passage among those it says were disclosed."""
    logged = {tenant: records_of(site, tenant) for tenant in {each.tenant for each in delivered}}
    for each in delivered:
        if not each.bytes:
            continue
        assert each.receipt, f"something came before the receipt (seed {seed})"
        assert each.receipt in logged[each.tenant], f"delivered without a record (seed {seed})"
        record = logged[each.tenant][each.receipt].record
        hits: Any = record["hits"]
        admitted = {(hit["document"], int(hit["ordinal"])) for hit in hits if hit["decision"] == "admitted"}
        keys = {(key_of(site, each.tenant, name), ordinal) for name, ordinal in each.documents}
        assert keys <= admitted, f"cited what the record does not hold (seed {seed})"


def records_of(site: Site, tenant: TenantId) -> dict[str, Logged]:
    """Return every record of `tenant`, read as operators read it."""
    found: dict[str, Logged] = {}
    after: str | None = None
    while page := site.operator.audit.read(tenant, after, 100):
        found.update({each.receipt.id: each for each in page})
        after = page[-1].receipt.id
    return found


@cache
def key_of(site: Site, tenant: TenantId, name: str) -> str:
    """Return how records call a document."""
    record = site.operator.registry.record(entity_id(tenant, name))
    assert record is not None
    return record.key


def test_after_all_the_kills_a_new_process_answers_and_closes_its_record(site: Site) -> None:
    process = start(site)
    try:
        with site.client(site.token("ana")) as client:
            heard: Heard = ask(client, ASKING[0][2])
        assert heard.cited == ["hr/salary-bands.md"]
        receipt = heard.all("receipt")[0]["id"]
        until = time.monotonic() + END
        while records_of(site, tenant_id("acme"))[receipt].closing is None and time.monotonic() < until:
            time.sleep(0.1)
        closing = records_of(site, tenant_id("acme"))[receipt].closing
        assert closing is not None
        assert closing["outcome"] == "complete"
    finally:
        process.kill()
        process.wait(END)
