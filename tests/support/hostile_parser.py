"""A `parse` that does what an attacker would have it do, as the document says; run by `ParserProcess` in tests."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from retrieval.errors import SourceError
from retrieval.ingest import parser_answer
from retrieval.ingest.parse import Parsed
from retrieval.ingest.source import SourceItem


def parse(item: SourceItem) -> Parsed:
    """Do what the document says; its text is what came of it."""
    what, _, argument = item.content.decode().partition(" ")
    return Parsed("Title", json.dumps(_DEEDS[what](argument)) or "nothing", "text/plain")


def _crash(_: str) -> NoReturn:
    with contextlib.suppress(PermissionError):
        ctypes.string_at(0)
    os.abort()


def _hang(_: str) -> NoReturn:
    while True:
        pass


def _sleep_in_native_code(_: str) -> object:
    time.sleep(600)
    return None


def _recurse(_: str) -> object:
    return _recurse("") or _recurse("")


def _hog(_: str) -> object:
    return len(bytearray(4 << 30))


def _refuse(argument: str) -> object:
    raise SourceError(argument)


def _raise(argument: str) -> object:
    raise ValueError(argument)


def _attempts(_: str) -> object:
    """Return what of this was refused, and by what."""
    deeds: dict[str, Callable[[], object]] = {
        "socket": socket.socket,
        "connection": lambda: socket.create_connection(("127.0.0.1", 9)),
        "name": lambda: socket.getaddrinfo("localhost", 80),
        "process": lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        "system": lambda: os.system("true"),  # noqa: S605, S607 - that it is refused is the test
        "fork": os.fork,
        "exec": lambda: os.execv(sys.executable, [sys.executable]),  # noqa: S606 - likewise
        "write": lambda: Path("/tmp/parser-was-here").write_text("x", encoding="utf-8"),  # noqa: S108 - likewise
        "append": lambda: open("/dev/null", "a", encoding="utf-8"),  # noqa: PTH123, SIM115 - likewise
        "descriptor": lambda: os.open("/tmp/parser-was-here", os.O_CREAT | os.O_WRONLY),  # noqa: S108 - likewise
        "read": lambda: Path("/etc/passwd").read_text(encoding="utf-8"),
        "remove": lambda: Path("/tmp/parser-was-here").unlink(),  # noqa: S108 - likewise
        "list": lambda: list(Path("/").iterdir()),
        "native": lambda: ctypes.CDLL(None),
        "kill": lambda: os.kill(os.getppid(), 0),
    }
    return {name: _outcome(deed) for name, deed in deeds.items()}


def _outcome(deed: Callable[[], object]) -> str:
    try:
        deed()
    except PermissionError:
        return "refused"
    except OSError as error:
        return type(error).__name__
    return "done"


def _answer(argument: str) -> None:
    """Send `argument` as the head of the answer, and end."""
    _raw(argument.encode(), b"text")


def _length(_: str) -> object:
    os.write(_socket(), b"\xff\xff\xff\xff")
    os._exit(0)


def _huge(_: str) -> None:
    _raw(b'{"title":"t","media_type":"text/plain","pages":[]}', b"x" * (parser_answer.MAX_ANSWER + 1))


def _raw(head: bytes, body: bytes) -> None:
    with contextlib.suppress(OSError):
        for part in (head, body):
            message = len(part).to_bytes(4, "big") + part
            while message:
                message = message[os.write(_socket(), message) :]
    signal.pause()


def _socket() -> int:
    return int(sys.argv[1])


_DEEDS: dict[str, Callable[[str], object]] = {
    "answer": _answer,
    "attempts": _attempts,
    "crash": _crash,
    "environment": lambda _: dict(os.environ),
    "descriptors": lambda _: [each for each in range(64) if _is_open(each)],
    "hang": _hang,
    "hog": _hog,
    "huge": _huge,
    "kill": lambda _: signal.raise_signal(signal.SIGKILL),
    "length": _length,
    "pid": lambda _: os.getpid(),
    "raise": _raise,
    "recurse": _recurse,
    "refuse": _refuse,
    "sleep": _sleep_in_native_code,
}


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
