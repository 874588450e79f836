"""What a parser process is asked and answers, as bytes: JSON and raw text, never pickled, as the answer is untrusted.

A message is its length in four bytes, big-endian, and that many bytes. A question is two messages, JSON and the
source's bytes; an answer is two as well, JSON and the document's text in UTF-8, empty for a refusal.
"""

import json
import socket
import struct
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from authz.resource import TenantId
from retrieval.errors import SourceError
from retrieval.ingest.parse import MAX_TEXT_BYTES, MAX_TITLE, Parsed, clean
from retrieval.ingest.pdf.budget import MAX_PAGES
from retrieval.ingest.pdf.text import MAX_TEXT
from retrieval.ingest.sniff import DOCX, PDF
from retrieval.ingest.source import MediaType, SourceItem

MAX_HEAD: Final = 1 << 16
MAX_ANSWER: Final = 4 * MAX_TEXT
"""Bytes of text in an answer: a character has four at most."""
MAX_REASON: Final = 300
MALFORMED: Final = "the parser's answer is malformed: the document may attack it"

_LENGTH = struct.Struct(">I")
_MEDIA_TYPES: tuple[MediaType, ...] = ("text/markdown", "text/html", "text/plain", PDF, DOCX)


class BrokenAnswerError(Exception):
    """What came is longer than it may be."""


@dataclass(frozen=True, slots=True)
class Line:
    """One end of a pair of sockets; what is not through by `deadline`, in monotonic seconds, is a `TimeoutError`."""

    socket: socket.socket
    deadline: float | None = None

    def send(self, message: bytes) -> None:
        """Send `message`. Raises `OSError`."""
        self._wait()
        self.socket.sendall(_LENGTH.pack(len(message)) + message)

    def receive(self, most: int) -> bytes:
        """Return the next message. Raises `EOFError`, `OSError`, and `BrokenAnswerError` for more than `most` bytes."""
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        if length > most:
            raise BrokenAnswerError
        return self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            self._wait()
            piece = self.socket.recv(min(length - len(received), 1 << 20))
            if not piece:
                raise EOFError
            received += piece
        return bytes(received)

    def _wait(self) -> None:
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)


def question(item: SourceItem) -> bytes:
    """Return the head of a question: all that a parser needs to know of `item` beside its bytes."""
    return json.dumps({"name": item.name, "media_type": item.media_type, "title": item.title}).encode()


def asked(head: bytes, content: bytes) -> SourceItem:
    """Return the source that was asked about, without its tenant and access, which a parser need not know."""
    said = json.loads(head)
    nobody = TenantId("-")
    return SourceItem(
        nobody, said["name"], content, said["media_type"], said["title"], "", {}, frozenset(), "role:parser"
    )


def answer(parsed: Parsed) -> tuple[bytes, bytes]:
    """Return the answer that says `parsed`."""
    head = {"title": parsed.title, "media_type": parsed.media_type, "pages": list(parsed.pages)}
    return json.dumps(head).encode(), parsed.text.encode()


def refusal(reason: str, *, last: bool) -> tuple[bytes, bytes]:
    """Return the answer that a document is refused; after the `last` one the process is not asked again."""
    return json.dumps({"refused": reason[:MAX_REASON], "last": last}).encode(), b""


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that is refused, and whether its parser is to be asked again."""

    reason: str
    last: bool


def read_answer(head: bytes, body: bytes) -> Parsed | Refused:
    """Return what an answer says. Raises `SourceError` for one that is malformed in any way."""
    try:
        said, text = json.loads(head), body.decode()
        if isinstance(said, dict) and said.keys() == {"refused", "last"}:
            return _refused(said["refused"], said["last"])
        if not isinstance(said, dict) or said.keys() != {"title", "media_type", "pages"}:
            raise SourceError(MALFORMED)
        return _parsed(said["title"], said["media_type"], said["pages"], text)
    except (ValueError, RecursionError):  # a `SourceError` is a `ValueError`
        raise SourceError(MALFORMED) from None


def _refused(reason: object, last: object) -> Refused:
    if not isinstance(reason, str) or not isinstance(last, bool):
        raise SourceError(MALFORMED)
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise SourceError(MALFORMED)
    return Refused(reason, last)


def _parsed(title: object, media_type: object, pages: object, text: str) -> Parsed:
    kind = next((each for each in _MEDIA_TYPES if each == media_type), None)
    if kind is None or not isinstance(title, str) or not isinstance(pages, list):
        raise SourceError(MALFORMED)
    if not 1 <= len(title) <= MAX_TITLE or clean(title) != title or not title.isprintable():
        raise SourceError(MALFORMED)
    if not 1 <= len(text) <= max(MAX_TEXT, MAX_TEXT_BYTES) or clean(text) != text:
        raise SourceError(MALFORMED)
    if (kind == PDF) != bool(pages) or not _are_pages(pages, len(text)):
        raise SourceError(MALFORMED)
    return Parsed(title, text, kind, tuple(pages))


def _are_pages(pages: list[object], length: int) -> bool:
    numbers = [each for each in pages if type(each) is int]
    in_order = all(one <= other for one, other in pairwise(numbers))
    bounded = not numbers or (numbers[0] == 0 and numbers[-1] <= length)
    return len(numbers) == len(pages) <= MAX_PAGES and in_order and bounded
