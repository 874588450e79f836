"""An HTTP server on loopback in a thread of its own: the frame of whatever plays a backend in tests."""

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]
"""Writes the whole response to one request."""
_SILENCE = 30.0
"""Seconds that a connection may say nothing."""


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""


@contextmanager
def loopback_server(answer: Answer, certificate: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answer every request by `answer` on a free port, over TLS if it has a certificate; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENCE

        def handle_any(self) -> None:
            answer(self)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _QuietServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        server.socket = certificate.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def body(data: bytes, status: int = 200, **headers: str) -> Answer:
    """Return an answer of `data`; underscores in the names of `headers` stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **named}.items():
            request.send_header(name, value)
        request.end_headers()
        stream(request, [data])

    return answer


def stream(request: BaseHTTPRequestHandler, chunks: Iterable[bytes]) -> None:
    """Write `chunks` until the client hangs up."""
    try:
        for chunk in chunks:
            request.wfile.write(chunk)
            request.wfile.flush()
    except OSError:
        request.close_connection = True
