"""From an address of an issuer to the object that is published there, over HTTP, within bounds as a whole."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, final

import httpx2

from authz.errors import SigningKeysUnavailableError
from authz.token import JsonObject, strict_object

_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})


def fetch_object(address: str, *, silence: float, patience: float, size: int, trust: ssl.SSLContext) -> JsonObject:
    """Return the JSON object at `address`, of at most `size` bytes, believing the certificates of `trust`.

    Waits at most `silence` seconds for the next bytes, and `patience` seconds for the whole answer. Raises
    `SigningKeysUnavailableError`.
    """
    try:
        return strict_object(_fetch(_checked(address), silence, patience, size, trust))
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        message = f"an address of the issuer gave no JSON object: {type(error).__name__}"
        raise SigningKeysUnavailableError(message) from error


def _checked(address: str) -> httpx2.URL:
    url = httpx2.URL(address)
    if not (url.scheme == "https" or (url.scheme == "http" and _is_loopback(url.host))):
        message = "an address of the issuer is not https"
        raise SigningKeysUnavailableError(message)
    return url


def _fetch(url: httpx2.URL, silence: float, patience: float, size: int, trust: ssl.SSLContext) -> bytes:
    # No redirects, no cookies kept, nothing from the environment (netrc, proxies).
    client = httpx2.Client(verify=trust, follow_redirects=False, trust_env=False, timeout=silence)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    started = time.monotonic()
    with (
        client,
        _shut_after(patience) as sockets,
        client.stream("GET", url, headers=headers, extensions={"trace": sockets}) as response,
    ):
        if response.status_code != httpx2.codes.OK:
            message = f"an address of the issuer answered {response.status_code}"
            raise SigningKeysUnavailableError(message)
        body = bytearray()
        for chunk in response.iter_raw():  # raw: what was compressed all the same is not unpacked
            body += chunk
            if len(body) > size or time.monotonic() - started > patience:
                message = "an address of the issuer answers too much, or too slowly"
                raise SigningKeysUnavailableError(message)
    return bytes(body)


@final
class _Sockets:
    """Told by the client (its `trace` extension) of each connection that it makes, so that these can be shut."""

    def __init__(self) -> None:
        self._made: list[socket.socket] = []
        self._over = False

    def __call__(self, event: str, said: Mapping[str, Any]) -> None:
        if event in _CONNECTED:
            self._made.append(said["return_value"].get_extra_info("socket"))
            if self._over:
                self.shut()

    def shut(self) -> None:
        """Wake whoever reads one of them."""
        self._over = True
        for each in [*self._made]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def _shut_after(seconds: float) -> Iterator[_Sockets]:
    """Yield what shuts the connections made under it after `seconds`: the client's own time-out is for each read.

    An answer whose head comes byte by byte would otherwise never end.
    """
    sockets = _Sockets()
    timer = threading.Timer(seconds, sockets.shut)
    timer.daemon = True
    timer.start()
    try:
        yield sockets
    finally:
        timer.cancel()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
