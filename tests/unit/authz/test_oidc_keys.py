"""Which of the published keys are used: real HTTP on loopback."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from authz.identity import Issuer
from authz.oidc import JwksClient
from authz.token import Reason
from tests.support.keyserver import KeyServer, get, refusal
from tests.support.tokens import ec_key, rsa_key

pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize(
    "unfit",
    [
        {"use": "enc"},
        {"use": "SIG"},
        {"use": ""},
        {"use": ["sig"]},
        {"key_ops": ["encrypt"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"key_ops": None, "use": "enc"},
        {"alg": "RSA-OAEP"},
        {"alg": "HS256"},
        {"alg": "none"},
        {"alg": ""},
        {"alg": 7},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": None},
        {"n": None},
        {"e": None},
        {"n": ""},
        {"e": ""},
        {"n": 7},
        {"n": "!!"},
        {"e": "AA"},
        {"e": "Ag"},
        {"n": "é"},
        {"d": "AAAA"},
    ],
    ids=str,
)
def test_j13_key_that_is_not_for_verifying_is_not_in_the_set(
    client: JwksClient, trusted: Issuer, server: KeyServer, unfit: dict[str, object]
) -> None:
    server.publish(rsa_key().jwk(**unfit), rsa_key("key-2"))
    assert refusal(client, trusted, "key-1") is Reason.KID
    assert get(client, trusted, "key-2") == rsa_key("key-2").public


@pytest.mark.parametrize("bits", [1024, 2040])
def test_j13_short_rsa_key_is_not_in_the_set(client: JwksClient, trusted: Issuer, server: KeyServer, bits: int) -> None:
    server.publish(rsa_key("weak", bits), rsa_key())
    assert refusal(client, trusted, "weak") is Reason.KID
    assert get(client, trusted) == rsa_key().public


def test_j13_overlong_rsa_key_is_not_in_the_set(client: JwksClient, trusted: Issuer, server: KeyServer) -> None:
    server.publish(rsa_key().jwk(kid="vast", n="_" * 4000), rsa_key())
    assert refusal(client, trusted, "vast") is Reason.KID


def test_j13_curve_and_algorithm_of_a_key_must_fit(client: JwksClient, trusted: Issuer, server: KeyServer) -> None:
    off_curve = ec_key().jwk(kid="off", x=ec_key().jwk()["y"])
    server.publish(
        ec_key(), ec_key("p-384", ec.SECP384R1), ec_key("k-256", ec.SECP256K1), off_curve, rsa_key().jwk(alg="RS512")
    )
    assert get(client, trusted, "ec-1", "ES256") == ec_key().public
    assert get(client, trusted, "p-384", "ES384") == ec_key("p-384", ec.SECP384R1).public
    assert get(client, trusted, "key-1", "RS512") == rsa_key().public
    for kid, algorithm in (("ec-1", "ES384"), ("ec-1", "RS256"), ("p-384", "ES256"), ("key-1", "RS256")):
        assert refusal(client, trusted, kid, algorithm) is Reason.KEY
    assert refusal(client, trusted, "off", "ES256") is Reason.KID


@pytest.mark.parametrize("second", [{}, {"use": "enc"}, {"kty": "oct"}, {"n": None}], ids=str)
def test_j12_two_keys_of_one_name_are_both_ignored(
    client: JwksClient, trusted: Issuer, server: KeyServer, second: dict[str, object]
) -> None:
    server.publish(rsa_key(), rsa_key("key-2").jwk(**{"kid": "key-1", **second}), rsa_key("key-3"))
    assert refusal(client, trusted, "key-1") is Reason.KID
    assert get(client, trusted, "key-3") == rsa_key("key-3").public


def test_key_without_use_and_operations_is_in_the_set(client: JwksClient, trusted: Issuer, server: KeyServer) -> None:
    server.publish(rsa_key().jwk(use=None), rsa_key("key-2").jwk(use=None, key_ops=["verify"], alg="RS256"))
    assert get(client, trusted, "key-1") == rsa_key().public
    assert get(client, trusted, "key-2") == rsa_key("key-2").public
