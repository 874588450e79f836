"""Something on loopback that answers in place of OpenSearch, whatever a test wants, and keeps what it was sent."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.loopback_server import Answer, body, loopback_server


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class StubEngine:
    """What it answers to everything, changed at will, and what it was sent."""

    answer: Answer
    url: str = ""
    sent: list[Sent] = field(default_factory=list)

    def say(self, plain: object, status: int = 200, **headers: str) -> None:
        """Answer with `plain` as JSON from now on; underscores in the names of `headers` stand for hyphens."""
        self.answer = text(json.dumps(plain).encode(), status, **headers)

    def hear(self, request: BaseHTTPRequestHandler) -> None:
        """Keep `request`, and answer it."""
        content = request.rfile.read(int(request.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.sent.append(Sent(request.command, request.path, headers, content))
        self.answer(request)


@contextmanager
def stub_engine(certificate: ssl.SSLContext | None = None) -> Iterator[StubEngine]:
    """Run it on a free port, over TLS if it has a certificate."""
    state = StubEngine(text(b"{}"))
    with loopback_server(state.hear, certificate) as url:
        state.url = url.replace("127.0.0.1", "localhost")
        yield state


def text(data: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """Return an answer of `data`."""
    return body(data, status, Content_Type=kind, **headers)
