"""How often, and how many things at once, one person may ask: before any backend that answers is called."""

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from authz.identity import Identity
from service.errors import TooManyRequestsError

Release = Callable[[], None]
"""Counts one request less, once however often it is called; raises nothing, and may wait for a store."""


class Limits(Protocol):
    """Counts requests per issuer and subject."""

    def enter(self, identity: Identity) -> Release:
        """Count one request of `identity` until the returned value is called.

        Raises `TooManyRequestsError`, and `LimitsUnavailableError` if it cannot be counted.
        """
        ...


class PersonLimits:
    """`Limits` of this process alone."""

    def __init__(self, rate: str, concurrency: int) -> None:
        """Read `rate` as the `limits` package writes it ("60/minute"). Raises `ValueError` if it is not."""
        self._rate: RateLimitItem = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._concurrency = concurrency
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, identity: Identity) -> Release:
        """Count one request of `identity` until the returned value is called. Raises `TooManyRequestsError`."""
        person = person_of(identity)
        if not self._limiter.hit(self._rate, person):
            opens = self._limiter.get_window_stats(self._rate, person).reset_time
            raise too_often(opens - time.time())
        with self._lock:
            if self._running[person] >= self._concurrency:
                raise too_many()
            self._running[person] += 1
        return Once(lambda: self._leave(person))

    def _leave(self, person: str) -> None:
        """Count one request of `person` less; nobody who runs nothing is remembered."""
        with self._lock:
            self._running[person] -= 1
            if self._running[person] <= 0:
                del self._running[person]


class Once:
    """Does something once, however often it is called, from however many threads."""

    def __init__(self, what: Callable[[], None]) -> None:
        self._what = what
        self._done = threading.Lock()

    def __call__(self) -> None:
        """Do it, the first time."""
        if self._done.acquire(blocking=False):
            self._what()


def person_of(identity: Identity) -> str:
    """Return what an identity is counted by.

    In JSON: the limiter joins keys with slashes, which both names may hold, so that two persons would share one.
    """
    return json.dumps([identity.issuer, identity.subject])


def too_often(opens: float) -> TooManyRequestsError:
    """Return the refusal of somebody whose window opens in `opens` seconds."""
    message = "too many requests"
    return TooManyRequestsError(message, bound="rate", after=max(1, math.ceil(opens)))


def too_many() -> TooManyRequestsError:
    """Return the refusal of somebody who has as much running as one person may: what ends first is not known."""
    message = "too many requests at once"
    return TooManyRequestsError(message, bound="concurrency", after=1)
