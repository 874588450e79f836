"""The demo as `make demo` starts it: seconds until it is ready, and the memory of all its processes."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Figure, at_most

_PART = "4. The demo, all its processes together"
_ROOT = Path(__file__).resolve().parent.parent
_LONGEST = 600.0
"""Seconds that a first start may take: it embeds every passage."""
_ASK = ("ask", "--as", "ana", "How many days of annual leave do employees have?")


class DemoNotReadyError(Exception):
    """The demo ended, or took too long; what it said is above."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (of 1,000,000 bytes) of a process and all below it."""

    rss: float
    """Pages that several processes share are counted in each."""
    pss: float
    """Pages that several processes share are counted once."""


def measure(*, quick: bool) -> Iterator[Figure]:  # noqa: ARG001 - there is nothing to shorten
    """Yield the figures of the demo; memory is read from /proc, where there is one."""
    with TemporaryDirectory() as folder:
        with _running(Path(folder)) as (_, seconds):
            yield Figure(_PART, "first start, every passage embedded, until ready", seconds, "s")
        with _running(Path(folder)) as (process, seconds):
            yield Figure(_PART, "second start, vectors cached, until ready", seconds, "s", at_most(10))
            if not Path("/proc/self/smaps_rollup").exists():
                return
            yield Figure(_PART, "second start, processor time of all of it", processor_seconds(process.pid), "s")
            yield from _memory("when ready", memory_of(process.pid))
            _ask(Path(folder))
            yield from _memory("after the first answer", memory_of(process.pid))


def _memory(when: str, memory: Memory) -> Iterator[Figure]:
    yield Figure(_PART, f"resident memory {when} (RSS)", memory.rss, "MB", at_most(700))
    yield Figure(_PART, f"proportional memory {when} (PSS)", memory.pss, "MB")


@contextmanager
def _running(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """Run the demo in `folder` until it is ready, yield it with the seconds that took, and end it."""
    port = free_port()
    command = [sys.executable, "-m", "service.local.demo", "--port", str(port)]
    began = time.monotonic()
    with (
        (folder / "demo.log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=environment(), stdout=log, stderr=log) as process,  # noqa: S603 - ours
    ):
        try:
            wait_until_ready(process, port, began + _LONGEST)
            yield process, time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def wait_until_ready(process: "subprocess.Popen[bytes]", port: int, until: float) -> None:
    """Return once `process` is ready to answer on `port`. Raises `DemoNotReadyError` where it ends, or at `until`."""
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    message = "the process did not become ready"
    raise DemoNotReadyError(message)


def _ask(folder: Path) -> None:
    command = [sys.executable, "-c", "from service.cli import main; main()", *_ASK]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)  # noqa: S603 - our own command line


def environment() -> dict[str, str]:
    """Return this process's environment, in which the project can be imported from any folder."""
    return os.environ | {"PYTHONPATH": str(_ROOT)}


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory_of(root: int) -> Memory:
    """Return what the process `root` and all below it hold, from /proc (proc_pid_smaps(5))."""
    rolled = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in _family(root)]
    return Memory(*(sum(_kilobytes(text, name) for text in rolled) * 1024 / 1e6 for name in ("Rss:", "Pss:")))


def processor_seconds(root: int) -> float:
    """Return the processor time of `root` and all below it, also of those that ended (proc_pid_stat(5))."""
    ticks = 0
    for pid in _family(root):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(int(field) for field in after_name[11:15])  # own and waited-for children's, user and system
    return ticks / os.sysconf("SC_CLK_TCK")


def _kilobytes(rollup: str, name: str) -> int:
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(name))


def _family(root: int) -> list[int]:
    children = Path(f"/proc/{root}/task").glob("*/children")
    return [root, *(each for path in children for pid in path.read_text().split() for each in _family(int(pid)))]
