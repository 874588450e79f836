"""The application on a port, spoken to in bytes, as no HTTP client would."""

import re
import time
from dataclasses import dataclass

from tests.support.application import Application, disclosed
from tests.support.log import Log
from tests.support.server import Running, calling

CANARY = "CANARYWIRE"
DEADLINE = 2.0
"""Seconds for a body to come and for all that precedes an answer's first byte."""
CLOSE = "Connection: close"
JSON = "Content-Type: application/json"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@dataclass(frozen=True, slots=True)
class Site:
    """The application on a port, and how to speak to it without a client."""

    application: Application
    running: Running
    log: Log

    def request(self, method: str, target: str, *headers: str, body: bytes = b"", who: str | None = "alice") -> bytes:
        """Return a request as bytes; its headers are as given, but for the token."""
        named = [f"{name}: {value}" for name, value in (self.application.headers(who) if who else {}).items()]
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *named, *headers, "", ""]
        return "\r\n".join(lines).encode("latin-1") + body

    def exchange(self, *parts: bytes) -> bytes:
        """Send `parts`, and return what comes until the server hangs up. Raises `TimeoutError`."""
        with calling(self.running) as caller:
            caller.socket.settimeout(10)
            try:
                for part in parts:
                    caller.socket.sendall(part)
                    time.sleep(0.01)
                return caller.read_until(b"never said")
            except (BrokenPipeError, ConnectionResetError):  # it had heard enough
                return caller.received


def statuses(came: bytes) -> list[int]:
    """Return the statuses of the responses in `came`."""
    return [int(each) for each in STATUS.findall(came)]


def is_refused(came: bytes) -> bool:
    """Return whether it says that the caller is at fault, and repeats nothing."""
    assert all(400 <= each < 500 for each in statuses(came)), came
    assert statuses(came), came
    assert CANARY.encode() not in came
    assert not disclosed(came.decode("latin-1"))
    return True


def check_health(site: Site, said: str) -> None:
    """Fail unless the application still answers, and neither its log nor what else was `said` repeats anything."""
    assert statuses(site.exchange(site.request("GET", "/healthz", CLOSE))) == [200]
    assert CANARY not in site.log.taken() + said
