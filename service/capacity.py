"""How much this process does at once: places, each with the threads of one request, and never more than there are."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

import structlog

from retrieval.deadline import Deadline
from retrieval.errors import DeadlineExceededError
from service.errors import BusyError

_T = TypeVar("_T")
_log = structlog.get_logger("antechamber")

_THREADS = 4
"""A request has so many at most: its own step, two beside it (vector, which index answers), and one that ends it."""
OWN_WORD = 0.25
"""Seconds past the deadline in which the step that it ended may still say so itself."""
_LOOK = 0.05
"""Seconds between two looks whether everybody has left."""


class Capacity:
    """Places for requests: one that finds none is refused at once, and none ever waits for a thread."""

    def __init__(self, most: int, name: str = "place") -> None:
        self._threads = ThreadPoolExecutor(_THREADS * most, name)
        self._most = most
        self._taken = 0
        self._closed = False
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many places are taken, those of hung threads included."""
        return self._taken

    def enter(self) -> "Place":
        """Take a place. Raises `BusyError` if all are taken, or none is given any more."""
        with self._lock:
            if self._closed or self._taken >= self._most:
                message = "this process does as much as it can" if not self._closed else "this process is about to end"
                raise BusyError(message)
            self._taken += 1
        return Place(self._threads, self._free)

    def close(self) -> None:
        """Give no place any more; those who have one keep it."""
        self._closed = True

    def emptied(self, within: float) -> bool:
        """Return whether every place is free within so many seconds."""
        until = time.monotonic() + within
        while self._taken and time.monotonic() < until:
            time.sleep(_LOOK)
        return not self._taken

    def _free(self) -> None:
        with self._lock:
            self._taken -= 1


class Place:
    """One request's place: free again once it is left and every thread of it has ended, a hung one included."""

    def __init__(self, threads: Executor, free: Callable[[], None]) -> None:
        self._threads = threads
        self._free = free
        self._held = 1
        self._left = False
        self._over = False
        self._last: Callable[[], None] | None = None
        self._freed: Future[None] = Future()
        self._lock = threading.Lock()

    def at_last(self, work: Callable[[], None]) -> None:
        """Do `work` in a thread when all else has ended, before anybody else has the place; it raises nothing."""
        self._last = work

    def run(self, work: Callable[[], _T]) -> "Future[_T]":
        """Begin `work` in a thread that nothing but its own end ends: no cancelled request takes it away.

        What this context knows (the request's id in the log, its span) the thread knows too. Raises `RuntimeError` if
        the place is over: somebody else may have it.
        """
        with self._lock:
            if self._over:
                message = "this place has been left, and everything in it has ended"
                raise RuntimeError(message)
            self._held += 1
        return self._begin(work)

    async def within(self, deadline: Deadline, work: Callable[[], _T], undo: Callable[[_T], None] | None = None) -> _T:
        """Return the result of `work`, done in a thread. Raises `DeadlineExceededError`, and whatever `work` raises.

        Work that is late goes on and keeps the place. What it then returns nobody gets: `undo` takes it back.
        """
        seconds, first = deadline.left() + OWN_WORD, threading.Lock()
        begun = self.run(partial(_worked, work, undo, first))
        timer = asyncio.timeout(seconds)
        try:
            async with timer:
                return await asyncio.wrap_future(begun)
        except BaseException as error:
            if undo is not None and not first.acquire(blocking=False):
                self.run(partial(_undone, begun, undo))
            if not begun.done():
                begun.add_done_callback(_late)
            if timer.expired():
                message = "a step took longer than the request may"
                raise DeadlineExceededError(message) from error
            raise

    def leave(self) -> "Future[None]":
        """Leave the place, once however often this is called; what runs in it goes on.

        Returns at once what is done when the place is free.
        """
        with self._lock:
            first, self._left = not self._left, True
        if first:
            self._drop()
        return self._freed

    def _begin(self, work: Callable[[], _T]) -> "Future[_T]":
        try:
            future = self._threads.submit(copy_context().run, work)
        except BaseException:
            self._drop()
            raise
        future.add_done_callback(lambda _: self._drop())
        return future

    def _drop(self) -> None:
        with self._lock:
            self._held -= 1
            if self._held:
                return
            self._over = True
            last, self._last = self._last, None
            self._held = 1 if last else 0
        if last:
            self._begin(last)
        else:
            self._free()
            self._freed.set_result(None)


def _late(begun: "Future[_T]") -> None:
    """Tell what became of work that nobody waits for any more, if it failed: its record may stay open."""
    error = None if begun.cancelled() else begun.exception()
    if error is not None and not isinstance(error, DeadlineExceededError):
        _log.error("late-fault", fault=type(error).__name__, cause=type(error.__cause__).__name__)


def _worked(work: Callable[[], _T], undo: Callable[[_T], None] | None, first: threading.Lock) -> _T:
    result = work()
    if undo is not None and not first.acquire(blocking=False):
        undo(result)  # who waited for it is gone
    return result


def _undone(begun: "Future[_T]", undo: Callable[[_T], None]) -> None:
    if begun.exception() is None:
        undo(begun.result())
