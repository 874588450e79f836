"""How large a request's body may be, whether it says its size or not: looked at before anything reads it."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problem import problem

MAX_BODY = 65_536
"""Bytes of a request's body, but for a document's."""
MAX_DOCUMENT = 1 << 18
"""Bytes of a request that brings a document, the only one that is a PUT."""

TOO_LARGE = "The body is too large."
_DIGITS = 12
"""More of them are too large, whatever they say; Python refuses to read thousands of them."""


class BodyLimit:
    """Answers 413 to what is too large, as a problem of ours: the framework's own limit answers in plain text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = MAX_DOCUMENT if scope["method"] == "PUT" else MAX_BODY
        declared = Headers(scope=scope).get("content-length", "0")
        if len(declared) > _DIGITS or not declared.isdecimal() or int(declared) > limit:
            await problem(Request(scope), 413, TOO_LARGE)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)
