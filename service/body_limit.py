"""From a request to its body, bounded in bytes and seconds: read only for a caller who is known and counted."""

import asyncio
import re
from itertools import islice

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from retrieval.deadline import Deadline
from retrieval.errors import DeadlineExceededError
from service.errors import LateBodyError, TooLargeError, TooManyValuesError

MAX_BODY = 65_536
"""Bytes of a request's body, but for a document's."""
MAX_DOCUMENT = 24 << 20
"""Bytes of a request that brings a document, the only one that is a PUT: 16 MiB, in base64 and its frame of JSON."""
MAX_TOKENS = 20_000
"""Strings, commas and opening brackets of a body of JSON, together."""

_STRUCTURE = (b"[", b"{", b",")
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{,]', re.DOTALL)
"""A string, or what may begin a value; it never goes back."""
_TOO_LARGE = "the body is larger than it may be"
_LATE = "the body did not come in time"
_DIGITS = 12
"""More of them are too large, whatever they say; Python refuses to read thousands of them."""


async def read_body(request: Request, deadline: Deadline) -> Request:
    """Return `request` with its body read. Raises `TooLargeError`, before a byte is read if it says its size itself.

    Raises `LateBodyError` if the body has not come in whole by `deadline`, or its sender is gone.
    """
    limit = MAX_DOCUMENT if request.method == "PUT" else MAX_BODY
    declared = request.headers.get("content-length", "0")
    if len(declared) > _DIGITS or not declared.isdecimal() or int(declared) > limit:
        raise TooLargeError(_TOO_LARGE)
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise TooLargeError(_TOO_LARGE)
        return message

    bounded = Request(request.scope, counted)
    try:
        async with asyncio.timeout(deadline.left()):
            await bounded.body()
    except (TimeoutError, DeadlineExceededError, ClientDisconnect) as error:
        raise LateBodyError(_LATE) from error
    return bounded


def check_values(body: bytes) -> None:
    """Raise `TooManyValuesError` if `body` holds more than a body of JSON may, before anything parses it.

    A parsed value is many times the size of its two bytes, and what does not fit becomes an error of a kilobyte: both
    are memory and seconds of the event loop, and nobody has asked yet what the caller may do.
    """
    if sum(map(body.count, _STRUCTURE)) <= MAX_TOKENS:
        return  # most: and many of these may stand in one long text, where they are none
    # The parser reads UTF-16 and -32 too, where a quotation mark's byte may be half of another character. JSON in UTF-8
    # holds no zero byte, JSON in these many: there every byte counts.
    if b"\0" in body or next(islice(_TOKEN.finditer(body), MAX_TOKENS, None), None) is not None:
        message = f"the body holds more than {MAX_TOKENS:,} values"
        raise TooManyValuesError(message)
