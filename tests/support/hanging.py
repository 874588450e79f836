"""A port of which every call waits until a test lets it go."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Hanging:
    """Stands before a real port; its calls wait while `hung`, then reach it."""

    real: Any
    going: threading.Event = field(default_factory=threading.Event)
    waiting: int = 0
    """How many calls wait now."""
    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        found = getattr(self.real, name)
        return self._late(found) if callable(found) else found

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401 - as the port's
        """Call the real one, late."""
        return self._late(self.real)(*arguments)

    def _late(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def late(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the port's
            with self._lock:
                self.waiting += 1
                self.asked += 1
            try:
                self.going.wait(60)
            finally:
                with self._lock:
                    self.waiting -= 1
            return call(*arguments, **named)

        return late


@contextmanager
def hanging(real: object) -> Iterator[Hanging]:
    """Yield a port that hangs, and let all of its calls go at the end."""
    port = Hanging(real)
    try:
        yield port
    finally:
        port.going.set()
