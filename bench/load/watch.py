"""From a process to what it holds while it runs, read from /proc (proc_pid_status(5)) by a thread."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.demo import processor_seconds

EVERY = 1.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a process held at one moment."""

    at: float
    """Monotonic seconds."""
    rss: float
    """Megabytes (of 1,000,000 bytes) of resident memory."""
    threads: int
    files: int
    """Open file descriptors."""
    processor: float
    """Seconds of processor until now."""


def look(pid: int) -> Look:
    """Return what the process holds now."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    rss, threads = int(status["VmRSS"].split()[0]) * 1024 / 1e6, int(status["Threads"])
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Look(time.monotonic(), rss, threads, files, processor_seconds(pid))


@contextmanager
def watching(pid: int) -> Iterator[list[Look]]:
    """Yield what the process holds, look by look."""
    looks, over = [look(pid)], threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            looks.append(look(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield looks
    finally:
        over.set()
        thread.join()


def settled(pid: int, within: float) -> Look:
    """Return what the process holds once it has done nothing for a second, or after `within` seconds."""
    until, before = time.monotonic() + within, look(pid)
    while True:
        time.sleep(1)
        now = look(pid)
        if now.processor - before.processor < 0.02 or now.at > until:
            return now
        before = now
