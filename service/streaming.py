"""From a delivery to server-sent events: whatever ends the response, the delivery ends with it, and says how."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

import anyio
from fastapi.sse import format_sse_event
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from retrieval.audit import Outcome
from service.answer import Answer, Citation, Done, Token
from service.api.bodies import name_of
from service.delivery import Delivery
from service.errors import ModelInterruptedError
from service.pump import Pump

_LAST_WORD: Final = 1.0
"""Seconds that a caller who does not read has for the last event."""

_PROBLEM = {
    "truncated": "The answer broke off. What was sent stays, and the record says so.",
    "cancelled": "The answer took longer than it may.",
}


class AnswerResponse(Response):
    """Sends `receipt`, then `token` and `citation` events, then `done` or `error`.

    A caller who goes away, or a server that stops, ends the model's stream at once. Not a generator: one that is never
    begun, because the caller is already gone, would never reach its `finally`.
    """

    media_type = "text/event-stream"

    def __init__(self, delivery: Delivery, status_code: int = 200) -> None:
        self.status_code = status_code  # an argument, because FastAPI describes a response by its default
        self.background = None
        self.init_headers()
        self._delivery = delivery
        self._outcome: Outcome = "cancelled"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send the answer, and return once its record is closed."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(until_gone, receive, group.cancel_scope)
                await self._send(send)
                group.cancel_scope.cancel()
        finally:
            finishing = asyncio.wrap_future(self._delivery.end(self._outcome))
            with anyio.CancelScope(shield=True):
                # A server out of patience cancels without regard to scopes: that ends the waiting, not the closing.
                await asyncio.shield(finishing)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with anyio.move_on_after(self._delivery.call.on.bounds.answer_timeout) as answering:
            await self._send_events(send)
        with anyio.move_on_after(_LAST_WORD):
            if answering.cancelled_caught:
                await send(_body(_error(self._outcome)))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_events(self, send: Send) -> None:
        begun = self._delivery.begun
        pump = Pump(begun.answer, self._delivery.call.place)
        try:
            await send(_body(_event("receipt", {"id": begun.retrieval.receipt.id})))
            async for content, outcome in self._events(begun.answer, pump):
                await send(_body(content))
                self._outcome = outcome or self._outcome  # only once it is sent has it happened
        finally:
            pump.stop()

    async def _events(self, answer: Answer, pump: Pump) -> AsyncIterator[tuple[bytes, Outcome | None]]:
        while True:
            event = await pump.next()
            if isinstance(event, ModelInterruptedError):
                self._delivery.call.on.metrics.fault(event, self._delivery.call.id)
                yield _error("truncated"), "truncated"
                return
            if isinstance(event, Done):
                outcome = _outcome(event, answer)
                data = {"outcome": outcome, "reason": event.reason, "abstained": event.abstained}
                yield _event("done", data), outcome
                return
            yield _event(*_content(event)), None


async def until_gone(receive: Receive, sending: anyio.CancelScope) -> None:
    """Cancel `sending` when the caller has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    sending.cancel()


def _outcome(done: Done, answer: Answer) -> Outcome:
    if not answer.passages:
        return "denied"
    return "complete" if done.reason == "end" else "truncated"


def _content(event: Token | Citation) -> tuple[str, Mapping[str, object]]:
    if isinstance(event, Token):
        return "token", {"text": event.text}
    passage = event.passage
    return "citation", {
        "number": event.number,
        "document": name_of(passage.document),
        "title": passage.title,
        "version": passage.version,
        "ordinal": passage.ordinal,
        "start": passage.start,
        "end": passage.end,
        "page": passage.page,
    }


def _error(outcome: Outcome) -> bytes:
    return _event("error", {"outcome": outcome, "detail": _PROBLEM[outcome]})


def _event(name: str, data: Mapping[str, object]) -> bytes:
    # ASCII: no line break of any alphabet can end an event early, and a lone surrogate of the model is still JSON.
    return format_sse_event(data_str=json.dumps(data), event=name)


def _body(content: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": content, "more_body": True}
