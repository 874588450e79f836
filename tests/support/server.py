"""The application on a real server on loopback, as `main` configures it, and a client that holds its socket."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI

from service.serving import DrainingServer, server_config

HOST = "127.0.0.1"


@dataclass(slots=True)
class Running:
    """A server in a thread of its own."""

    server: uvicorn.Server
    thread: threading.Thread

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    def stop(self, within: float = 30) -> None:
        """Do what SIGTERM does, and wait for the end."""
        self.server.should_exit = True
        self.thread.join(within)
        assert not self.thread.is_alive(), "the server did not end"


@contextmanager
def serving(app: FastAPI, grace: float | None = None) -> Iterator[Running]:
    """Serve `app` on loopback; `grace` is in seconds, if not the usual."""
    config = server_config(app, HOST, 0)
    if grace is not None:
        config.timeout_graceful_shutdown = grace  # type: ignore[assignment]  # whole seconds only by annotation
    server = DrainingServer(config, app)
    running = Running(server, threading.Thread(target=server.run, daemon=True))
    running.thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield running
    finally:
        running.stop()


@dataclass(slots=True)
class Caller:
    """A connection that reads only when told to."""

    socket: socket.socket
    received: bytes = field(default=b"", repr=False)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> None:
        """Send one request."""
        content = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(content)}", "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + content)

    def read_until(self, wanted: bytes) -> bytes:
        """Read until `wanted` has come, or the connection ends; return all that was received."""
        while wanted not in self.received:
            found = self.socket.recv(65_536)
            if not found:
                break
            self.received += found
        return self.received

    def hang_up(self) -> None:
        """Go away."""
        self.socket.close()


@contextmanager
def calling(running: Running, buffer: int | None = None) -> Iterator[Caller]:
    """Connect; `buffer` is how many bytes the kernel may receive for a caller who does not read."""
    with socket.socket() as connection:
        if buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(20)
        connection.connect((HOST, running.port))
        yield Caller(connection)
