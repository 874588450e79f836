"""The policy set that is running, and how it is replaced: wholly, or not at all."""

import threading
from pathlib import Path

import structlog

from authz.errors import PolicyError
from authz.policy_set import PolicySet, load_policies

_log = structlog.get_logger("antechamber")


class RunningPolicies:
    """Called, it returns the running set; `reload` replaces it atomically or keeps it."""

    def __init__(self, directory: Path, first: PolicySet) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._running = first

    def __call__(self) -> PolicySet:
        """Return the running set: immutable, so that a request that takes it once keeps it."""
        return self._running

    def reload(self) -> bool:
        """Load the directory again and run it; on failure keep the running set, say why in the log, return False."""
        with self._lock:
            try:
                loaded = load_policies(self._directory)
                self._check_schema(loaded)
            except PolicyError as error:
                _log.error("policies-not-reloaded", reason=str(error), running=self._running.digest)
                return False
            self._running = loaded
        _log.info("policies-reloaded", digest=loaded.digest)
        return True

    def _check_schema(self, loaded: PolicySet) -> None:
        # Directory, registry and index read attributes by the schema that the process started with.
        if loaded.attributes != self._running.attributes:
            message = "the schema's attributes changed: ingest into a new index, and restart"
            raise PolicyError(message)
