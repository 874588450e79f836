"""From a module of the demo to a process that ends with it, and from a log to its last words."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

FOLDER = Path(".local")
"""What the demo keeps, below the folder in which it runs."""
SERVING = ("web", "worker")
"""What tells its log of every request and document; all else speaks to the terminal."""
_GRACE = 15.0
"""Seconds that a process has to end by itself."""
_LAST = 5
"""Lines of a log that are shown if its process ended by itself."""


@contextmanager
def process(name: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the module `name` of this package in a process of its own and end it: asked first, then killed.

    It is in a group of its own too, so that Ctrl-C reaches this process alone, which then ends the others in order.
    """
    command = [sys.executable, "-m", f"{__package__}.{name}", *arguments]
    # Only the cloud speaks to this process.
    stdout = subprocess.PIPE if name == "cloud" else None
    with (
        log(name).open("w") if name in SERVING else nullcontext() as told,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stdout, stderr=told, text=True, process_group=0
        ) as running,
    ):
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(_GRACE)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                running.kill()


def tell(running: "subprocess.Popen[str]", values: Mapping[str, str]) -> None:
    """Give a process that waits for them its `values`, as one line of JSON."""
    if running.stdin:
        # One that has ended already is noticed by whoever waits for it.
        with suppress(BrokenPipeError):
            running.stdin.write(json.dumps(values) + "\n")
            running.stdin.close()


def log(name: str) -> Path:
    """Return where a process tells what it does."""
    return FOLDER / f"{name}.log"


def last_words(name: str) -> str:
    """Return the end of the log of a process that has one; what the others say stands on the terminal already."""
    if name not in SERVING:
        return "(see above)"
    lines = log(name).read_text(errors="replace").splitlines()[-_LAST:]
    return "\n".join([f"({log(name)} has all of it):", *lines])
