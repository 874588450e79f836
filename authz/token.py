"""From a bearer's text to what it says of itself: three segments of strict JSON, with nothing believed yet."""

import base64
import json
import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn, final

from authz.errors import InvalidTokenError

JsonObject = dict[str, object]


class Reason(StrEnum):
    """Why a token was refused: a fixed set, so that logs and metrics hold nothing the bearer chose."""

    ABSENT = "absent"
    SIZE = "size"
    SHAPE = "shape"
    JSON = "json"
    HEADER = "header"
    ISSUER = "issuer"
    TYPE = "type"
    ALGORITHM = "algorithm"
    KID = "kid"
    KEY = "key"
    SIGNATURE = "signature"
    TIME = "time"
    AUDIENCE = "audience"
    USE = "use"
    SUBJECT = "subject"
    AUTHENTICATION = "authentication"


MAX_TOKEN = 8192
"""Longest token in characters; all of them are ASCII."""
MAX_TEXT = 255
"""Longest claim or header value that is compared or kept, in characters (OIDC Core 1.0 §2, `sub`)."""
MAX_SECONDS = 253_402_300_799
"""The last second of the year 9999, beyond which there is no `datetime`."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_SEGMENTS = 3


@final
class RefusedTokenError(InvalidTokenError):
    """A token that is no evidence; the caller hears one sentence, the log gets `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__("the bearer token is not accepted")
        self.reason = reason


@final
@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """What a token says of itself: good for choosing the key that may verify it, and for nothing else."""

    unverified_header: JsonObject = field(repr=False)
    unverified_claims: JsonObject = field(repr=False)


def read_unverified(token: str) -> UnverifiedToken:
    """Read header and claims of the JWS compact serialisation `token` (RFC 7515 §7.1), verifying nothing.

    Raises `RefusedTokenError` unless it is three non-empty segments of canonical base64url, 8,192 characters at
    most together, of which the first two hold strict JSON objects. A JWE has five segments (RFC 7516 §7.1).
    """
    if len(token) > MAX_TOKEN:
        raise RefusedTokenError(Reason.SIZE)
    segments = token.split(".")
    if len(segments) != _SEGMENTS:
        raise RefusedTokenError(Reason.SHAPE)
    # `from None`, twice: the decoders' errors carry the text they failed on.
    try:
        header, claims, _signature = [decode_base64url(segment) for segment in segments]
    except ValueError:
        raise RefusedTokenError(Reason.SHAPE) from None
    try:
        return UnverifiedToken(strict_object(header), strict_object(claims))
    except ValueError:
        raise RefusedTokenError(Reason.JSON) from None


def decode_base64url(segment: str) -> bytes:
    """Decode `segment` (RFC 7515 §2). Raises `ValueError` unless it is the one canonical encoding of some bytes.

    Python's decoder skips foreign characters and ignores unused bits, so that many texts would mean the same bytes.
    """
    if not _SEGMENT.fullmatch(segment):
        message = "not base64url without padding"
        raise ValueError(message)
    decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        message = "not canonical base64url"
        raise ValueError(message)
    return decoded


def strict_object(data: bytes) -> JsonObject:
    """Parse `data` as one JSON object in UTF-8 with unique names and finite numbers (RFC 7493 §2).

    Raises `ValueError` for anything else, nesting that exhausts the stack included.
    """
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        message = "JSON is nested too deeply"
        raise ValueError(message) from None
    if not isinstance(value, dict):
        message = "JSON is not an object"
        raise ValueError(message)  # noqa: TRY004 - one error for every way of being malformed
    return value


def text(value: object, reason: Reason) -> str:
    """Return `value` if it is 1 to 255 printable characters. Raises `RefusedTokenError` with `reason` otherwise.

    A lone surrogate, which JSON can write as an escape, is not printable.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        raise RefusedTokenError(reason)
    return value


def seconds(value: object, reason: Reason) -> int:
    """Return `value` if it is whole seconds since 1970, stricter than RFC 7519's NumericDate: no fractions.

    Raises `RefusedTokenError` with `reason` otherwise; True and False are no numbers here.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SECONDS:
        raise RefusedTokenError(reason)
    return value


def _unique(pairs: list[tuple[str, object]]) -> JsonObject:
    named = dict(pairs)
    if len(named) != len(pairs):
        message = "JSON repeats a name"
        raise ValueError(message)
    return named


def _refuse(_constant: str) -> NoReturn:
    message = "JSON has no NaN and no infinities"
    raise ValueError(message)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        _refuse(number)
    return value
