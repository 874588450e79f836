"""What a worker counts, for its own metrics port, and what it logs: ids and reasons, nothing of a message's content."""

import structlog
from prometheus_client import CollectorRegistry, Counter

_log = structlog.get_logger("antechamber")


class WorkerMetrics:
    """The counters of one worker; no label holds anything of a person or a document."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._messages = Counter(
            "antechamber_messages", "Messages by what was done with them.", ["disposition"], registry=self.registry
        )
        self._intake = Counter(
            "antechamber_intake", "Sources by what became of them.", ["state"], registry=self.registry
        )
        self._faults = Counter("antechamber_faults", "Failing dependencies.", ["fault"], registry=self.registry)

    def began(self) -> None:
        """Say that the worker receives messages."""
        _log.info("worker-began")

    def ended(self, *, left: int) -> None:
        """Say that it has ended, and how many messages it could not finish."""
        _log.info("worker-ended", left=left)

    def settled(self, message: str, disposition: str, **details: str | int) -> None:
        """Count one `message` by its id."""
        self._messages.labels(disposition).inc()
        _log.info("message", message=message, disposition=disposition, **details)

    def taken(self, message: str, state: str) -> None:
        """Count what became of one source."""
        self._intake.labels(state).inc()
        _log.info("source", message=message, state=state)

    def fault(self, error: Exception, message: str | None = None) -> None:
        """Count a failing dependency, named by its error's type alone."""
        self._faults.labels(type(error).__name__).inc()
        _log.error("fault", fault=type(error).__name__, cause=type(error.__cause__).__name__, message=message)
