"""How many answers may stream at once in this process, and the threads that read and close them."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TypeVar

from service.errors import BusyError

_T = TypeVar("_T")


class Streams:
    """Places for answers: one that finds none is refused at once, and none ever waits for a thread."""

    def __init__(self, most: int) -> None:
        # An answer has two threads at most: one prepares it and then reads its model, one closes its record.
        self._threads = ThreadPoolExecutor(2 * most, "stream")
        self._free = threading.Semaphore(most)

    def enter(self) -> "Place":
        """Take the place of one answer. Raises `BusyError` if all are taken."""
        if not self._free.acquire(blocking=False):
            message = "as many answers stream as this process can"
            raise BusyError(message)
        return Place(self._threads, self._free.release)


class Place:
    """One answer's place: free again once it is left and every thread of it has ended, a hung one included."""

    def __init__(self, threads: Executor, free: Callable[[], None]) -> None:
        self._threads = threads
        self._free = free
        self._held = 1
        self._left = False
        self._lock = threading.Lock()

    def run(self, work: Callable[[], _T]) -> "Future[_T]":
        """Begin `work` in a thread that nothing but its own end ends: no cancelled request takes it away."""
        future = self._threads.submit(work)
        with self._lock:
            self._held += 1
        future.add_done_callback(lambda _: self._drop())
        return future

    def leave(self) -> None:
        """Leave the place, once however often it is called."""
        with self._lock:
            if self._left:
                return
            self._left = True
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            self._held -= 1
            empty = self._held == 0
        if empty:
            self._free()
