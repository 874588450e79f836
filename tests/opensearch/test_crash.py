"""A writer is killed at any moment, again and again: a sweep and the next ingestion make everything as it must be."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from authz.resource import EntityId
from retrieval.pointer import IndexPointer
from tests.opensearch.deployment import Deployment, drop_all, new_name, read_whole
from tests.opensearch.writing import NAMES, deployed, text
from tests.support.cloud import ROOT
from tests.support.tables import client, new_table

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]
ROUNDS = 9


@pytest.fixture
def address(opensearch_url: str) -> list[str]:
    return [client().meta.endpoint_url, new_table(), opensearch_url]


@pytest.fixture
def crashing(address: list[str]) -> Iterator[Deployment]:
    made = deployed(*address)
    name = new_name()
    made.admin.create(name)
    made.pointers.point(IndexPointer(name, (name,), 1))
    try:
        yield made
    finally:
        drop_all(made)


def test_r18_writers_killed_at_any_moment_leave_what_a_sweep_and_the_next_run_complete(
    crashing: Deployment, address: list[str]
) -> None:
    choose = random.Random()  # noqa: S311 - another moment each time
    command = [sys.executable, "-m", "tests.opensearch.writing", *address]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        try:
            for number in range(ROUNDS):
                _kill_one(starter, f"{number}", choose.uniform(0.05, 0.8))
                _check_readers(crashing)
                if number % 3 == 2:
                    crashing.sweep(repair=True)
                    _complete(crashing, choose)
        finally:
            starter.kill()
    assert all(crashing.registry.record(EntityId(f"acme/{name}")) for name in NAMES)


def _kill_one(starter: "subprocess.Popen[str]", seed: str, after: float) -> None:
    assert starter.stdin
    assert starter.stdout
    starter.stdin.write(f"{seed}\n")
    starter.stdin.flush()
    pid = int(starter.stdout.readline())
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    assert starter.stdout.readline() == "ended\n"


def _check_readers(made: Deployment) -> None:
    """Whatever was killed: what door two lets through is whole, or nothing where a former version was lost."""
    for name in NAMES:
        record = made.registry.record(EntityId(f"acme/{name}"))
        if record is not None and record.status == "active":
            assert len(read_whole(made, record.document)) in {0, record.passages + 1}


def _complete(made: Deployment, choose: random.Random) -> None:
    """Ingest every document as it should be now, and hold the index against the registry."""
    wanted = {name: text(choose) for name in NAMES}
    for name, content in wanted.items():
        made.ingest(name, content)
    assert made.differences() == {}
    assert made.sweep() == []
    for name, content in wanted.items():
        whole = read_whole(made, f"acme/{name}")
        assert whole[0] == f"Title of {name}"
        assert "".join("".join(whole[1:]).split()) == "".join(content.split())
