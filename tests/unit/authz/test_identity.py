"""The gate: what a token proves, and everything that proves nothing. Real keys, real signatures."""

import copy
import dataclasses
import json
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authz.errors import SigningKeysUnavailableError
from authz.identity import Identity, Issuer, Key, identify
from authz.seal import Seal
from authz.token import Reason, RefusedTokenError
from tests.support.gate import judge, reason_for
from tests.support.tokens import (
    ISSUER,
    NOW,
    TENANT,
    SigningKey,
    StaticKeys,
    claims,
    ec_key,
    issuer,
    rsa_key,
)

SECONDS = int(NOW.timestamp())
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure


# What a good token proves.


def test_good_token_proves_issuer_subject_and_tenants() -> None:
    identity = judge(rsa_key().sign(claims(auth_time=SECONDS - 60, amr=["pwd", "otp"])))
    assert identity.issuer == ISSUER
    assert identity.subject == "alice"
    assert identity.tenants == frozenset({TENANT})
    assert identity.authenticated_at == NOW - timedelta(minutes=1)
    assert identity.strength == frozenset({"pwd", "otp"})
    assert identity.expires_at == NOW + timedelta(hours=1)


def test_token_that_says_nothing_of_the_sign_in_has_no_time_and_no_strength() -> None:
    identity = judge(rsa_key().sign(claims()))
    assert identity.authenticated_at is None
    assert identity.strength == frozenset()


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
def test_each_rsa_algorithm_that_the_issuer_uses_is_verified(alg: str) -> None:
    assert judge(rsa_key().sign(claims(), alg=alg), issuer(algorithms=(alg,))).subject == "alice"


@pytest.mark.parametrize(("alg", "curve"), [("ES256", ec.SECP256R1), ("ES384", ec.SECP384R1)])
def test_each_curve_that_the_issuer_uses_is_verified(alg: str, curve: type[ec.EllipticCurve]) -> None:
    key = ec_key(alg, curve)
    trusted = issuer(algorithms=(alg,))
    token = key.sign(claims(), alg=alg)
    assert judge(token, trusted, StaticKeys.of(key)).subject == "alice"
    other = SigningKey(key.kid, ec.generate_private_key(curve()))
    assert reason_for(other.sign(claims(), alg=alg), trusted, StaticKeys.of(key)) is Reason.SIGNATURE


def test_type_is_compared_without_regard_to_case() -> None:
    assert judge(rsa_key().sign(claims(), {"typ": "AT+JWT"})).subject == "alice"


def test_harmless_header_that_is_never_used_is_no_reason_to_refuse() -> None:
    assert judge(rsa_key().sign(claims(), {"x5t": "AAAA"})).subject == "alice"


@pytest.mark.parametrize(
    "changed",
    [
        {"auth_time": "1"},
        {"auth_time": True},
        {"auth_time": 1.5},
        {"auth_time": SECONDS + 120},
        {"auth_time": -1},
        {"auth_time": 10**20},
        {"amr": "pwd"},
        {"amr": [""]},
        {"amr": [1]},
        {"amr": [["pwd"]]},
        {"amr": {"pwd": 1}},
        {"amr": ["a\nb"]},
        {"amr": ["pwd"] * 33},
    ],
)
def test_malformed_account_of_the_sign_in_is_refused(changed: dict[str, object]) -> None:
    assert reason_for(rsa_key().sign(claims(**changed))) is Reason.AUTHENTICATION


def test_null_account_of_the_sign_in_is_refused() -> None:
    for name in ("auth_time", "amr"):
        assert reason_for(rsa_key().sign({**claims(), name: None})) is Reason.AUTHENTICATION


# Whatever comes.


@CALM
@given(st.data())
def test_changing_any_one_character_of_a_good_token_refuses_it(data: st.DataObject) -> None:
    token = rsa_key().sign(claims())
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= \n\0é"))
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        reason_for(changed)


@CALM
@given(
    st.dictionaries(
        st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "client_id", "token_use", "auth_time", "amr"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text()
        | st.lists(st.text() | st.integers(), max_size=3)
        | st.dictionaries(st.text(), st.integers(), max_size=2),
        min_size=1,
    )
)
def test_claims_of_any_type_are_judged_and_never_crash_the_gate(changed: dict[str, object]) -> None:
    try:
        identity = judge(rsa_key().sign({**claims(), **changed}))
    except RefusedTokenError:
        return
    assert identity.issuer == ISSUER
    assert identity.expires_at > NOW - timedelta(minutes=1)


@CALM
@given(
    st.dictionaries(st.text(max_size=5).map("x-{}".format), st.integers() | st.text(max_size=5), max_size=3),
    st.binary(max_size=300),
)
def test_header_of_any_form_is_judged_and_never_crashes_the_gate(headers: dict[str, object], odd: bytes) -> None:
    good = rsa_key().sign(claims())
    assert judge(rsa_key().sign(claims(), headers)).subject == "alice"
    reason_for(rsa_key().sign_text(odd.decode("latin-1"), json.dumps(claims())))
    reason_for(good.rsplit(".", 1)[0] + "." + odd.hex() + "A")


# When it is not the token.


def test_unavailable_keys_are_not_the_tokens_fault() -> None:
    with pytest.raises(SigningKeysUnavailableError):
        judge(rsa_key().sign(claims()), keys=StaticKeys({}, down=True))


class BrokenKeys:
    """An adapter with a defect."""

    def key(self, issuer: Issuer, kid: str, algorithm: str) -> Key:
        return self._break(issuer, kid, algorithm)

    def _break(self, *_: object) -> NoReturn:
        message = "a defect of ours"
        raise ZeroDivisionError(message)


def test_defect_of_the_key_source_is_not_taken_for_a_verdict() -> None:
    with pytest.raises(ZeroDivisionError):
        identify(rsa_key().sign(claims()), BrokenKeys(), {ISSUER: issuer()}, NOW)


# The types.


def test_identity_is_made_only_by_identify() -> None:
    forged = {
        "issuer": ISSUER,
        "subject": "alice",
        "tenants": frozenset({TENANT}),
        "authenticated_at": None,
        "strength": frozenset[str](),
        "expires_at": NOW,
    }
    for seal in (None, Seal("Identity"), "Identity"):
        with pytest.raises(TypeError, match="made only by"):
            Identity(**forged, seal=seal)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Identity(**forged)  # type: ignore[arg-type]


def test_identity_cannot_be_altered() -> None:
    identity = judge(rsa_key().sign(claims()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        identity.subject = "mallory"  # type: ignore[misc]
    with pytest.raises(ValueError, match="seal"):
        dataclasses.replace(identity, subject="mallory")  # type: ignore[call-arg]
    assert copy.copy(identity) == identity


def test_identity_does_not_print_the_token() -> None:
    token = rsa_key().sign(claims())
    printed = repr(judge(token))
    assert not any(segment in printed for segment in token.split("."))
    assert "seal" not in printed.lower()


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": ""},
        {"audience": ""},
        {"audience_claim": "azp"},
        {"token_use": ""},
        {"types": frozenset()},
        {"types": frozenset({"AT+JWT"})},
        {"types": "at+jwt"},
        {"algorithms": ()},
        {"algorithms": ("none",)},
        {"algorithms": ("None",)},
        {"algorithms": ("HS256",)},
        {"algorithms": ("RS256", "HS512")},
        {"algorithms": ("PS256",)},
        {"algorithms": ("rs256",)},
        {"algorithms": "RS256"},
        {"leeway": -1},
        {"leeway": 301},
        {"max_age": timedelta(0)},
        {"max_age": timedelta(seconds=-1)},
    ],
    ids=str,
)
def test_j02_issuer_under_which_the_gate_would_be_open_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="issuer setting"):
        issuer(**wrong)
