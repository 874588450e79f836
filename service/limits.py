"""How often, and how many things at once, one person may ask: before any backend is called."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from authz.identity import Identity
from service.errors import TooManyRequestsError


class PersonLimits:
    """Counts per issuer and subject, in this process."""

    def __init__(self, rate: str, concurrency: int) -> None:
        """Read `rate` as the `limits` package writes it ("60/minute"). Raises `ValueError` if it is not."""
        self._rate: RateLimitItem = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._concurrency = concurrency
        self._running: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, identity: Identity) -> Iterator[None]:
        """Count one request of `identity` while it runs. Raises `TooManyRequestsError`."""
        release = self.enter(identity)
        try:
            yield
        finally:
            release()

    def enter(self, identity: Identity) -> "Release":
        """Count one request of `identity` until the returned value is called. Raises `TooManyRequestsError`."""
        person = (identity.issuer, identity.subject)
        # In JSON: the limiter joins keys with slashes, which both names may hold, so that two persons would share one.
        if not self._limiter.hit(self._rate, json.dumps(person)):
            message = "too many requests"
            raise TooManyRequestsError(message)
        with self._lock:
            if self._running[person] >= self._concurrency:
                message = "too many requests at once"
                raise TooManyRequestsError(message)
            self._running[person] += 1
        return Release(self, person)

    def leave(self, person: tuple[str, str]) -> None:
        """Count one request of `person` less; nobody who runs nothing is remembered."""
        with self._lock:
            self._running[person] -= 1
            if self._running[person] <= 0:
                del self._running[person]


class Release:
    """Ends what `enter` began, once however often it is called."""

    def __init__(self, limits: PersonLimits, person: tuple[str, str]) -> None:
        self._limits = limits
        self._person = person
        self._done = threading.Lock()

    def __call__(self) -> None:
        """Count one request less."""
        if self._done.acquire(blocking=False):
            self._limits.leave(self._person)
