"""The real OpenSearch that tests rest on: what it can, who ends it, and that nothing of it is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.opensearch.locks import is_held, locked
from tests.opensearch.node import NodeError, running, shared
from tests.opensearch.recipe import ROOT
from tests.support.demo import running_processes

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]
NODE = str(Path(__file__).with_name("node.py"))
LINGER = 0.5
USER = f"""
import pathlib, sys
from tests.opensearch.node import shared
with shared(pathlib.Path(sys.argv[1]), {LINGER}) as url:
    print(url, flush=True)
    input()
"""
COMMAND = """
import os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: (print("told", flush=True), time.sleep(1), sys.exit(7)))
print(os.environ["ANTECHAMBER_OPENSEARCH_URL"], flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place for a shared node: whichever test comes second finds what the first has left behind."""
    return tmp_path_factory.mktemp("home")


def ask(url: str, path: str, body: Mapping[str, object] | None = None, method: str = "POST") -> Any:  # noqa: ANN401 - JSON
    response = httpx2.request(method, f"{url}/{path}", json=body, timeout=60, trust_env=False)
    assert response.is_success, response.text
    return response.json()


def talking_to(command: list[str]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True)  # noqa: S603 - ourselves


def process_of(url: str) -> int:
    (node,) = ask(url, "_nodes/process", method="GET")["nodes"].values()
    process: int = node["process"]["id"]
    return process


def is_gone(process: int) -> bool:
    until = time.monotonic() + 30
    while process in running_processes():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def test_nearest_neighbours_are_sought_among_what_the_filter_lets_through(opensearch_url: str) -> None:
    index = f"node-{os.getpid()}"
    vector = {"type": "knn_vector", "dimension": 2, "method": {"name": "hnsw", "engine": "lucene", "space_type": "l2"}}
    mappings = {"dynamic": "strict", "properties": {"vector": vector, "tenant": {"type": "keyword"}}}
    ask(opensearch_url, index, {"settings": {"index.knn": True}, "mappings": mappings}, "PUT")
    for number in range(20):
        document = {"vector": [number, 0], "tenant": "ours" if number >= 18 else "theirs"}
        ask(opensearch_url, f"{index}/_doc/{number}?refresh=true", document)
    query = {"knn": {"vector": {"vector": [0, 0], "k": 5, "filter": {"term": {"tenant": "ours"}}}}}
    hits = ask(opensearch_url, f"{index}/_search", {"query": query})["hits"]["hits"]
    assert [hit["_id"] for hit in hits] == ["18", "19"]
    ask(opensearch_url, index, method="DELETE")


def test_node_listens_on_loopback_alone_and_takes_settings() -> None:
    with running(settings={"node.attr.room": "cellar"}) as one:
        (node,) = ask(one.url, "_nodes/http,transport,settings", method="GET")["nodes"].values()
    bound = [address for part in ("http", "transport") for address in node[part]["bound_address"]]
    assert bound
    assert all(address.startswith("127.0.0.1:") for address in bound), bound
    assert node["settings"]["node"]["attr"]["room"] == "cellar"


def test_one_node_of_three_can_be_stopped_and_its_shards_are_missing_without_being_failures() -> None:
    with running(nodes=3) as three:
        ask(three.url, "apart", {"settings": {"number_of_shards": 3, "number_of_replicas": 0}}, "PUT")
        for number in range(30):
            ask(three.url, f"apart/_doc/{number}", {"number": number})
        ask(three.url, "apart/_refresh")
        assert ask(three.url, "apart/_count")["count"] == 30
        three.stop_node(2)
        found = ask(three.url, "apart/_count")
        assert found["_shards"] == {"total": 3, "successful": 2, "skipped": 0, "failed": 0}
        assert 0 < found["count"] < 30
        assert ask(three.urls[1], "_cluster/health", method="GET")["number_of_nodes"] == 2


def test_users_who_come_together_share_one_node_that_ends_when_all_have_left(home: Path) -> None:
    command = [sys.executable, "-c", USER, str(home)]
    with ExitStack() as stack:
        users = [stack.enter_context(talking_to(command)) for _ in range(3)]
        with shared(home, LINGER) as url:
            process = process_of(url)
            assert {user.stdout.readline().strip() for user in users if user.stdout} == {url}
            users[0].kill()
            for user in users[1:]:
                user.communicate("\n")
            time.sleep(LINGER + 1)  # one is still here
            assert process_of(url) == process
    assert is_gone(process)
    with locked(home / "door"):  # which the supervisor leaves last
        assert not is_held(home / "supervisor")
        assert not list(home.glob("node-*"))


def test_killed_supervisor_leaves_no_node(home: Path) -> None:
    with shared(home, LINGER) as url:
        process = process_of(url)
        ps = subprocess.run(["ps", "-o", "ppid=", "-p", str(process)], capture_output=True, check=True)  # noqa: S603, S607
        os.kill(int(ps.stdout), signal.SIGKILL)
        assert is_gone(process)
        assert not is_held(home / "supervisor")  # so the next user starts another


def test_command_beside_a_node_is_told_signals_once_and_its_exit_code_is_passed_on() -> None:
    command = [sys.executable, NODE, "with", "--", sys.executable, "-c", COMMAND]
    with talking_to(command) as ran:
        assert ran.stdout
        process = process_of(ran.stdout.readline().strip())
        os.killpg(ran.pid, signal.SIGINT)  # as Ctrl-C in a terminal
        assert ran.stdout.read().split() == ["told"]
    assert ran.returncode == 7
    assert is_gone(process)


def test_node_that_cannot_start_tells_why_in_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NodeError, match=r"unknown setting \[nonsense\]"), running(settings={"nonsense": "1"}):
        pass
    assert "Caused by" in capsys.readouterr().err


def test_port_that_is_taken_is_refused_in_one_line(opensearch_url: str) -> None:
    port = opensearch_url.rpartition(":")[2]
    ran = subprocess.run([sys.executable, NODE, "run", "--port", port], capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"error: port {port} of 127.0.0.1 cannot be had")
    assert ran.stderr.count("\n") == 1
