"""A TCP proxy on loopback before a real backend, that can at any moment do what networks and backends do."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector
from urllib.parse import urlsplit

HOST = "127.0.0.1"
_CHUNK = 65_536
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing sends RST."""
_SETTLES = 0.05
"""Seconds until what was sent has surely been received: RST drops what was not read yet."""
_LAST = 2.0
"""Seconds that a client has to read the last of an answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    """One client's connection, and the one to the backend that belongs to it, both served by one thread."""

    client: socket.socket
    backend: socket.socket
    over: threading.Event
    """Set when the fault ends."""

    def end(self) -> None:
        """Close both ends; whoever reads one of them wakes."""
        for each in (self.backend, self.client):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


Fault = Callable[[Connection, bytes, socket.socket], bool]
"""What becomes of bytes that just came from one end of a connection; returns whether the connection goes on."""


def passes(connection: Connection, came: bytes, source: socket.socket) -> bool:
    """Be no fault."""
    (connection.backend if source is connection.client else connection.client).sendall(came)
    return True


def hangs(connection: Connection, _came: bytes, _source: socket.socket) -> bool:
    """Take what comes and say nothing, until the fault is over."""
    connection.over.wait()
    return False


def resets(connection: Connection, _came: bytes, _source: socket.socket) -> bool:
    """Send RST."""
    connection.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    connection.client.close()
    return False


def resets_after(most: int) -> Fault:
    """Return the fault that lets `most` bytes of an answer through, and then sends RST."""

    def fault(connection: Connection, came: bytes, source: socket.socket) -> bool:
        if source is connection.client:
            return passes(connection, came, source)
        connection.client.sendall(came[:most])
        time.sleep(_SETTLES)
        return resets(connection, came, source)

    return fault


def answers(content: bytes) -> Fault:
    """Return the fault that says `content`, be it HTTP or not, and hangs up."""

    def fault(connection: Connection, _came: bytes, _source: socket.socket) -> bool:
        connection.client.sendall(content)
        connection.client.shutdown(socket.SHUT_WR)
        connection.client.settimeout(_LAST)
        # Closing with something unread would send RST, which may overtake the answer.
        while connection.client.recv(_CHUNK):
            pass
        return False

    return fault


def drips(interval: float, content: bytes = b"") -> Fault:
    """Return the fault that says `content`, or else what the backend says, one byte every `interval` seconds."""

    def fault(connection: Connection, came: bytes, source: socket.socket) -> bool:
        if source is connection.client and not content:
            return passes(connection, came, source)
        for each in content or came:
            connection.client.sendall(bytes([each]))
            if connection.over.wait(interval):
                return False
        return not content

    return fault


def http(
    status: int, content: bytes = b"", kind: str = "application/json", length: int | None = None, **headers: str
) -> bytes:
    """Return an HTTP response; `length` is what it says of its length, if not the truth."""
    named = {"content_type": kind, "content_length": len(content) if length is None else length, **headers}
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


@dataclass(slots=True)
class FaultProxy:
    """Passes bytes to `target` and back, but for a fault: it befalls every connection on which the next bytes come."""

    target: tuple[str, int]
    port: int = 0
    befallen: int = 0
    """How many connections the faults have befallen."""
    _fault: Fault = passes
    _over: threading.Event = field(default_factory=threading.Event)
    _listener: socket.socket | None = None
    _open: set[Connection] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The proxy's address."""
        return f"http://{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    @contextmanager
    def failing(self, fault: Fault | None) -> Iterator[None]:
        """Let `fault` befall what comes meanwhile; None refuses connections, and resets those that are there."""
        self.befallen = 0
        self._over.clear()
        if fault is None:
            self.close()
        self._fault = fault or passes
        try:
            yield
        finally:
            self._fault = passes
            self._over.set()
            if fault is None:
                self.listen()

    def listen(self) -> None:
        """Accept connections, from now on at the same port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, self.port))
        listener.listen(128)
        self.port, self._listener = listener.getsockname()[1], listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Accept none any more, and end those that are there."""
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        with self._lock:
            connections = [*self._open]
        for each in connections:
            each.end()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                connection = Connection(client, socket.create_connection(self.target), self._over)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            with suppress(OSError), DefaultSelector() as ready:
                for each in (connection.client, connection.backend):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    ready.register(each, EVENT_READ, each)
                while all(self._relay(connection, key.data) for key, _ in ready.select()):
                    pass
        finally:
            connection.end()
            with self._lock:
                self._open.discard(connection)

    def _relay(self, connection: Connection, source: socket.socket) -> bool:
        came, fault = source.recv(_CHUNK), self._fault
        self.befallen += bool(came) and fault is not passes
        return bool(came) and fault(connection, came, source)


@contextmanager
def fault_proxy(url: str) -> Iterator[FaultProxy]:
    """Run a proxy before the backend at `url`, on a port of its own."""
    place = urlsplit(url)
    proxy = FaultProxy((place.hostname or HOST, place.port or 80))
    proxy.listen()
    try:
        yield proxy
    finally:
        proxy._over.set()  # noqa: SLF001 - a fault that hangs ends with its proxy
        proxy.close()
