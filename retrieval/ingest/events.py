"""From a message to the keys that are to be looked at. It is only a hint: what to do follows from what is there now."""

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote_plus

MAX_BODY: Final = 262_144
"""Characters of a message."""
PORTION: Final = 10
"""Keys in one message of our own: what is worked on under one message takes minutes, not hours."""
_MAX_KEY = 1_024
_KEYS = "keys"
_OURS = "antechamber"


class Poison(StrEnum):
    """Why a message will never be understood."""

    TOO_LARGE = "too large"
    NOT_JSON = "not JSON"
    UNKNOWN_SHAPE = "unknown shape"
    ANOTHER_BUCKET = "another bucket"
    UNDECODABLE_KEY = "undecodable key"


class PoisonError(Exception):
    """A message that will never be understood; its reason holds nothing of it."""

    def __init__(self, reason: Poison) -> None:
        super().__init__(reason)
        self.reason = reason


def keys_of(untrusted_body: str, bucket: str) -> tuple[str, ...]:
    """Return the keys that a message names, each once: an S3 event notification, or one of our own portions.

    None for S3's own test. Raises `PoisonError`.
    """
    if len(untrusted_body) > MAX_BODY:
        raise PoisonError(Poison.TOO_LARGE)
    try:
        plain = json.loads(untrusted_body)
    except (ValueError, RecursionError) as error:
        raise PoisonError(Poison.NOT_JSON) from error
    try:
        named = list(_named(plain))
    except (KeyError, TypeError, AttributeError) as error:
        raise PoisonError(Poison.UNKNOWN_SHAPE) from error
    if any(at != bucket for at, _ in named):
        raise PoisonError(Poison.ANOTHER_BUCKET)
    return tuple(dict.fromkeys(_checked(key) for _, key in named))


def portions(keys: Iterable[str], bucket: str) -> Iterator[Sequence[str]]:
    """Yield bodies of messages that name `keys`, ten at a time, so that no list of a large folder is held."""
    rest = iter(keys)
    while portion := list(islice(rest, PORTION * 10)):
        cut = (portion[start : start + PORTION] for start in range(0, len(portion), PORTION))
        yield [json.dumps({_OURS: _KEYS, "bucket": bucket, _KEYS: each}, ensure_ascii=False) for each in cut]


def _named(plain: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - any JSON
    if not isinstance(plain, dict):
        raise TypeError
    if plain.get("Event") == "s3:TestEvent":
        return
    if plain.get(_OURS) == _KEYS:
        yield from ((plain["bucket"], key) for key in _filled(plain[_KEYS]))
        return
    for record in _filled(plain["Records"]):
        if record["eventSource"] != "aws:s3":
            raise TypeError
        about = record["s3"]
        yield about["bucket"]["name"], _decoded(about["object"]["key"])


def _filled(plain: Any) -> Sequence[Any]:  # noqa: ANN401 - any JSON
    if not isinstance(plain, list) or not plain:
        raise TypeError
    return plain


def _decoded(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError as error:
        raise PoisonError(Poison.UNDECODABLE_KEY) from error


def _checked(key: object) -> str:
    if not isinstance(key, str) or not key:
        raise PoisonError(Poison.UNKNOWN_SHAPE)
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise PoisonError(Poison.UNDECODABLE_KEY) from error
    if size > _MAX_KEY:
        raise PoisonError(Poison.UNDECODABLE_KEY)
    return key
