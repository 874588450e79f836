"""From a request to its response, seen from outside: headers, span, metrics, one line of the log."""

import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import Request
from opentelemetry.trace import Span
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrieval.tracing import Progress, request_span
from service.metrics import Metrics
from service.problem import problem
from service.request import dependencies, request_id

_log = structlog.get_logger("antechamber")

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Observed:
    """Puts the headers on every response, tells what became of it, and answers for what nobody foresaw.

    Plain ASGI, so that streams and disconnects pass untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        name = request_id(request)
        with structlog.contextvars.bound_contextvars(request=name), request_span() as (span, progress):
            request.state.progress = progress
            exchange = Exchange(scope, name, receive, send)
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except Exception as error:  # noqa: BLE001 - a server would log its text, which may be a question's or a document's
                dependencies(request).metrics.fault(error, name)
                if exchange.status is None:
                    await problem(request, 500, "Something went wrong here.")(scope, receive, exchange.send)
            finally:
                exchange.tell(dependencies(request).metrics, span)


def progress_of(request: Request) -> Progress:
    """Return which steps of `request` run."""
    progress = getattr(request.state, "progress", None)
    return progress if isinstance(progress, Progress) else Progress()


@dataclass(slots=True)
class Exchange:
    """One request and its response as they pass by: their times in seconds, and nothing that they say."""

    scope: Scope
    id: str
    inner_receive: Receive
    inner_send: Send
    status: int | None = None
    began: float = field(default_factory=time.monotonic)
    first: float | None = None
    """Seconds to the first byte."""
    unread: bool = False

    def __post_init__(self) -> None:
        """Remember whether a body is announced that nobody has read yet."""
        headers = Headers(scope=self.scope)
        self.unread = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers

    async def receive(self) -> Message:
        """Hand on what comes."""
        message = await self.inner_receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self.unread = False
        return message

    async def send(self, message: Message) -> None:
        """Hand on what is sent."""
        if message["type"] == "http.response.start":
            self.status, self.first = message["status"], time.monotonic() - self.began
            headers = MutableHeaders(scope=message)
            for name, value in {**_HEADERS, "X-Request-Id": self.id}.items():
                headers.setdefault(name, value)  # a page says itself what its own policy is
            if self.unread:
                headers["Connection"] = "close"  # or the server would go on reading what nobody wants
        await self.inner_send(message)

    def tell(self, metrics: Metrics, span: Span) -> None:
        """Say in metrics, span and log how it went: the route's template, never the path."""
        route, seconds = getattr(self.scope.get("route"), "path", "none"), time.monotonic() - self.began
        status = self.status or 0  # none: it was cut off before it could be answered
        first = seconds if self.first is None else self.first
        metrics.request(route, status, first, seconds)
        span.set_attributes({"http.route": route, "http.response.status_code": status, "antechamber.request": self.id})
        _log.info("request", route=route, status=status, first_ms=round(first * 1000), ms=round(seconds * 1000))
