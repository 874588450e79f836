"""From an application to a process that serves it until told to stop, and then ends what runs, within bounds."""

from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from service.dependencies import Dependencies

_log = structlog.get_logger("antechamber")

GRACE = 10
"""Seconds that running requests have to end after SIGTERM; what streams then is cancelled, and recorded as that."""
CLOSING = 10.0
"""Seconds that threads have after that, to close records and to give back what they hold."""
_IDLE = 190
"""Seconds that a connection may lie idle between requests: longer than the load balancer keeps one (180 s), or it sends
a request into one that was just closed, and answers 502."""
_HEADERS = 32_768
"""Bytes of a request's head: a token of 8 KB, and room for what browsers and load balancers add."""


def server_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """Return how `app` is served: no header that tells of the server, none of a proxy believed, no other protocol."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        ws="none",
        h11_max_incomplete_event_size=_HEADERS,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=GRACE,
    )


class DrainingServer(uvicorn.Server):
    """A server that, from the first signal on, says that it is not ready and gives no request a place."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Do what SIGTERM asks for: connections that are open still reach us until they are closed."""
        self._app.state.readiness.drain()
        on: Dependencies = self._app.state.dependencies
        on.streams.close()
        on.requests.close()
        super().handle_exit(sig, frame)


def ended(on: Dependencies, within: float = CLOSING) -> bool:
    """Return whether every thread of a request has ended in time, and say in the log if not: its record stays open."""
    if on.streams.emptied(within) and on.requests.emptied(within):
        return True
    _log.error("threads-left", answers=on.streams.taken, requests=on.requests.taken)
    return False
