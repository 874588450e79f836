"""From nothing to a healthy cluster that ends with its `with` block."""

import fcntl
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.opensearch.errors import NodeError, say
from tests.opensearch.locks import locked
from tests.opensearch.process import HOST, Node, start
from tests.opensearch.recipe import Installed, install


@contextmanager
def running(
    nodes: int = 1,
    settings: Mapping[str, str] | None = None,
    heap: str = "1g",
    *,
    port: int = 0,
    data: Path | None = None,
    lasting: bool = False,
) -> Iterator[Node]:
    """Yield a healthy cluster of `nodes` nodes in one process: private, on free ports, and deleted afterwards.

    With `port`, its first node has that one and the others those that follow; with `data`, that folder is kept. A
    `lasting` one takes twice the time to start, and answers faster ever after: with it the JVM optimizes what it runs.
    Raises `NodeError` if it does not start.
    """
    _check_ports(range(port, port + nodes) if port else ())
    began, installed = time.monotonic(), prepare()
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(_temporary_folder()))
        say(f"starting OpenSearch ({nodes} node{'s' if nodes > 1 else ''})")
        jvm = [] if lasting else ["-XX:TieredStopAtLevel=1"]
        jvm += [f"-XX:SharedArchiveFile={archive}"] if (archive := _archive(installed)).stat().st_size else []
        node = start(installed, folder.resolve(), nodes=nodes, settings=settings, heap=heap, port=port, jvm=jvm)
        stack.callback(node.end)
        node.wait_until_healthy()
        say(f"OpenSearch is ready after {time.monotonic() - began:.1f} s at {node.url}")
        yield node


def prepare() -> Installed:
    """Fetch and compile what is not there yet, and keep its classes as the JVM loads them, which halves each start."""
    installed = install()
    archive = _archive(installed)
    with locked(installed.folder / "archive.lock", fcntl.LOCK_EX):
        if not archive.exists():
            say("starting it once, so that later starts take half as long")
            part = archive.with_suffix(".part")
            with _temporary_folder() as folder:
                node = start(installed, Path(folder), jvm=[f"-XX:ArchiveClassesAtExit={part}"])
                try:
                    node.wait_until_healthy()
                finally:
                    node.end()
            part.touch()  # a JVM that makes none goes without
            part.rename(archive)
    return installed


def _archive(installed: Installed) -> Path:
    return installed.launcher / "classes.jsa"


def _temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="antechamber-opensearch-", ignore_cleanup_errors=True)


def _check_ports(ports: "range | tuple[int, ...]") -> None:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError) as error:
                message = f"port {port} of {HOST} cannot be had ({error}): name another with --port"
                raise NodeError(message) from error
