"""Whether everything that this process needs answers: asked at most once a second, however many ask."""

import threading
import time
from collections.abc import Callable, Mapping

import structlog

_log = structlog.get_logger("antechamber")

FRESH = 1.0
"""Seconds that an answer serves: strangers may ask, and must not multiply into requests to the backends."""


class Readiness:
    """Asks the probes; one that raises is not ready, and only the log says why."""

    def __init__(self, probes: Mapping[str, Callable[[], None]], clock: Callable[[], float] = time.monotonic) -> None:
        self._probes = probes
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = float("-inf")
        self._states: Mapping[str, bool] = {}

    def __call__(self) -> Mapping[str, bool]:
        """Return by name whether each dependency is ready."""
        with self._lock:
            if self._clock() - self._asked >= FRESH:
                self._states = {name: _answers(name, probe) for name, probe in self._probes.items()}
                self._asked = self._clock()
            return self._states


def _answers(name: str, probe: Callable[[], None]) -> bool:
    try:
        probe()
    except Exception as error:  # noqa: BLE001 - whatever a probe raises, it is not ready
        _log.error("not-ready", dependency=name, fault=type(error).__name__)
        return False
    return True
