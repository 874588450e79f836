"""The policy set that is running, and how it is replaced: wholly, or not at all."""

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from authz.errors import PolicyError
from authz.policy_set import PolicySet, load_policies
from retrieval.errors import IndexMismatchError

_log = structlog.get_logger("antechamber")


class RunningPolicies:
    """Called, it returns the running set; `reload` replaces it atomically or keeps it."""

    def __init__(self, directory: Path, supports: Callable[[PolicySet], None]) -> None:
        """Load the set in `directory`. Raises `PolicyError`, or what `supports` raises: nothing runs without one."""
        self._directory = directory
        self._supports = supports
        self._lock = threading.Lock()
        self._running = self._load()

    def __call__(self) -> PolicySet:
        """Return the running set: immutable, so that a request that takes it once keeps it."""
        return self._running

    def reload(self) -> bool:
        """Load the directory again and run it; on failure keep the running set, say why in the log, return False."""
        with self._lock:
            try:
                loaded = self._load()
            except (PolicyError, IndexMismatchError) as error:
                _log.error("policies-not-reloaded", reason=str(error), running=self._running.digest)
                return False
            self._running = loaded
        _log.info("policies-reloaded", digest=loaded.digest)
        return True

    def _load(self) -> PolicySet:
        loaded = load_policies(self._directory)
        self._supports(loaded)
        return loaded
