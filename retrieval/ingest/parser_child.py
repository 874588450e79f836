"""The inside of a parser process: from questions on a socket to answers, with nothing at hand but memory and time.

Started by `ParserProcess` with an empty environment, no input, no output and one open socket. The operating system
bounds its memory and lets it write no file, start no process and leave no core; a timer ends it if one document takes
too long, whoever else is still there to notice. The audit hook, which refuses sockets, processes and files, is a second
fence for Python code alone: it is no sandbox against a parser's native code that an attacker has taken over. What
such code can still do is read files that this user may read, use the network, and answer falsely about documents of the
one tenant that this process reads for. Where that matters, run it in a container without credentials and network.
"""

import importlib
import logging
import resource
import signal
import socket
import sys
from pathlib import Path, PurePath
from typing import Final

from retrieval.errors import SourceError
from retrieval.ingest import parser_answer as wire
from retrieval.ingest.parse import Parse
from retrieval.ingest.source import MAX_SOURCE_BYTES

MEMORY: Final = 1 << 30
"""Bytes that a parser may use, beyond what it has when it starts."""
_FILES = 32
_CODE = frozenset({".py", ".pyc", ".so"})
_REFUSED = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.startfile", "os.spawn", "pty.",
    "os.kill", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "os.chown", "os.putenv", "os.listdir", "os.scandir", "os.walk", "shutil.", "tempfile.", "ctypes.", "mmap.",
    "sqlite3.", "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.", "syslog.", "fcntl.", "resource.",
)  # fmt: skip
"""The beginnings of audit events (PEP 578) of what a parser has no reason to do."""


def main(arguments: list[str]) -> None:
    """Answer on the socket of descriptor `arguments[0]`, each within `arguments[1]` seconds, until it is closed.

    `arguments[2]` is the module whose `parse` reads the documents.
    """
    descriptor, patience, module = arguments
    logging.disable()
    parse: Parse = importlib.import_module(module).parse
    line = wire.Line(socket.socket(fileno=int(descriptor)))
    confine()
    sys.addaudithook(_refuse)
    line.send(b"")  # ready
    while _answered(line, parse, float(patience)):
        pass


def confine() -> None:
    """Give up, for good, what a parser does not need."""
    for what, most in (
        (resource.RLIMIT_AS, _memory()),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(what, (most, most))


def _memory() -> int:
    try:
        taken = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except FileNotFoundError:  # not Linux, as on a developer's laptop: there memory stays unbounded
        return resource.RLIM_INFINITY
    return int(taken) * resource.getpagesize() + MEMORY


def _answered(line: wire.Line, parse: Parse, patience: float) -> bool:
    """Answer one question; return whether another may come."""
    try:
        head, content = line.receive(wire.MAX_HEAD), line.receive(MAX_SOURCE_BYTES + 1)
    except (EOFError, OSError):
        return False
    # Not caught by anybody: the default is to end the process, also in the midst of native code.
    signal.setitimer(signal.ITIMER_REAL, patience)
    (answer, body), last = _answer(parse, head, content)
    signal.setitimer(signal.ITIMER_REAL, 0)
    line.send(answer)
    line.send(body)
    return not last


def _answer(parse: Parse, head: bytes, content: bytes) -> tuple[tuple[bytes, bytes], bool]:
    try:
        return wire.answer(parse(wire.asked(head, content))), False
    except SourceError as error:
        return wire.refusal(str(error), last=False), False
    except MemoryError:
        reason = "reading the document takes more memory than one may: split it"
    except RecursionError:
        reason = "the document is nested too deeply: simplify it, or save it as plain text"
    except Exception:  # noqa: BLE001 - the text of an unforeseen error may hold the document's
        reason = "the document cannot be read: save it anew, or as plain text"
    return wire.refusal(reason, last=True), True


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        _refuse_opening(*arguments)
    elif event.startswith(_REFUSED):
        message = f"a parser may not: {event}"
        raise PermissionError(message)


def _refuse_opening(path: object, mode: object, _: object) -> None:
    # Modules that are imported late are read. Nothing else is, and nothing is written.
    reads = mode is None or not set(str(mode)) & set("wax+")
    if not reads or not isinstance(path, str) or PurePath(path).suffix not in _CODE:
        message = "a parser may not open files"
        raise PermissionError(message)


if __name__ == "__main__":
    main(sys.argv[1:])
