"""From an issuer to the address of its keys: real HTTP and TLS on loopback."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from authz.errors import SigningKeysUnavailableError
from authz.identity import Issuer
from authz.oidc import JwksClient
from tests.support.keyserver import LIMITS, Clock, KeyServer, get, serving, unavailable
from tests.support.loopback_server import body
from tests.support.tokens import ec_key, issuer, rsa_key

pytestmark = pytest.mark.enable_socket


DISCOVERY = "/.well-known/openid-configuration"


@pytest.mark.parametrize("path", ["", "/", "/pool", "/pool/"])
def test_key_set_is_found_by_discovery(client: JwksClient, server: KeyServer, path: str) -> None:
    home = issuer(issuer=server.url + path)
    server.serve({"issuer": home.issuer, "jwks_uri": server.jwks_uri}, path.rstrip("/") + DISCOVERY)
    assert get(client, home) == rsa_key().public
    assert server.asked == [path.rstrip("/") + DISCOVERY, "/jwks"]


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://login.acme.test"},
        {"issuer": None},
        {"issuer": ["x"]},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": ""},
        {"jwks_uri": "http://login.acme.test/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_discovery_that_is_not_the_issuers_or_names_no_safe_address_is_refused(
    client: JwksClient, server: KeyServer, changed: dict[str, object]
) -> None:
    server.serve({"issuer": server.url, "jwks_uri": server.jwks_uri, **changed}, DISCOVERY)
    assert unavailable(client, issuer(issuer=server.url))
    assert server.asked == [DISCOVERY]


def test_discovery_of_another_spelling_of_the_issuer_is_refused(client: JwksClient, server: KeyServer) -> None:
    server.serve({"issuer": server.url + "/", "jwks_uri": server.jwks_uri}, DISCOVERY)
    assert unavailable(client, issuer(issuer=server.url))


def test_missing_discovery_is_an_outage(client: JwksClient, server: KeyServer) -> None:
    assert unavailable(client, issuer(issuer=server.url))


def test_log_of_a_failed_fetch_holds_nothing_that_was_fetched(
    client: JwksClient, trusted: Issuer, server: KeyServer
) -> None:
    server.answers["/jwks"] = body(b'{"secret-of-the-server": ')
    with capture_logs() as logs, pytest.raises(SigningKeysUnavailableError) as error:
        get(client, trusted)
    assert "secret" not in str(logs)
    assert "secret" not in str(error.value)


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key = ec_key("tls").private
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(pem)
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[KeyServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as running:
        running.publish(rsa_key())
        yield running


def test_server_whose_certificate_nobody_vouches_for_is_not_believed(secure: KeyServer) -> None:
    assert "ConnectError" in unavailable(JwksClient(Clock(), LIMITS), issuer(jwks_uri=secure.jwks_uri))
    assert secure.asked == []


def test_discovery_over_https_may_not_lead_to_plain_http(
    secure: KeyServer, server: KeyServer, certificate: Path
) -> None:
    home = issuer(issuer=secure.url)
    trusting = JwksClient(Clock(), LIMITS, ssl.create_default_context(cafile=certificate))
    secure.serve({"issuer": secure.url, "jwks_uri": server.jwks_uri}, DISCOVERY)
    assert "not https" in unavailable(trusting, home)
    assert server.asked == []
    secure.serve({"issuer": secure.url, "jwks_uri": secure.jwks_uri}, DISCOVERY)
    assert get(JwksClient(Clock(), LIMITS, ssl.create_default_context(cafile=certificate)), home) == rsa_key().public
