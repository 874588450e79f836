"""Whether everything that this process needs answers: asked at most once a second, and never waited for long."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait

import structlog

_log = structlog.get_logger("antechamber")

FRESH = 1.0
"""Seconds that an answer serves: strangers may ask, and must not multiply into requests to the backends."""
PATIENCE = 2.0
"""Seconds that all probes together have; one that has not answered then is not ready."""


class Readiness:
    """Asks the probes beside each other; one that raises or hangs is not ready, and only the log says why."""

    def __init__(
        self,
        probes: Mapping[str, Callable[[], None]],
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._probes = probes
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max(1, len(probes)), "probe")
        self._asking: dict[str, Future[None]] = {}
        self._asked = float("-inf")
        self._states: Mapping[str, bool] = {}
        self.draining = False

    def drain(self) -> None:
        """Be ready no more: this process is about to end."""
        self.draining = True

    def __call__(self) -> Mapping[str, bool]:
        """Return by name whether each dependency is ready."""
        with self._lock:
            if self._clock() - self._asked >= FRESH:
                self._states = self._ask()
                self._asked = self._clock()
            return self._states

    def _ask(self) -> dict[str, bool]:
        for name, probe in self._probes.items():
            before = self._asking.get(name)
            if before is None or before.done():  # one that hangs is not asked a second time
                self._asking[name] = self._threads.submit(probe)
        wait(self._asking.values(), self._patience)
        return {name: _answered(name, asked) for name, asked in self._asking.items()}


def _answered(name: str, asked: "Future[None]") -> bool:
    error = asked.exception() if asked.done() else TimeoutError()
    if error is not None:
        _log.error("not-ready", dependency=name, fault=type(error).__name__)
    return error is None
