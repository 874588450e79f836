"""From an answer that blocks to events that the event loop can wait for: a thread reads the model's stream."""

import asyncio
import threading
from contextlib import suppress

from retrieval.tracing import step
from service.answer import Answer, AnswerEvent
from service.capacity import Place
from service.errors import ModelInterruptedError

WAITING = 32
"""Events that may wait for a slow reader; then the model's stream waits too."""


class Pump:
    """Reads an answer in a thread and hands its events to the event loop, at most `WAITING` ahead of the reader."""

    def __init__(self, answer: Answer, place: Place) -> None:
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[AnswerEvent | ModelInterruptedError] = asyncio.Queue()
        self._room = threading.Semaphore(WAITING)
        self._stopped = threading.Event()
        place.run(self._run)

    async def next(self) -> AnswerEvent | ModelInterruptedError:
        """Return the next event, or the error that the stream broke with."""
        event = await self._queue.get()
        self._room.release()
        return event

    def stop(self) -> None:
        """Let the thread end at its next event, or at once if it waits for room."""
        self._stopped.set()
        self._room.release()

    def _run(self) -> None:
        try:
            with step("stream"):
                self._read()
        except ModelInterruptedError as error:
            self._put(error)
        except Exception as error:  # noqa: BLE001 - whatever a stream may raise, the reader must hear of it and not wait
            interrupted = ModelInterruptedError("the model's stream failed")
            interrupted.__cause__ = error
            self._put(interrupted)

    def _read(self) -> None:
        for event in self._answer:
            self._put(event)
            if self._stopped.is_set():
                return

    def _put(self, event: AnswerEvent | ModelInterruptedError) -> None:
        self._room.acquire()
        if not self._stopped.is_set():
            with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._queue.put_nowait, event)
