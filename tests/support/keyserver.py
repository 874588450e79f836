"""An issuer on loopback: real HTTP, any answer, and a count of the requests."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest
from structlog.testing import capture_logs

from authz.errors import SigningKeysUnavailableError
from authz.identity import Issuer, Key
from authz.oidc import JwksClient, Limits
from authz.token import Reason, RefusedTokenError
from tests.support.loopback_server import Answer, body, loopback_server
from tests.support.tokens import SigningKey

LIMITS = Limits(silence=10, patience=20)
"""The usual ones, but patient: a busy machine is no outage."""
HASTY = Limits(silence=0.5, patience=1)
HOUR, DAY = 3600, 86_400
AUTHORITIES = ssl.create_default_context()
"""Made once: reading the usual certificates takes longer than most tests."""


@dataclass(slots=True)
class KeyServer:
    """What the server answers by path, changed at will, and which paths were asked for."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def jwks_uri(self) -> str:
        """The address of the key set."""
        return f"{self.url}/jwks"

    def publish(self, *keys: SigningKey | dict[str, object]) -> None:
        """Answer with these keys from now on."""
        self.serve({"keys": [key.jwk() if isinstance(key, SigningKey) else key for key in keys]})

    def serve(self, value: object, path: str = "/jwks") -> None:
        """Answer with `value` as JSON from now on."""
        self.answers[path] = body(json.dumps(value).encode())

    def hear(self, request: BaseHTTPRequestHandler) -> None:
        """Keep which path was asked for, and answer."""
        self.asked.append(request.path)
        self.answers.get(request.path, body(b"", status=404))(request)

    def fail(self, path: str = "/jwks") -> None:
        """Answer 500 from now on."""
        self.answers[path] = body(b"{}", status=500)


@contextmanager
def serving(certificate: ssl.SSLContext | None = None) -> Iterator[KeyServer]:
    """Run a key server on a free port of loopback, over TLS if it has a certificate."""
    state = KeyServer()
    with loopback_server(state.hear, certificate) as url:
        state.url = url
        yield state


@dataclass(slots=True)
class Clock:
    """A monotonic clock that the test turns."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def get(client: JwksClient, by: Issuer, kid: str = "key-1", algorithm: str = "RS256") -> Key:
    """Return the key that the client finds."""
    return client.key(by, kid, algorithm)


def refusal(client: JwksClient, by: Issuer, kid: str = "no-such-key", algorithm: str = "RS256") -> Reason:
    """Return why the client refuses the key's name."""
    with pytest.raises(RefusedTokenError) as refused:
        client.key(by, kid, algorithm)
    return refused.value.reason


def unavailable(client: JwksClient, by: Issuer, kid: str = "key-1") -> str:
    """Return the logged cause for which no key can be had, or nothing if no fetch was tried."""
    with capture_logs() as logs, pytest.raises(SigningKeysUnavailableError):
        client.key(by, kid, "RS256")
    return str(logs[0]["cause"]) if logs else ""
