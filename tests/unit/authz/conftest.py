"""What the tests of the issuers' keys share: a server that publishes them, and a client that trusts it."""

from collections.abc import Iterator

import pytest

from authz.identity import Issuer
from authz.oidc import JwksClient
from tests.support.keyserver import AUTHORITIES, LIMITS, Clock, KeyServer, serving
from tests.support.tokens import issuer, rsa_key


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with serving() as running:
        running.publish(rsa_key())
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(clock: Clock) -> JwksClient:
    return JwksClient(clock, LIMITS, AUTHORITIES)


@pytest.fixture
def trusted(server: KeyServer) -> Issuer:
    return issuer(jwks_uri=server.jwks_uri)
