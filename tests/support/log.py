"""The application's own log, kept where a test can read it, however long its server runs.

pytest's capture will not do: it replaces the standard output while threads of a server still write to the one before.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from structlog.typing import EventDict, WrappedLogger


@dataclass(slots=True)
class Log:
    """What was logged, as JSON lines, tracebacks included."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Keep an event, as structlog's last processor."""
        self.lines.append(json.dumps(event, default=repr))
        raise structlog.DropEvent

    def taken(self) -> str:
        """Return what was logged since this was last asked."""
        count = len(self.lines)
        found = "\n".join(self.lines[:count])
        del self.lines[:count]
        return found


@contextmanager
def logging_here() -> Iterator[Log]:
    """Let the application log into what is yielded, and nowhere else."""
    log = Log()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            log,
        ]
    )
    try:
        yield log
    finally:
        structlog.reset_defaults()
