"""One JVM with one or more OpenSearch nodes in it, on loopback."""

import http.client
import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.opensearch.errors import NodeError, say
from tests.opensearch.recipe import Installed

HOST = "127.0.0.1"
DEFAULTS = {"cluster.routing.allocation.disk.threshold_enabled": "false"}
"""A test means the same on a disk that is nearly full."""
JVM = ("--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-XX:-UsePerfData", "-Xlog:cds=off")
START = 180.0
"""Seconds until all nodes must be healthy, far more than they need."""
END = 60.0
"""Seconds that they have to end."""
_MENDS = {
    "No space left on device": "the disk is full: make room",
    "BindHttpException": "its port is taken: name another with --port",
    "failed to obtain node locks": "another node runs in that folder: end it, or name another with --data",
    "insufficient memory": "there is too little memory: end something",
}


class Node:
    """A running cluster of one or more nodes in one process. Made by `running`."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path, size: int) -> None:
        self._process = process
        self._folder = folder
        self._size = size
        self._stopped: set[int] = set()

    @property
    def pid(self) -> int:
        """The process, for tests that stop it (SIGSTOP) or kill it."""
        return self._process.pid

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of its nodes. Raises `FileNotFoundError` before all have started."""
        return tuple(f"http://{line}" for line in (self._folder / "addresses").read_text().split())

    @property
    def url(self) -> str:
        """The address of its first node."""
        return self.urls[0]

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def stop_node(self, index: int) -> None:
        """Stop one of several nodes, counted from 0; return when the others, if they are a majority, know it."""
        assert self._process.stdin
        self._process.stdin.write(f"stop {index}\n")
        self._process.stdin.flush()
        self._stopped.add(index)
        others = [url for each, url in enumerate(self.urls) if each not in self._stopped]
        asked = others if 2 * len(others) > self._size else []
        until = time.monotonic() + END
        while health(self.urls[index]) or any(_nodes(health(url)) != len(others) for url in asked):
            if time.monotonic() > until:
                message = f"node {index} did not stop"
                raise NodeError(message)
            time.sleep(0.05)

    def wait_until_healthy(self) -> None:
        """Return once all nodes have found each other. Raises `NodeError` if they do not."""
        until = time.monotonic() + START
        while not self._is_healthy():
            if self.has_ended or time.monotonic() > until:
                raise NodeError(self._what_went_wrong())
            time.sleep(0.05)

    def end(self) -> None:
        """End the process in order, or else kill it."""
        try:
            with suppress(BrokenPipeError):
                assert self._process.stdin
                self._process.stdin.close()
            self._process.wait(END)
        except subprocess.TimeoutExpired:
            say("OpenSearch does not end by itself, and is killed")
        finally:
            self._process.kill()
            self._process.wait()

    def _is_healthy(self) -> bool:
        try:
            told = health(self.url)
        except FileNotFoundError:
            return False
        return _nodes(told) == self._size and told.get("status") in {"yellow", "green"}

    def _what_went_wrong(self) -> str:
        log = (self._folder / "opensearch.log").read_text(errors="replace")
        lines = [line for line in log.splitlines() if not line.startswith("\tat ")]
        for line in lines[-15:]:
            say(line)
        causes = [line for line in lines if re.match(r"Caused by|[\w.]+(Exception|Error):", line)]
        mend = next((mend for sign, mend in _MENDS.items() if sign in log), "mend it")
        return (
            f"OpenSearch did not start; {mend}, and run the same command again ({(causes or ['see above'])[-1][:300]})"
        )


def start(
    installed: Installed,
    folder: Path,
    *,
    nodes: int = 1,
    settings: Mapping[str, str] | None = None,
    heap: str = "1g",
    port: int = 0,
    jvm: Sequence[str] = (),
) -> Node:
    """Start a process that keeps all it has in `folder`, and return at once."""
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    (folder / "addresses").unlink(missing_ok=True)
    options = [f"-Xms{heap}", f"-Xmx{heap}", *JVM, f"-Djava.io.tmpdir={folder / 'tmp'}", *jvm]
    arguments = [str(folder), str(port), str(nodes), "antechamber"]
    arguments += [f"{key}={value}" for key, value in {**DEFAULTS, **(settings or {})}.items()]
    with (folder / "opensearch.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - of the JDK
            [installed.jdk.tool("java"), *options, "antechamber.Launcher", *arguments],
            env=os.environ | {"CLASSPATH": installed.class_path},
            stdin=subprocess.PIPE,  # it ends when this does
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for who uses it
        )
    return Node(process, folder, nodes)


def health(url: str) -> Mapping[str, object]:
    """Return what a node says about its cluster, nothing if it does not answer."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/_cluster/health")
        told: Mapping[str, object] = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return told


def _nodes(told: Mapping[str, object]) -> object:
    return told.get("number_of_nodes")
