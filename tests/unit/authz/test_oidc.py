"""The issuers' keys, over real HTTP on loopback: caching, rotation, outages, threads."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest
from structlog.testing import capture_logs

from authz.errors import InvalidTokenError
from authz.identity import Issuer, identify
from authz.oidc import JwksClient
from authz.token import Reason
from tests.support.keyserver import (
    DAY,
    HOUR,
    LIMITS,
    Clock,
    KeyServer,
    get,
    refusal,
    serving,
    unavailable,
)
from tests.support.loopback_server import body
from tests.support.tokens import ISSUER, NOW, claims, issuer, rsa_key

pytestmark = pytest.mark.enable_socket


def good_set() -> bytes:
    return json.dumps({"keys": [rsa_key().jwk()]}).encode()


# Fetching and caching.


def test_published_key_is_found_and_fetched_once(client: JwksClient, trusted: Issuer, server: KeyServer) -> None:
    for _ in range(20):
        assert get(client, trusted) == rsa_key().public
    assert server.asked == ["/jwks"]


def test_token_is_verified_with_the_key_that_was_fetched(client: JwksClient, trusted: Issuer) -> None:
    assert identify(rsa_key().sign(claims()), client, {ISSUER: trusted}, NOW).subject == "alice"


def test_j03_nothing_is_fetched_for_a_token_of_an_unknown_issuer(client: JwksClient, server: KeyServer) -> None:
    token = rsa_key().sign(claims(iss=server.url), {"jku": server.jwks_uri})
    for odd in (token, rsa_key().sign(claims(iss=server.url))):
        with pytest.raises(InvalidTokenError):
            identify(odd, client, {ISSUER: issuer()}, NOW)
    assert server.asked == []


def test_keys_of_one_issuer_do_not_speak_for_another(client: JwksClient, trusted: Issuer) -> None:
    with serving() as other:
        other.publish(rsa_key("key-2"))
        assert get(client, trusted) == rsa_key().public
        assert refusal(client, issuer(issuer="https://other.test", jwks_uri=other.jwks_uri), "key-1") is Reason.KID


def test_j12_flood_of_unknown_key_ids_costs_one_request_per_window(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    for window in range(1, 4):
        clock.now += 60
        for number in range(50):
            assert refusal(client, trusted, f"unknown-{number}") is Reason.KID
        assert len(server.asked) == 1 + window


def test_j12_unknown_key_id_inside_the_window_is_refused_without_a_request(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    clock.now += 59
    assert refusal(client, trusted) is Reason.KID
    assert len(server.asked) == 1


def test_j16_rotated_key_is_found_by_one_more_fetch(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    server.publish(rsa_key(), rsa_key("key-2"))
    clock.now += 60
    assert get(client, trusted, "key-2") == rsa_key("key-2").public
    assert len(server.asked) == 2


def test_j16_withdrawn_key_is_refused_once_the_set_is_no_longer_fresh(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    server.publish(rsa_key("key-2"))
    clock.now += HOUR
    assert refusal(client, trusted, "key-1") is Reason.KID
    assert get(client, trusted, "key-2") == rsa_key("key-2").public


def test_j16_key_replaced_under_its_old_name_is_replaced_here(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    server.publish(replace(rsa_key("key-2"), kid="key-1"))
    clock.now += HOUR
    assert get(client, trusted) == rsa_key("key-2").public


# Outages.


def test_j16_last_good_set_serves_until_its_limit_and_then_no_more(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    server.fail()
    clock.now += HOUR
    with capture_logs() as logs:
        assert get(client, trusted) == rsa_key().public
    assert [(entry["log_level"], entry["issuer"]) for entry in logs] == [("warning", ISSUER)]
    clock.now += DAY - HOUR - 1
    assert get(client, trusted) == rsa_key().public
    clock.now += 1
    unavailable(client, trusted)


def test_outage_is_not_a_request_per_token(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    server.fail()
    clock.now += HOUR
    for _ in range(50):
        get(client, trusted)
    assert len(server.asked) == 2
    clock.now += 60
    get(client, trusted)
    assert len(server.asked) == 3


def test_unknown_key_id_during_an_outage_is_neither_accepted_nor_called_invalid(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    server.fail()
    clock.now += 60
    unavailable(client, trusted, "key-2")
    unavailable(client, trusted, "key-2")
    assert len(server.asked) == 2
    assert get(client, trusted) == rsa_key().public


def test_issuer_that_was_never_reached_is_tried_again_after_the_pause(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    server.fail()
    for _ in range(20):
        unavailable(client, trusted)
    assert len(server.asked) == 1
    server.publish(rsa_key())
    clock.now += LIMITS.retry
    assert get(client, trusted) == rsa_key().public


def test_service_recovers_after_the_last_good_set_has_lapsed(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    server.fail()
    clock.now += DAY
    unavailable(client, trusted)
    server.publish(rsa_key("key-2"))
    clock.now += LIMITS.retry
    assert get(client, trusted, "key-2") == rsa_key("key-2").public
    assert refusal(client, trusted, "key-1") is Reason.KID


def test_nobody_listening_is_an_outage(client: JwksClient) -> None:
    with serving() as gone:
        address = gone.jwks_uri
    unavailable(client, issuer(jwks_uri=address))


# Threads.


def test_waiting_threads_reuse_the_result_of_one_fetch(client: JwksClient, trusted: Issuer, server: KeyServer) -> None:
    slow = threading.Event()

    def late(request: BaseHTTPRequestHandler) -> None:
        slow.wait(0.2)
        body(good_set())(request)

    server.answers["/jwks"] = late
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: get(client, trusted), range(64)))
    assert found == [rsa_key().public] * 64
    assert server.asked == ["/jwks"]


def test_thread_that_finds_its_key_does_not_wait_for_anothers_fetch(
    client: JwksClient, trusted: Issuer, server: KeyServer, clock: Clock
) -> None:
    get(client, trusted)
    asked, release = threading.Event(), threading.Event()

    def late(request: BaseHTTPRequestHandler) -> None:
        asked.set()
        release.wait(5)
        body(good_set())(request)

    server.answers["/jwks"] = late
    clock.now += HOUR
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(get, client, trusted)
        assert asked.wait(5)
        assert get(client, trusted) == rsa_key().public
        assert not first.done()
        release.set()
        assert first.result(5) == rsa_key().public
    assert len(server.asked) == 2
