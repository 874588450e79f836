"""Something on loopback that answers in place of OpenSearch, whatever a test wants, and keeps what it was sent."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


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

    url: str
    answer: Answer
    sent: list[Sent] = field(default_factory=list)

    def say(self, plain: object, status: int = 200, **headers: str) -> None:
        """Answer with `plain` as JSON from now on; underscores in the names of `headers` stand for hyphens."""
        self.answer = text(json.dumps(plain).encode(), status, **headers)


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""


@contextmanager
def stub_engine(certificate: ssl.SSLContext | None = None) -> Iterator[StubEngine]:
    """Run it on a free port, over TLS if it has a certificate."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def handle_any(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.sent.append(Sent(self.command, self.path, headers, content))
            state.answer(self)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _QuietServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        server.socket = certificate.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "http" if certificate is None else "https"
    state = StubEngine(f"{scheme}://localhost:{server.server_address[1]}", text(b"{}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def text(data: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """Return an answer of `data`."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", headers.pop("Content_Length", str(len(data))))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        write(request, [data])

    return answer


def write(request: BaseHTTPRequestHandler, chunks: "Iterator[bytes] | list[bytes]") -> None:
    """Write `chunks` until the client hangs up."""
    try:
        for chunk in chunks:
            request.wfile.write(chunk)
            request.wfile.flush()
    except OSError:
        request.close_connection = True
