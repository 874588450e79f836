"""From events to JSON lines on standard error: event, time, level, request and the named values, nothing else."""

import sys

import structlog


def log_as_json() -> None:
    """Write the log as JSON lines; what is logged while a request is served carries its id, in its threads too."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
