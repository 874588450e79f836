"""From an answer to server-sent events: a thread pumps the model's stream, the event loop sends it on.

The closing record is written in a shielded `finally`: whatever ends the response, the record says how.
"""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Executor

import anyio
from anyio import to_thread
from fastapi.sse import format_sse_event

from retrieval.audit import Outcome
from service.answer import Answer, AnswerEvent, Citation, Done, Token
from service.api.bodies import name_of
from service.errors import ModelInterruptedError

_WAITING = 32
"""Events that may wait for a slow reader; then the model's stream waits too."""
_LOOK = 0.25
"""Seconds between two looks whether the caller is still there."""

_PROBLEM = {
    "truncated": "The answer broke off. What was sent stays, and the record says so.",
    "cancelled": "The answer took longer than it may.",
}


class Pump:
    """Reads an answer in a thread and hands its events to the event loop, at most `_WAITING` ahead of the reader."""

    def __init__(self, answer: Answer, pool: Executor) -> None:
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[AnswerEvent | ModelInterruptedError] = asyncio.Queue()
        self._room = threading.Semaphore(_WAITING)
        self._stopped = threading.Event()
        pool.submit(self._run)

    async def next(self) -> AnswerEvent | ModelInterruptedError:
        """Return the next event, or the error that the stream broke with."""
        event = await self._queue.get()
        self._room.release()
        return event

    def stop(self) -> None:
        """End the model's stream and the thread that reads it."""
        self._stopped.set()
        self._room.release()
        self._answer.close()

    def _run(self) -> None:
        try:
            for event in self._answer:
                self._put(event)
                if self._stopped.is_set():
                    return
        except ModelInterruptedError as error:
            self._put(error)
        except Exception:  # noqa: BLE001 - whatever a stream may raise, the reader must hear of it and not wait
            self._put(ModelInterruptedError("the model's stream failed"))

    def _put(self, event: AnswerEvent | ModelInterruptedError) -> None:
        self._room.acquire()
        if not self._stopped.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)


async def stream(  # noqa: PLR0913 - one answer on its way to one caller
    answer: Answer,
    receipt: str,
    is_gone: Callable[[], Awaitable[bool]],
    close: Callable[[Outcome], None],
    pool: Executor,
    timeout: float,  # noqa: ASYNC109 - a bound on the answer that is told to the caller, not a cancellation
) -> AsyncIterator[bytes]:
    """Yield `receipt`, then `token` and `citation` events, then `done` or `error`, and call `close` with the outcome.

    `timeout` is in seconds. A caller who goes away, or a server that stops, ends the model's stream at once.
    """
    outcome: Outcome = "cancelled"
    pump = Pump(answer, pool)
    until = anyio.current_time() + timeout
    try:
        yield _event("receipt", {"id": receipt})
        while True:
            event = await _next(pump, is_gone, until)
            if event is None:
                if anyio.current_time() >= until:
                    yield _event("error", {"outcome": outcome, "detail": _PROBLEM["cancelled"]})
                return
            if isinstance(event, ModelInterruptedError):
                outcome = "truncated"
                yield _event("error", {"outcome": outcome, "detail": _PROBLEM["truncated"]})
                return
            if isinstance(event, Done):
                outcome = _outcome(event, answer)
                yield _event("done", {"outcome": outcome, "reason": event.reason, "abstained": event.abstained})
                return
            yield _event(*_content(event))
    finally:
        pump.stop()
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(close, outcome)


async def _next(
    pump: Pump, is_gone: Callable[[], Awaitable[bool]], until: float
) -> AnswerEvent | ModelInterruptedError | None:
    """Return the pump's next event, or None once the caller is gone or the time is up."""
    while anyio.current_time() < until:
        try:
            async with asyncio.timeout(_LOOK):
                return await pump.next()
        except TimeoutError:
            if await is_gone():
                return None
    return None


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
    }


def _event(name: str, data: Mapping[str, object]) -> bytes:
    return format_sse_event(data_str=json.dumps(data, ensure_ascii=False), event=name)
