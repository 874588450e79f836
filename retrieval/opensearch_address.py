"""Where OpenSearch is and how it knows us, and what of that is refused before anything is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from retrieval.errors import IndexMismatchError

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Signer = Callable[[str, str, Any], Mapping[str, str]]
"""Returns the headers that sign a request: opensearch-py's own signer for SigV4."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the engine is, and how it knows us: by name and password, by a signature, or (on loopback) not at all."""

    url: str
    auth: tuple[str, str] | Signer | None = field(default=None, repr=False)
    ca: Path | None = None
    """Certificates of the authorities to believe instead of the usual ones; TLS is always verified."""
    connections: int = 16

    def check(self) -> None:
        """Return if this may be spoken to. Raises `IndexMismatchError` that names the mend."""
        written = "the address of OpenSearch is written like https://host:9200, without a name or a password in it"
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise IndexMismatchError(written) from error
        if "aoss" in host.split("."):
            message = (
                "OpenSearch Serverless assigns the ids of its vector collections' documents itself, so that a late "
                "write could not be told from a new one: use an OpenSearch domain"
            )
            raise IndexMismatchError(message)
        if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc or parts.query or parts.fragment:
            raise IndexMismatchError(written)
        if host not in _LOOPBACK and (parts.scheme != "https" or self.auth is None):
            message = "beyond this machine, OpenSearch is reached by https and with credentials only"
            raise IndexMismatchError(message)
        if isinstance(self.auth, tuple) and not all(part.isascii() for part in self.auth):
            message = "the name and the password for OpenSearch are written in ASCII: HTTP defines no other alphabet"
            raise IndexMismatchError(message)
