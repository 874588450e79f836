"""What proves nothing: tokens that attackers send, by their ids in the threat model."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from authz.identity import fits, identify
from authz.resource import TenantId
from authz.token import Reason, RefusedTokenError
from tests.support.gate import judge, reason_for
from tests.support.tokens import (
    AUDIENCE,
    ISSUER,
    NOW,
    SigningKey,
    StaticKeys,
    claims,
    cognito,
    ec_key,
    hostile_tokens,
    issuer,
    rsa_key,
)

SECONDS = int(NOW.timestamp())
CORPUS = hostile_tokens(rsa_key())


def hostile(*ids: str) -> list[Any]:
    return [pytest.param(token, id=name) for name, token in CORPUS if name.split()[0] in ids]


@pytest.mark.parametrize("token", hostile("J-01"))
def test_j01_unsigned_token_is_refused(token: str) -> None:
    assert reason_for(token) in {Reason.ALGORITHM, Reason.SHAPE}


@pytest.mark.parametrize("token", hostile("J-02"))
def test_j02_rs256_token_resigned_as_hs256_with_the_public_key_is_refused(token: str) -> None:
    assert reason_for(token) is Reason.ALGORITHM


@pytest.mark.parametrize("token", hostile("J-03"))
def test_j03_key_that_the_token_brings_is_never_used(token: str) -> None:
    keys = StaticKeys.of(rsa_key())
    assert reason_for(token, keys=keys) in {Reason.HEADER, Reason.SIGNATURE}


def test_j03_key_in_the_header_is_refused_before_any_key_is_asked_for() -> None:
    keys = StaticKeys.of(rsa_key())
    assert reason_for(rsa_key().sign(claims(), {"jwk": rsa_key().jwk()}), keys=keys) is Reason.HEADER
    assert keys.asked == 0


@pytest.mark.parametrize("token", hostile("J-04"))
def test_j04_token_without_a_sound_expiry_is_refused(token: str) -> None:
    assert reason_for(token) in {Reason.TIME, Reason.JSON, Reason.SIZE}


@pytest.mark.parametrize("token", hostile("J-05"))
def test_j05_token_for_another_audience_is_refused(token: str) -> None:
    assert reason_for(token) is Reason.AUDIENCE


def test_j05_list_that_holds_our_audience_alone_is_accepted() -> None:
    assert judge(rsa_key().sign(claims(aud=[AUDIENCE]))).subject == "alice"


@pytest.mark.parametrize("token", hostile("J-06"))
def test_j06_token_of_an_unknown_issuer_is_refused_before_any_key_is_asked_for(token: str) -> None:
    keys = StaticKeys.of(rsa_key())
    assert reason_for(token, keys=keys) is Reason.ISSUER
    assert keys.asked == 0


def test_j06_one_subject_of_two_issuers_is_two_identities() -> None:
    other = issuer(issuer="https://login.globex.test", tenants=frozenset({TenantId("globex")}))
    issuers = {ISSUER: issuer(), other.issuer: other}
    keys = StaticKeys.of(rsa_key())
    here = identify(rsa_key().sign(claims()), keys, issuers, NOW)
    there = identify(rsa_key().sign(claims(iss=other.issuer)), keys, issuers, NOW)
    assert here.subject == there.subject
    assert (here.issuer, here.tenants) != (there.issuer, there.tenants)


def test_j06_issuer_filed_under_another_name_is_not_believed() -> None:
    token = rsa_key().sign(claims(iss="https://other.test"))
    keys = StaticKeys.of(rsa_key())
    with pytest.raises(RefusedTokenError):
        identify(token, keys, {"https://other.test": issuer()}, NOW)
    assert keys.asked == 0


def test_j06_without_issuers_nobody_is_believed() -> None:
    with pytest.raises(RefusedTokenError):
        identify(rsa_key().sign(claims()), StaticKeys.of(rsa_key()), {}, NOW)


@pytest.mark.parametrize("token", hostile("J-07"))
def test_j07_token_from_the_future_is_refused(token: str) -> None:
    assert reason_for(token) is Reason.TIME


@pytest.mark.parametrize(
    ("changed", "accepted"),
    [
        ({"exp": SECONDS - 59, "iat": SECONDS - 3600}, True),
        ({"exp": SECONDS - 60, "iat": SECONDS - 3600}, False),
        ({"iat": SECONDS + 60}, True),
        ({"iat": SECONDS + 61}, False),
        ({"iat": SECONDS + 61, "nbf": SECONDS - 60}, False),
        ({"nbf": SECONDS + 60}, True),
        ({"nbf": SECONDS + 61}, False),
        ({"exp": SECONDS + 86_400}, True),
        ({"exp": SECONDS + 86_401}, False),
        ({"iat": SECONDS, "exp": SECONDS}, False),
        ({"iat": SECONDS, "exp": SECONDS + 1}, True),
    ],
)
def test_j07_skew_and_lifetime_end_at_the_second(changed: dict[str, int], accepted: bool) -> None:  # noqa: FBT001
    token = rsa_key().sign(claims(**changed))
    if accepted:
        assert judge(token).subject == "alice"
    else:
        assert reason_for(token) is Reason.TIME


def test_token_is_refused_when_the_clock_has_jumped_either_way() -> None:
    token = rsa_key().sign(claims())
    assert reason_for(token, now=NOW + timedelta(days=1)) is Reason.TIME
    assert reason_for(token, now=NOW - timedelta(days=1)) is Reason.TIME


def test_naive_clock_is_a_mistake_of_ours_and_not_of_the_token() -> None:
    with pytest.raises(ValueError, match="time zone"):
        judge(rsa_key().sign(claims()), now=NOW.replace(tzinfo=None))


def test_clock_of_another_time_zone_names_the_same_instant() -> None:
    assert judge(rsa_key().sign(claims()), now=NOW.astimezone()).expires_at == datetime(2026, 11, 23, 13, tzinfo=UTC)


@pytest.mark.parametrize("token", hostile("J-08"))
def test_j08_critical_or_unencoded_header_is_refused(token: str) -> None:
    assert reason_for(token) is Reason.HEADER


@pytest.mark.parametrize("token", hostile("J-09"))
def test_j09_token_of_another_type_or_use_is_refused(token: str) -> None:
    assert reason_for(token) in {Reason.TYPE, Reason.USE}


def test_j09_token_without_type_is_refused_unless_the_issuer_sends_none() -> None:
    token = rsa_key().sign(claims(), {"typ": None})
    assert reason_for(token) is Reason.TYPE
    assert judge(token, issuer(types=frozenset({""}))).subject == "alice"


def test_j09_empty_type_is_not_the_absence_of_one() -> None:
    assert reason_for(rsa_key().sign(claims(), {"typ": ""}), cognito()) is Reason.TYPE


def test_j10_cognito_access_token_names_its_client_instead_of_an_audience() -> None:
    token = rsa_key().sign(claims(aud=None), {"typ": None})
    assert judge(token, cognito()).subject == "alice"


@pytest.mark.parametrize("client", [None, "other", "", [AUDIENCE], AUDIENCE.upper(), True])
def test_j10_cognito_access_token_of_another_client_is_refused(client: object) -> None:
    token = rsa_key().sign(claims(aud=None, client_id=client), {"typ": None})
    assert reason_for(token, cognito()) is Reason.AUDIENCE


def test_j10_cognito_access_token_bound_to_another_audience_is_refused() -> None:
    token = rsa_key().sign(claims(aud="https://other.test"), {"typ": None})
    assert reason_for(token, cognito()) is Reason.AUDIENCE


def test_j10_audience_is_no_substitute_for_the_client() -> None:
    assert reason_for(rsa_key().sign(claims(client_id=None), {"typ": None}), cognito()) is Reason.AUDIENCE


@pytest.mark.parametrize("token", [pytest.param(t, id=n) for n, t in hostile_tokens(rsa_key(), typ="JWT")])
def test_j10_every_hostile_token_is_refused_by_cognitos_rules_too(token: str) -> None:
    reason_for(token, cognito())


@pytest.mark.parametrize("token", hostile("J-11"))
def test_j11_repeated_name_is_refused(token: str) -> None:
    assert reason_for(token) is Reason.JSON


@pytest.mark.parametrize("token", hostile("J-12"))
def test_j12_unknown_or_odd_key_id_is_refused(token: str) -> None:
    assert reason_for(token) in {Reason.KID, Reason.SIZE}


@pytest.mark.parametrize("token", hostile("J-13"))
def test_j13_algorithm_that_the_issuer_does_not_use_is_refused(token: str) -> None:
    assert reason_for(token) is Reason.ALGORITHM


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (rsa_key("weak", 1024), "RS256"),
        (rsa_key("key-1"), "ES256"),
        (ec_key("ec-1"), "RS256"),
        (ec_key("ec-1"), "ES384"),
        (ec_key("p-384", ec.SECP384R1), "ES256"),
        (ec_key("k-256", ec.SECP256K1), "ES256"),
    ],
    ids=["RSA-1024", "RSA as EC", "EC as RSA", "P-256 as P-384", "P-384 as P-256", "secp256k1"],
)
def test_j13_key_that_does_not_fit_the_algorithm_is_refused(key: SigningKey, alg: str) -> None:
    every = issuer(algorithms=("RS256", "ES256", "ES384"))
    token = key.sign(claims(), {"alg": alg}, alg)
    assert reason_for(token, every, StaticKeys.of(key)) is Reason.KEY


@pytest.mark.parametrize("key", [None, b"secret", rsa_key().pem(), rsa_key().jwk(), rsa_key().private])
def test_j13_only_a_public_key_object_is_a_key(key: object) -> None:
    assert not fits(key, "RS256")
    assert reason_for(rsa_key().sign(claims()), keys=StaticKeys({"key-1": key})) is Reason.KEY  # type: ignore[dict-item]


@pytest.mark.parametrize("alg", ["HS256", "none", "RS1", "", "PS256"])
def test_j13_key_fits_no_algorithm_outside_the_list(alg: str) -> None:
    assert not fits(rsa_key().public, alg)
    assert not fits(ec_key().public, alg)


@pytest.mark.parametrize("token", hostile("J-14"))
def test_j14_token_that_can_be_read_in_two_ways_is_refused(token: str) -> None:
    assert reason_for(token) in {Reason.SHAPE, Reason.JSON, Reason.SIGNATURE, Reason.SUBJECT}


@pytest.mark.parametrize("token", hostile("J-15"))
def test_j15_oversized_or_nested_token_is_refused_soon(token: str) -> None:
    started = time.monotonic()
    assert reason_for(token) in {Reason.SIZE, Reason.SHAPE, Reason.JSON, Reason.HEADER}
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name", [f"J-{number:02}" for number in range(1, 16) if number != 10])
def test_corpus_of_hostile_tokens_covers_every_id(name: str) -> None:
    assert hostile(name)


def test_hostile_tokens_differ_from_good_ones_only_by_their_defect() -> None:
    """J-16 is the keys' own; here: the same makers, asked for nothing odd, make tokens that are accepted."""
    assert judge(rsa_key().sign(claims(), {"typ": "at+jwt"})).subject == "alice"
    good = json.dumps(claims())
    header = json.dumps({"alg": "RS256", "kid": "key-1", "typ": "at+jwt"})
    assert judge(rsa_key().sign_text(header, f'{good[:-1]}, "nbf": {SECONDS}}}')).subject == "alice"
