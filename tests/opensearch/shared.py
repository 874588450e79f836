"""One node for all who want one at the same time: the workers of a test run, and the measurements.

Three locks, which the system releases itself when their holder dies:

- `users` is shared by all who use the node, for as long as they do;
- `supervisor` is held by the process that runs it: held means that it lives;
- `door` is held by who arrives, until there is a node, and by the supervisor, from its last look at `users` until the
  node has ended. So nobody is given a node that is about to end, and two who arrive together start one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fcntl import LOCK_SH
from pathlib import Path

from tests.opensearch.cluster import prepare, running
from tests.opensearch.errors import NodeError, say
from tests.opensearch.locks import is_held, locked
from tests.opensearch.process import START, Node
from tests.opensearch.recipe import ROOT

LINGER = 10.0
"""Seconds that the node stays when its last user has left."""


@contextmanager
def shared(home: Path | None = None, linger: float = LINGER) -> Iterator[str]:
    """Yield the address of the node of `home`, started if there is none. Raises `NodeError` if it does not start."""
    home = home or prepare().folder / "shared"
    with ExitStack() as stack:
        with locked(home / "door"):
            stack.enter_context(locked(home / "users", LOCK_SH))
            url = _url(home, linger)
        yield url


def _url(home: Path, linger: float) -> str:
    until = time.monotonic() + START
    while time.monotonic() < until:
        if not is_held(home / "supervisor"):
            _start(home, linger)
        with suppress(FileNotFoundError):
            return (home / "url").read_text()
        time.sleep(0.1)  # who started it died, and left the door to us
    message = f"the shared OpenSearch does not become ready: see {home / 'log'}"
    raise NodeError(message)


def _start(home: Path, linger: float) -> None:
    (home / "url").unlink(missing_ok=True)
    say("starting an OpenSearch for all")
    command = [sys.executable, "-m", "tests.opensearch.shared", str(home), str(linger)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (home / "log").open("wb") as log:
        ended = subprocess.run(  # noqa: S603 - ourselves
            command, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True, check=False
        )
    if ended.returncode:
        told = (home / "log").read_text(errors="replace")
        say(told)
        message = f"the shared OpenSearch did not start (see above): {(told.splitlines() or [''])[-1]}"
        raise NodeError(message)


def main(home: Path, linger: float) -> int:
    """Leave a supervisor behind and return the exit code, 0 when its node is ready."""
    heard, told = os.pipe()
    if os.fork():
        os.close(told)
        return 0 if os.read(heard, 1) else 1
    os.close(heard)
    _supervise(home, linger, told)
    return 0


def _supervise(home: Path, linger: float, told: int) -> None:
    # The order of the three is that of their ends, from the last: the node, `supervisor`, `door`.
    with ExitStack() as door, locked(home / "supervisor"), _node(home) as node:
        (home / "url.part").write_text(node.url)
        (home / "url.part").rename(home / "url")
        os.write(told, b"!")
        os.close(told)
        used = time.monotonic()
        while not node.has_ended:
            time.sleep(0.2)
            if is_held(home / "users"):
                used = time.monotonic()
            elif time.monotonic() > used + linger:
                door.enter_context(locked(home / "door"))
                if not is_held(home / "users"):
                    return
                door.close()  # somebody has come


@contextmanager
def _node(home: Path) -> Iterator[Node]:
    for old in home.glob("node-*"):  # of supervisors that were killed
        shutil.rmtree(old, ignore_errors=True)
    data = Path(tempfile.mkdtemp(prefix="node-", dir=home))
    try:
        with running(data=data, lasting=True) as node:
            yield node
    finally:
        shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
