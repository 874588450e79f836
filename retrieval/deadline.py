"""The one deadline of a request, on the monotonic clock, passed on to every step that waits."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from retrieval.errors import DeadlineExceededError

Clock = Callable[[], datetime]
"""The time of day: aware, UTC."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant on the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds left, more than zero. Raises `DeadlineExceededError` if there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            message = "the request's deadline has passed"
            raise DeadlineExceededError(message)
        return left
