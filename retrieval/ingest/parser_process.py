"""From a source to its text in a process of its own, so that no document can take the service down.

What strangers wrote is read where there are no credentials, no network to speak of, little memory and little time
(parser_child.py says how, and how far that goes). A process is used again, since starting one costs as much as reading
hundreds of small documents, but never for another tenant: what took one over would only see, or answer falsely about,
documents of the tenant that brought it in. What a process answers is believed no more than the document is.
"""

import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, final

from authz.resource import TenantId
from retrieval.errors import ParserUnavailableError, SourceError
from retrieval.ingest import parser_answer as wire
from retrieval.ingest.parse import Parsed
from retrieval.ingest.source import MAX_SOURCE_BYTES, SourceItem

PATIENCE: Final = 60.0
"""Seconds for one document."""
SIZE: Final = 2
"""Processes at once."""
TURN: Final = 180.0
"""Seconds that a caller waits for one of them."""
DOCUMENTS: Final = 500
"""Documents that one process reads, so that what a parser forgets to free does not add up."""
PARSER: Final = "retrieval.ingest.parse"

_GRACE = 5.0
"""Seconds after which a process ends itself, if nobody has ended it."""
_START = 15.0
"""Seconds that a process has to start."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How documents are read; `parser` names the module whose `parse` does it, another one only in tests."""

    patience: float = PATIENCE
    size: int = SIZE
    turn: float = TURN
    documents: int = DOCUMENTS
    parser: str = PARSER


@final
class ParserProcess:
    """A `Parse` that reads each document in another process, of which there are a few; several threads may call it."""

    def __init__(self, terms: Terms = Terms()) -> None:
        self._terms = terms
        self._turns = threading.BoundedSemaphore(terms.size)
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._closed = False

    def __call__(self, item: SourceItem) -> Parsed:
        """Return title and text of `item`. Raises `SourceError`, also if reading it fails, crashes or takes too long.

        Raises `ParserUnavailableError` if no process can be had.
        """
        if len(item.content) > MAX_SOURCE_BYTES:
            message = f"{len(item.content):,} bytes; at most {MAX_SOURCE_BYTES:,} are read: split the document"
            raise SourceError(message)
        if not self._turns.acquire(timeout=self._terms.turn):
            message = "all parsers are busy"
            raise ParserUnavailableError(message)
        try:
            return self._read(item)
        finally:
            self._turns.release()

    def _read(self, item: SourceItem) -> Parsed:
        child = self._take(item.tenant)
        try:
            answer = child.ask(item)
        except BaseException:
            child.end()
            raise
        if child.documents >= self._terms.documents or (isinstance(answer, wire.Refused) and answer.last):
            child.end()
        else:
            self._give_back(child)
        if isinstance(answer, wire.Refused):
            raise SourceError(answer.reason)
        return answer

    def _take(self, tenant: TenantId) -> "Child":
        with self._lock:
            if self._closed:
                message = "the parsers were closed"
                raise ParserUnavailableError(message)
            own = [child for child in self._idle if child.tenant == tenant]
            taken = own[-1] if own else None
            # One that is idle for another tenant has to make room, or there would be more of them than turns.
            leaving = taken or next(iter(self._idle), None)
            if leaving is not None:
                self._idle.remove(leaving)
        if taken is not None and taken.alive:
            return taken
        if leaving is not None:
            leaving.end()
        return Child(tenant, self._terms)

    def _give_back(self, child: "Child") -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(child)
                return
        child.end()

    def close(self) -> None:
        """End all processes: those that are reading once they are through."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()


@final
class Child:
    """One parser process, for documents of one tenant. Ended at the latest when nobody holds it any more.

    Raises `ParserUnavailableError` if it does not start: that is no document's fault.
    """

    def __init__(self, tenant: TenantId, terms: Terms) -> None:
        self.tenant = tenant
        self.documents = 0
        self._terms = terms
        self._socket, theirs = socket.socketpair()
        with theirs:
            arguments = [str(theirs.fileno()), str(terms.patience + _GRACE), terms.parser]
            try:
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
                    [sys.executable, "-I", "-B", "-m", "retrieval.ingest.parser_child", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env={},
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # an interrupt at the terminal is for whoever waits for the answer
                )
            except OSError as error:
                self._socket.close()
                message = "no parser process can be started"
                raise ParserUnavailableError(message) from error
        self.end = weakref.finalize(self, _end, self._process, self._socket)
        try:
            wire.Line(self._socket, time.monotonic() + _START).receive(0)
        except (EOFError, OSError, wire.BrokenAnswerError) as error:
            self.end()
            message = "a parser process does not start"
            raise ParserUnavailableError(message) from error

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def ask(self, item: SourceItem) -> Parsed | wire.Refused:
        """Return the process's answer about `item`. Raises `SourceError` if there is none, saying why."""
        line = wire.Line(self._socket, time.monotonic() + self._terms.patience)
        self.documents += 1
        try:
            line.send(wire.question(item))
            line.send(item.content)
            head, body = line.receive(wire.MAX_HEAD), line.receive(wire.MAX_ANSWER)
        except TimeoutError:
            message = f"reading the document takes longer than {self._terms.patience:g} seconds: split it"
        except wire.BrokenAnswerError:
            message = wire.MALFORMED
        except (EOFError, OSError):
            message = "the document made its parser crash: save it anew, or as plain text"
        else:
            return wire.read_answer(head, body)
        raise SourceError(message) from None


def _end(process: subprocess.Popen[bytes], line: socket.socket) -> None:
    line.close()
    process.kill()
    process.wait()
