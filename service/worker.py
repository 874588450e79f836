"""The worker's loop: receives messages while it has hands free, keeps them while they are worked on, and stops soon.

One hand is one thread. A message is deleted once it is done, shown again after a pause if something failed, and put
among the dead letters if it will never be understood; what the queue gives up is the queue's own affair.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from retrieval.errors import QueueUnavailableError
from retrieval.queue import Message, Queue
from service.handling import Buried, Disposition, Done, Later
from service.worker_metrics import WorkerMetrics

WAIT = 5
"""Seconds of one long poll: as long as it may take to notice that the worker is to stop."""
_GRACE = 20.0
"""Seconds that what is being worked on has to end."""
_PAUSE, _PAUSES = 5.0, 10
"""Seconds after which a queue that failed is asked again, and in how many pieces they pass."""


@dataclass
class _Kept:
    """A message that the queue is kept from delivering again, until it is done."""

    message: Message
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: bool = False


@dataclass
class Worker:
    """Works through one queue. `handle` never raises for what a message asks for."""

    queue: Queue
    handle: Callable[[Message], Disposition]
    metrics: WorkerMetrics
    hands: int
    visibility: int
    """Seconds for which the queue hides what it delivers."""
    wait: int = WAIT
    grace: float = _GRACE
    _told: bool = field(default=False, init=False)
    """To stop. No event: a signal's handler must not wait for a lock that its own thread may hold."""
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)
    _ended: threading.Event = field(default_factory=threading.Event, init=False)
    _kept: dict[str, _Kept] = field(default_factory=dict, init=False)
    """By receipt."""
    _busy: int = field(default=0, init=False)
    """Hands at work."""

    def stop(self) -> None:
        """Receive no more; safe in a signal's handler."""
        self._told = True

    def run(self, *, once: bool = False) -> int:
        """Work until told to stop, or `once` nothing more is there; return how many messages were left unfinished.

        Raises `QueueUnavailableError` only if it is to run once.
        """
        self.metrics.began()
        threading.Thread(target=self._keep, daemon=True).start()
        while not self._told:
            free = self._free()
            if free == 0:
                continue
            idle = free == self.hands
            messages = self._received(free, once=once)
            self._begin(messages)
            if once and idle and not messages:
                break
        return self._end()

    def _free(self) -> int:
        """Return how many hands are free, after a moment's wait if none is."""
        with self._changed:
            self._changed.wait_for(lambda: self._busy < self.hands, timeout=0.5)
            return self.hands - self._busy

    def _received(self, most: int, *, once: bool) -> list[Message]:
        try:
            return list(self.queue.receive(most, min(self.wait, 1) if once else self.wait))
        except QueueUnavailableError as error:
            if once:
                raise
            self.metrics.fault(error)
            self._rest()
            return []

    def _rest(self) -> None:
        for _ in range(_PAUSES):
            if not self._told:
                time.sleep(_PAUSE / _PAUSES)

    def _begin(self, messages: list[Message]) -> None:
        for message in messages:
            if self._told:
                self._settle(message, "given back", lambda given: self.queue.hide(given, 0))
                continue
            kept = _Kept(message)
            with self._changed:
                self._kept[message.receipt] = kept
                self._busy += 1
            # No pool: what outlasts the grace must not keep the process from ending; the queue delivers it again.
            threading.Thread(target=self._work, args=(kept,), daemon=True).start()

    def _work(self, kept: _Kept) -> None:
        message = kept.message
        try:
            disposition = self.handle(message)
            with kept.lock:
                kept.done = True  # so that nothing overrides what follows
            self._dispose(message, disposition)
        except Exception as error:  # noqa: BLE001 - the queue delivers it again once it is no longer kept
            self.metrics.fault(error, message.id)
        finally:
            kept.done = True
            with self._changed:
                self._kept.pop(message.receipt, None)
                self._busy -= 1
                self._changed.notify_all()

    def _dispose(self, message: Message, disposition: Disposition) -> None:
        match disposition:
            case Done():
                self._settle(message, "done", self.queue.delete)
            case Buried(reason):
                self._settle(message, "buried", lambda each: self.queue.bury(each, reason), reason=reason)
            case Later(seconds, last):
                name = "given up" if last else "later"
                self._settle(message, name, lambda each: self.queue.hide(each, 0 if last else seconds), seconds=seconds)

    def _settle(self, message: Message, name: str, settle: Callable[[Message], None], **details: str | int) -> None:
        try:
            settle(message)
        except QueueUnavailableError as error:
            self.metrics.fault(error, message.id)
            return
        self.metrics.settled(message.id, name, received=message.received, **details)

    def _keep(self) -> None:
        """Hide what is being worked on again and again, at a third of the time for which the queue does so."""
        while not self._ended.wait(self.visibility / 3):
            with self._changed:
                kept = list(self._kept.values())
            for each in kept:
                self._keep_one(each)

    def _keep_one(self, kept: _Kept) -> None:
        with kept.lock:
            if kept.done:
                return
            try:
                self.queue.hide(kept.message, self.visibility)
            except QueueUnavailableError as error:
                self.metrics.fault(error, kept.message.id)

    def _end(self) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._busy == 0, timeout=self.grace)
            left = self._busy
        self._ended.set()
        self.metrics.ended(left=left)
        return left
