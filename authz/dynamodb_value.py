"""From bytes of any size to parts below DynamoDB's 400 KB, and back with their digest compared."""

import hashlib
import hmac
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from authz.dynamodb_table import PK, SK, Item, Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

PART = 350_000
"""Most bytes of a part: an item may hold 400 KB, names included."""
_INLINE = 12_000
"""Most bytes that an item holds of a value itself: some hundreds of groups, and few units of reading."""
_MAX_PARTS = 100
_MAX_SIZE = 256 * 1024 * 1024
"""Most bytes of a value when expanded: a bound for what a damaged item can make us hold."""


def parts_of(content: bytes) -> list[bytes]:
    """Return `content`, compressed, in parts of at most `PART` bytes. Raises `ValueError` if there are too many."""
    packed = zlib.compress(content)
    parts = [packed[start : start + PART] for start in range(0, len(packed), PART)]
    if len(parts) > _MAX_PARTS or len(content) > _MAX_SIZE:
        message = "a value is too large for the table"
        raise ValueError(message)
    return parts


def content_of(parts: Sequence[bytes], sha256: str) -> bytes:
    """Return what `parts` hold. Raises `ValueError` unless it is whole and `sha256` in hex is its digest."""
    expand = zlib.decompressobj()
    content = expand.decompress(b"".join(parts), _MAX_SIZE)
    if not expand.eof or not hmac.compare_digest(sha256, digest_of(content)):
        message = "the parts of a value do not make it up"
        raise ValueError(message)
    return content


def digest_of(content: bytes) -> str:
    """Return SHA-256 of `content` in hex."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class Value:
    """A JSON value as an item names it: its digest, and either its bytes or the number of chunks beside the item."""

    sha256: str
    chunks: int
    inline: bytes = field(repr=False)

    @classmethod
    def read(cls, item: Item, name: str) -> Self:
        """Return the value that `item` names `name`. Raises `KeyError` or `ValueError` if it is malformed."""
        chunks = int(item[f"{name}_chunks"]["N"])
        if not 0 <= chunks <= _MAX_PARTS:
            message = "a value names an impossible number of chunks"
            raise ValueError(message)
        inline = item[name]["B"] if chunks == 0 else b""
        return cls(item[f"{name}_sha256"]["S"], chunks, bytes(inline))

    def item(self, name: str) -> "dict[str, AttributeValueTypeDef]":
        """Return the attributes that name this value `name`."""
        named: dict[str, AttributeValueTypeDef] = {
            f"{name}_sha256": {"S": self.sha256},
            f"{name}_chunks": {"N": str(self.chunks)},
        }
        return named if self.chunks else {**named, name: {"B": self.inline}}

    def keys(self, pk: str, generation: str, name: str) -> list[Key]:
        """Return where the chunks of this value lie, in order."""
        return [(pk, f"{generation}#{name}#{number}") for number in range(self.chunks)]

    def load(self, chunks: Sequence[Item]) -> object:
        """Return the value, from its `chunks` in order. Raises `KeyError` or `ValueError` if it is damaged."""
        parts = [bytes(chunk["part"]["B"]) for chunk in chunks] if self.chunks else [self.inline]
        return json.loads(content_of(parts, self.sha256))


def store(value: object, pk: str, generation: str, name: str) -> tuple[Value, list[Item]]:
    """Return `value` as the item at `pk` will name it, and its chunks, to be written before that item."""
    content = json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    parts = parts_of(content)
    if len(parts) == 1 and len(parts[0]) <= _INLINE:
        return Value(digest_of(content), 0, parts[0]), []
    named = Value(digest_of(content), len(parts), b"")
    keys = named.keys(pk, generation, name)
    return named, [
        {PK: {"S": pk}, SK: {"S": sk}, "part": {"B": part}} for (pk, sk), part in zip(keys, parts, strict=True)
    ]
