"""The audit log in two DynamoDB tables: records, which stay, and personal values, which can be erased."""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, final

from botocore.exceptions import ClientError

from authz.dynamodb_table import PK, SK, IncompleteError, Item, Key, Table, transact, translating
from authz.dynamodb_value import content_of, digest_of, parts_of
from authz.resource import TenantId
from retrieval.audit import Entry, Json, Logged, Outcome, Receipt, canonical
from retrieval.errors import AuditUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_CLOSING = "#closing"
"""Sorts directly after its record: no id holds a character below `#`."""
_ABSENT = "attribute_not_exists(pk)"
_NOT_DURABLE = "the record is not durable"
_UNREADABLE = "the audit log cannot be read"


@final
class DynamoDBAuditLog:
    """`AuditLog`: one transaction writes a record, its personal values, and what is not known to be kept yet."""

    def __init__(
        self, client: "DynamoDBClient", records_table: str, personal_table: str, known_digests: int = 10_000
    ) -> None:
        self._client = client
        self._records = Table(client, records_table)
        self._personal = Table(client, personal_table)
        self._known = _Known(known_digests)

    def append(self, entry: Entry) -> None:
        """Make all of `entry` durable, or nothing that counts. Raises `AuditUnavailableError`."""
        at = entry.receipt.tenant, entry.receipt.id
        with translating(AuditUnavailableError, _NOT_DURABLE):
            if not all(at) or "#" in entry.receipt.id:
                message = "a record's id is empty or no id"
                raise IncompleteError(message)
            record = _item(at, canonical(entry.record), entry.receipt.format)
            personal = _item(at, canonical(entry.personal), entry.receipt.format)
            kinds = (self._records, entry.kept), (self._personal, entry.held)
            new = [
                (table, digest, render)
                for table, contents in kinds
                for digest, render in contents.items()
                if digest not in self._known
            ]
            kept: list[TransactWriteItemTypeDef] = [
                {"Put": {"TableName": table.name, "Item": _keep(table, digest, render())}}
                for table, digest, render in new
            ]
            puts: list[TransactWriteItemTypeDef] = [
                {"Put": {"TableName": self._records.name, "Item": record, "ConditionExpression": _ABSENT}},
                {"Put": {"TableName": self._personal.name, "Item": personal, "ConditionExpression": _ABSENT}},
            ]
            try:
                transact(self._client, [*puts, *kept])
            except ClientError:
                # Where an answer was lost, botocore writes again, and the condition fails of what was just written.
                # Refused, a record would stand open for ever that is durable, with all that belongs to it.
                if (self._records.get(at), self._personal.get(at)) != (record, personal):
                    raise
        self._known.add([digest for _, digest, _ in new])

    def close(self, receipt: Receipt, outcome: Outcome, detail: Mapping[str, Json]) -> None:
        """Append the closing record of `receipt`, once. Raises `AuditUnavailableError`."""
        with translating(AuditUnavailableError, _NOT_DURABLE):
            closing = canonical({**detail, "outcome": outcome})
            at = receipt.tenant, f"{receipt.id}{_CLOSING}"
            # The first closing stands; a condition that fails says that there is one.
            self._records.put(_item(at, closing, receipt.format), _ABSENT)

    def read(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[Logged]:
        """Return up to `limit` records of `tenant` after `after`, oldest first. Raises `AuditUnavailableError`."""
        if limit < 1:
            return []
        # A record and its closing are two items, and one more shows that the last closing was not cut off.
        page = min(2 * limit + 1, 1000)
        start = None if after is None else f"{after}{_CLOSING}"
        with translating(AuditUnavailableError, _UNREADABLE):
            return _paired(self._records.query(tenant, after=start, page=page), tenant, limit)

    def kept(self, digest: str) -> bytes | None:
        """Return what is kept under `digest`: for operators' tools. Raises `AuditUnavailableError`."""
        with translating(AuditUnavailableError, _UNREADABLE):
            return _kept(self._records, digest)

    def held(self, digest: str) -> bytes | None:
        """Return the entitlements kept under `digest`, None if erased: for operators' tools.

        Raises `AuditUnavailableError`.
        """
        with translating(AuditUnavailableError, _UNREADABLE):
            return _kept(self._personal, digest)

    def personal(self, receipt: Receipt) -> Mapping[str, Json] | None:
        """Return the personal values beside a record, None if erased: for operators. Raises `AuditUnavailableError`."""
        with translating(AuditUnavailableError, _UNREADABLE):
            item = self._personal.get((receipt.tenant, receipt.id))
            return None if item is None else _plain(item)


@final
class _Known:
    """The digests kept last by this process, at most `limit`. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._digests: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, digest: str) -> bool:
        with self._lock:
            if digest not in self._digests:
                return False
            self._digests.move_to_end(digest)
            return True

    def add(self, digests: Sequence[str]) -> None:
        with self._lock:
            self._digests.update(dict.fromkeys(digests))
            while len(self._digests) > self._limit:
                self._digests.popitem(last=False)


def _keep(table: Table, digest: str, content: bytes) -> Item:
    """Write all parts of `content` but the first, and return the first: it alone says that the rest is there."""
    parts = parts_of(content)
    first, *rest = (_part(_kept_key(digest, number), part) for number, part in enumerate(parts))
    table.put_many(rest)
    return {**first, "parts": {"N": str(len(parts))}, "sha256": {"S": digest_of(content)}}


def _kept(table: Table, digest: str) -> bytes | None:
    first = table.get(_kept_key(digest, 0))
    if first is None:
        return None
    keys = [_kept_key(digest, number) for number in range(1, int(first["parts"]["N"]))]
    rest = table.get_many(keys)
    items = [first, *(rest[key] for key in keys)]
    return content_of([bytes(item["part"]["B"]) for item in items], first["sha256"]["S"])


def _paired(items: Iterator[Item], tenant: TenantId, limit: int) -> list[Logged]:
    paired: list[Logged] = []
    for item in items:
        name = item[SK]["S"]
        if paired and name == f"{paired[-1].receipt.id}{_CLOSING}":
            paired[-1] = Logged(paired[-1].receipt, paired[-1].record, _plain(item))
        elif not name.endswith(_CLOSING):
            if len(paired) == limit:
                break
            paired.append(Logged(Receipt(tenant, name, int(item["format"]["N"])), _plain(item), None))
    return paired


def _item(at: Key, content: bytes, version: int) -> Item:
    return {PK: {"S": at[0]}, SK: {"S": at[1]}, "format": {"N": str(version)}, "json": {"B": content}}


def _plain(item: Item) -> Mapping[str, Json]:
    plain = json.loads(bytes(item["json"]["B"]))
    if not isinstance(plain, dict):
        message = "a record must be an object"
        raise ValueError(message)  # noqa: TRY004 - what an item holds is data
    return plain


def _kept_key(digest: str, number: int) -> Key:
    # A tenant's id holds no `#`.
    return f"kept#{digest}", str(number)


def _part(at: Key, part: bytes) -> Item:
    return {PK: {"S": at[0]}, SK: {"S": at[1]}, "part": {"B": part}}
