"""The strict reading of a token, before anything in it is believed."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authz.errors import InvalidTokenError
from authz.token import (
    MAX_SECONDS,
    Reason,
    RefusedTokenError,
    decode_base64url,
    read_unverified,
    seconds,
    strict_object,
    text,
)
from tests.support.tokens import claims, rsa_key, segment

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


def reason_for(token: str) -> Reason:
    with pytest.raises(RefusedTokenError) as refused:
        read_unverified(token)
    return refused.value.reason


def test_header_and_claims_of_a_token_are_read() -> None:
    key = rsa_key()
    unverified = read_unverified(key.sign(claims()))
    assert unverified.unverified_claims == claims()
    assert unverified.unverified_header == {"alg": "RS256", "kid": key.kid, "typ": "at+jwt"}


def test_unverified_token_does_not_print_what_it_holds() -> None:
    assert "alice" not in repr(read_unverified(rsa_key().sign(claims(sub="alice"))))


def test_j15_token_of_exactly_8192_characters_is_read_and_one_more_is_not() -> None:
    shell = f"{segment(b'{}')}.{segment(b'{}')}."
    assert read_unverified(shell + "A" * (8192 - len(shell))).unverified_claims == {}
    assert reason_for(shell + "A" * (8196 - len(shell))) is Reason.SIZE


@pytest.mark.parametrize("parts", [0, 1, 2, 4, 5, 8000])
def test_j14_more_or_fewer_than_three_parts_are_refused(parts: int) -> None:
    assert reason_for(".".join(["e30"] * parts)[:8000]) is Reason.SHAPE


@pytest.mark.parametrize("odd", ["e30=", "e31", "e30 ", " e30", "e30\n", "e+30", "e/30", "", "e", "e3\u00b90", "e30\0"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_j14_segment_that_is_not_canonical_base64url_is_refused(odd: str, place: int) -> None:
    segments = ["e30"] * 3
    segments[place] = odd
    assert reason_for(".".join(segments)) is Reason.SHAPE


def test_refusal_says_one_sentence_and_keeps_nothing_of_the_token() -> None:
    with pytest.raises(InvalidTokenError) as refused:
        read_unverified(f"{segment(b'{secret')}.{segment(b'{}')}.AAAA")
    assert str(refused.value) == "the bearer token is not accepted"
    assert refused.value.__suppress_context__
    assert refused.value.__cause__ is None


@CALM
@given(st.binary(min_size=1))
def test_every_canonical_encoding_is_decoded(data: bytes) -> None:
    assert decode_base64url(segment(data)) == data


@CALM
@given(st.text())
def test_any_text_is_refused_in_one_way_only(garbage: str) -> None:
    with pytest.raises(RefusedTokenError):
        read_unverified(garbage)


@CALM
@given(st.binary(), st.binary())
def test_any_bytes_in_the_segments_are_read_as_objects_or_refused(header: bytes, payload: bytes) -> None:
    try:
        unverified = read_unverified(f"{segment(header)}.{segment(payload)}.AAAA")
    except RefusedTokenError:
        return
    assert unverified.unverified_claims == json.loads(payload)


@CALM
@given(st.dictionaries(st.text(), JSON))
def test_strict_object_reads_what_json_writes(value: dict[str, object]) -> None:
    assert strict_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b" ",
        b"[]",
        b"null",
        b"1",
        b'"{}"',
        b"{} {}",
        b"{,}",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"x": [{"a": 1, "a": 2}]}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 01}',
        b'{"a": "\n"}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        "{}".encode("utf-32"),
    ],
)
def test_j11_json_that_parsers_disagree_about_is_refused(odd: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - one error for every way of being malformed
        strict_object(odd)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_j15_json_nested_100_000_deep_is_refused_soon(opening: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match="deep"):
        strict_object(b'{"a":' + opening * 100_000)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("value", ["a", "a" * 255, "Zoë Müller", "https://login.acme.test/pool"])
def test_printable_text_is_accepted(value: str) -> None:
    assert text(value, Reason.SUBJECT) == value


@pytest.mark.parametrize("value", [None, "", "a" * 256, 1, True, b"a", ["a"], {}, "a\0", "a\n", "\ud800", "\u200b"])
def test_empty_long_or_unprintable_text_is_refused(value: object) -> None:
    with pytest.raises(RefusedTokenError) as refused:
        text(value, Reason.SUBJECT)
    assert refused.value.reason is Reason.SUBJECT


@pytest.mark.parametrize("value", [0, 1, 1_795_435_200, MAX_SECONDS])
def test_whole_seconds_are_accepted(value: int) -> None:
    assert seconds(value, Reason.TIME) == value


@pytest.mark.parametrize("value", [None, True, False, 1.0, 1e9, "1", -1, MAX_SECONDS + 1, 10**400, [], {}])
def test_j04_time_that_is_not_whole_seconds_is_refused(value: object) -> None:
    with pytest.raises(RefusedTokenError) as refused:
        seconds(value, Reason.TIME)
    assert refused.value.reason is Reason.TIME
