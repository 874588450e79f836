"""What an issuer's answer may cost us, and where we would ask: real HTTP on loopback."""

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest
from structlog.testing import capture_logs

from authz.identity import Issuer
from authz.oidc import JwksClient
from tests.support.keyserver import (
    AUTHORITIES,
    HASTY,
    HOUR,
    LIMITS,
    Clock,
    KeyServer,
    get,
    unavailable,
)
from tests.support.loopback_server import body, stream
from tests.support.tokens import issuer, rsa_key

pytestmark = pytest.mark.enable_socket


# Bounds.


def hang(request: BaseHTTPRequestHandler) -> None:
    request.rfile.read(1)  # until the client hangs up
    request.close_connection = True


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()

    def slowly() -> Iterator[bytes]:
        for _ in range(200):
            request.wfile.flush()
            time.sleep(0.1)
            yield b" "

    stream(request, slowly())


def drip_head(request: BaseHTTPRequestHandler) -> None:
    def slowly() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX: "
        for _ in range(200):
            time.sleep(0.1)
            yield b"x"

    stream(request, slowly())


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    stream(request, (b" " * 65_536 for _ in range(1000)))


def good_set() -> bytes:
    return json.dumps({"keys": [rsa_key().jwk()]}).encode()


@pytest.mark.parametrize(
    "answer", [hang, drip, drip_head, endless], ids=["hangs", "drips", "drips its head", "never ends"]
)
def test_j16_answer_that_takes_too_long_or_too_much_is_given_up(
    trusted: Issuer, server: KeyServer, answer: object
) -> None:
    server.answers["/jwks"] = answer  # type: ignore[assignment]
    started = time.monotonic()
    unavailable(JwksClient(Clock(), HASTY, AUTHORITIES), trusted)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "answer",
    [
        body(good_set(), status=301, Location="/jwks"),
        body(b"", status=302, Location="/elsewhere"),
        body(b"", status=307, Location="http://127.0.0.1:9/"),
        body(good_set(), status=201),
        body(good_set(), status=404),
        body(good_set(), status=500),
        body(gzip.compress(good_set()), Content_Encoding="gzip"),
        body(gzip.compress(b" " * 100_000_000), Content_Encoding="gzip"),
        body(good_set() + b" " * 256 * 1024),
        body(b""),
        body(b"<html></html>"),
        body(b"\xff\xfe"),
        body(good_set()[:-2]),
        body(b"[" * 100_000),
        body(b'{"keys": ' + b"[" * 100_000),
        body(b'{"keys": [], ' + good_set()[1:]),
        body(b"\xef\xbb\xbf" + good_set()),
        body(good_set(), Content_Length="99999"),
    ],
)
def test_j16_redirect_error_compression_excess_or_garbage_is_no_key_set(
    client: JwksClient, trusted: Issuer, server: KeyServer, answer: object
) -> None:
    server.answers["/jwks"] = answer  # type: ignore[assignment]
    server.serve({"keys": [rsa_key().jwk()]}, "/elsewhere")
    assert unavailable(client, trusted)
    assert server.asked == ["/jwks"]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"keys": []},
        {"keys": {}},
        {"keys": None},
        {"keys": "key-1"},
        {"keys": [None, 7, "key-1", []]},
        {"keys": [{}]},
        {"keys": [rsa_key().jwk(kid=None)]},
        {"keys": [rsa_key().jwk(kid=7)]},
        {"keys": [rsa_key().jwk(kid=["key-1"])]},
        {"keys": [rsa_key().jwk()] * 2},
        {"keys": [rsa_key().jwk()] + [rsa_key("key-2").jwk(kid=f"k{number}") for number in range(100)]},
        {"keys": [{"kid": f"k{number}"} for number in range(3000)]},
        rsa_key().jwk(),
        [rsa_key().jwk()],
    ],
    ids=range(15),
)
def test_j16_empty_or_oversized_set_is_a_failed_fetch_and_the_last_good_one_stays(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock, value: object
) -> None:
    get(client, trusted)
    server.serve(value)
    clock.now += HOUR
    with capture_logs() as logs:
        assert get(client, trusted) == rsa_key().public
    assert len(logs) == 1
    assert unavailable(JwksClient(clock, LIMITS, AUTHORITIES), trusted)


def test_j16_10_000_keys_are_refused_soon(trusted: Issuer, server: KeyServer, clock: Clock) -> None:
    server.serve({"keys": [rsa_key().jwk(kid=f"k{number}") for number in range(10_000)]})
    started = time.monotonic()
    assert unavailable(JwksClient(clock, LIMITS, AUTHORITIES), trusted)
    assert unavailable(JwksClient(clock, replace(LIMITS, size=10_000_000), AUTHORITIES), trusted)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "address",
    [
        "http://login.acme.test/jwks",
        "http://127.0.0.1@login.acme.test/jwks",
        "http://127.0.0.1.login.acme.test/jwks",
        "http://localhost.login.acme.test/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///etc/passwd",
        "data:application/json,{}",
        "//127.0.0.1/jwks",
        "jwks",
        "http://",
        "https://",
        "http://[::1",
        "http://127.0.0.1:99999/jwks",
        "http://a\nb/",
    ],
)
def test_address_that_is_malformed_or_of_another_scheme_is_an_outage(client: JwksClient, address: str) -> None:
    assert unavailable(client, issuer(jwks_uri=address))


@pytest.mark.parametrize("host", ["0.0.0.0", "[::ffff:0.0.0.0]", "login.acme.test", "127.0.0.1.acme.test"])  # noqa: S104 - never bound
def test_plain_http_is_spoken_on_loopback_only(client: JwksClient, server: KeyServer, host: str) -> None:
    address = server.jwks_uri.replace("127.0.0.1", host)
    assert "not https" in unavailable(client, issuer(jwks_uri=address))
    assert server.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_plain_http_is_spoken_on_loopback(client: JwksClient, server: KeyServer, host: str) -> None:
    assert get(client, issuer(jwks_uri=server.jwks_uri.replace("127.0.0.1", host))) == rsa_key().public


def test_proxy_in_the_environment_is_not_asked(
    client: JwksClient, trusted: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(client, trusted) == rsa_key().public
