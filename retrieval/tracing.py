"""From a step of a request to its span, and to the knowledge what a late request was waiting for.

Spans go nowhere unless the process was started with an OpenTelemetry SDK. What they say is fixed here: which step, how
it ended, and counts or digests that its caller names; no question, text, token, person, title or document.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode

from retrieval.errors import DeadlineExceededError

Step = Literal[
    "identify", "count", "look-up", "scope", "embed", "which-index", "search", "admit", "record", "build-prompt",
    "generate", "stream", "close",
]  # fmt: skip
"""The steps of a request, in the order of the flow."""

PREFIX = 12
"""Hex digits of a digest that a span may hold: enough to tell policy sets apart."""


@dataclass(slots=True)
class Progress:
    """The steps of one request that run now, and the one at which it was found to be late."""

    late: str | None = None
    _running: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def awaited(self) -> str:
        """Return which step a late request waits for: what has run longest, or else what said that it is late."""
        with self._lock:
            return next(iter(self._running), self.late or "none")

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Count the block as running step `name`."""
        with self._lock:
            self._running.append(name)
        try:
            yield
        except DeadlineExceededError:
            self.late = self.late or name
            raise
        finally:
            with self._lock:
                self._running.remove(name)


_PROGRESS: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def request_span() -> Iterator[tuple[Span, Progress]]:
    """Make the block the root of a new trace. A caller's own trace headers are not believed."""
    progress = Progress()
    token = _PROGRESS.set(progress)
    try:
        with _span("request", Context()) as span:
            yield span, progress
    finally:
        _PROGRESS.reset(token)


@contextmanager
def step(name: Step) -> Iterator[Span]:
    """Make the block the span of step `name`; what it raises is named by its type alone, for messages may hold more."""
    progress = _PROGRESS.get() or Progress()
    with _span(name) as span, progress.running(name):
        yield span


@contextmanager
def _span(name: str, context: Context | None = None) -> Iterator[Span]:
    tracer = trace.get_tracer("antechamber")
    with tracer.start_as_current_span(name, context, record_exception=False, set_status_on_exception=False) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
