"""From keys to items: one DynamoDB table, always read consistently, and whole or not at all."""

import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        KeysAndAttributesTypeDef,
        PutItemInputTypeDef,
        QueryInputTypeDef,
        ScanInputTypeDef,
        TransactGetItemTypeDef,
        TransactWriteItemTypeDef,
        WriteRequestUnionTypeDef,
    )

PK, SK = "pk", "sk"
Key = tuple[str, str]
Item = Mapping[str, "AttributeValueTypeDef"]

READ_BATCH = 100
"""Most keys of one BatchGetItem or TransactGetItems."""
_WRITE_BATCH = 25
_ATTEMPTS = 5
"""How often what DynamoDB left unprocessed is asked for again, and a transaction that met another is repeated."""
_PAUSE = 0.02
"""Seconds, doubled before each repetition."""


class IncompleteError(Exception):
    """DynamoDB answered, but not with all that was asked for, or with something else."""


_FAILURES = (ClientError, BotoCoreError, ResponseParserError, IncompleteError)
_MALFORMED = (KeyError, IndexError, TypeError, AttributeError, ValueError, zlib.error)


@contextmanager
def translating(error: type[Exception], message: str) -> Iterator[None]:
    """Raise `error` with `message` for whatever DynamoDB failed to do, or answered that cannot be read."""
    try:
        yield
    except (*_FAILURES, *_MALFORMED) as cause:
        raise error(message) from cause


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose keys are `pk` and `sk`. Raises botocore's errors, and `IncompleteError`."""

    client: "DynamoDBClient"
    name: str

    def get(self, key: Key) -> Item | None:
        """Return the item at `key`, or None."""
        # Not GetItem: to it, an answer without content says "no such item".
        return self.get_many([key]).get(key)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Return the items at `keys`, each read consistently; a key without an item is absent."""
        wanted, found = list(dict.fromkeys(keys)), dict[Key, Item]()
        for start in range(0, len(wanted), READ_BATCH):
            found |= self._batch(wanted[start : start + READ_BATCH])
        return found

    def _batch(self, keys: Sequence[Key]) -> dict[Key, Item]:
        found, left = dict[Key, Item](), [*keys]
        for _ in _attempts():
            asked: KeysAndAttributesTypeDef = {"Keys": [_plain(key) for key in left], "ConsistentRead": True}
            answer = self.client.batch_get_item(RequestItems={self.name: asked})
            for item in answer["Responses"][self.name]:
                found[_asked(item, set(left) - found.keys())] = item
            unprocessed = answer["UnprocessedKeys"]
            if not unprocessed:
                return found
            left = [_key(key) for key in unprocessed[self.name]["Keys"]]
        message = "some keys stayed unprocessed"
        raise IncompleteError(message)

    def snapshot(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Return the items at `keys` (at most 100) as they were at one instant; a key without an item is absent."""
        gets: list[TransactGetItemTypeDef] = [{"Get": {"TableName": self.name, "Key": _plain(key)}} for key in keys]
        for _ in _attempts():
            try:
                answers = self.client.transact_get_items(TransactItems=gets)["Responses"]
            except ClientError as error:
                # A read has no condition: it is cancelled only because it met a write, or a limit.
                if not _reasons(error):
                    raise
                continue
            pairs = zip(keys, answers, strict=True)
            return {_asked(each["Item"], {key}): each["Item"] for key, each in pairs if each.get("Item")}
        message = "the transaction kept meeting writes"
        raise IncompleteError(message)

    def query(self, pk: str, prefix: str | None = None, after: str | None = None, page: int = 1000) -> Iterator[Item]:
        """Yield the items at `pk` in order, whose second key begins with `prefix` or follows `after`, page by page."""
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix is not None:
            condition, values = f"{condition} AND begins_with(sk, :sk)", {**values, ":sk": {"S": prefix}}
        elif after is not None:
            condition, values = f"{condition} AND sk > :sk", {**values, ":sk": {"S": after}}
        request: QueryInputTypeDef = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "Limit": page,
        }
        while True:
            answer = self.client.query(**request)
            yield from answer["Items"]
            last = answer.get("LastEvaluatedKey")
            if not last:
                return
            request["ExclusiveStartKey"] = last

    def scan(self, prefix: str, sk: str) -> Iterator[Item]:
        """Yield every item whose first key begins with `prefix` and whose second is `sk`; reads the whole table."""
        request: ScanInputTypeDef = {
            "TableName": self.name,
            "ConsistentRead": True,
            "FilterExpression": "begins_with(pk, :pk) AND sk = :sk",
            "ExpressionAttributeValues": {":pk": {"S": prefix}, ":sk": {"S": sk}},
        }
        while True:
            answer = self.client.scan(**request)
            yield from answer["Items"]
            last = answer.get("LastEvaluatedKey")
            if not last:
                return
            request["ExclusiveStartKey"] = last

    def put(self, item: Item, condition: str | None = None, values: Item | None = None) -> bool:
        """Write `item` if `condition` holds of the item that is there; return whether it is there now.

        An answer that was lost makes botocore write again, and then the condition fails of what was just written.
        """
        try:
            _check(self.client.put_item(**self._put(item, condition, values)))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return self.get((item[PK]["S"], item[SK]["S"])) == item
        return True

    def _put(self, item: Item, condition: str | None, values: Item | None) -> "PutItemInputTypeDef":
        request: PutItemInputTypeDef = {"TableName": self.name, "Item": item, "ReturnConsumedCapacity": "TOTAL"}
        if condition is not None:
            request["ConditionExpression"] = condition
        if values is not None:
            request["ExpressionAttributeValues"] = values
        return request

    def add(self, key: Key, attribute: str, number: int) -> int:
        """Add `number` to `attribute` of the item at `key`, in one atomic step, and return the sum."""
        answer = self.client.update_item(
            TableName=self.name,
            Key=_plain(key),
            UpdateExpression="ADD #attribute :number",
            ExpressionAttributeNames={"#attribute": attribute},
            ExpressionAttributeValues={":number": {"N": str(number)}},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"][attribute]["N"])

    def put_many(self, items: Iterable[Item]) -> None:
        """Write `items`, of different keys, whatever is there."""
        self._write([{"PutRequest": {"Item": item}} for item in items])

    def delete_many(self, keys: Iterable[Key]) -> None:
        """Delete the items at `keys`, if they are there."""
        self._write([{"DeleteRequest": {"Key": _plain(key)}} for key in dict.fromkeys(keys)])

    def _write(self, requests: "Sequence[WriteRequestUnionTypeDef]") -> None:
        for start in range(0, len(requests), _WRITE_BATCH):
            left: Mapping[str, Sequence[WriteRequestUnionTypeDef]] = {self.name: requests[start : start + _WRITE_BATCH]}
            for _ in _attempts():
                left = self.client.batch_write_item(RequestItems=left)["UnprocessedItems"]
                if not left:
                    break
            else:
                message = "some items stayed unwritten"
                raise IncompleteError(message)


def transact(client: "DynamoDBClient", writes: "Sequence[TransactWriteItemTypeDef]") -> None:
    """Do all `writes` or none, repeated where they met others at the same items."""
    for _ in _attempts():
        try:
            _check(client.transact_write_items(TransactItems=writes, ReturnConsumedCapacity="TOTAL"))
        except ClientError as error:
            # Cancelled means that nothing was written; a failed condition would fail again.
            reasons = _reasons(error)
            if not reasons or not reasons <= {"None", "TransactionConflict"}:
                raise
        else:
            return
    message = "the transaction kept meeting others"
    raise IncompleteError(message)


def _check(answer: Mapping[str, object]) -> None:
    """Raise `IncompleteError` unless DynamoDB itself says that it wrote.

    To botocore any answer of status 200 is a success, a proxy's page or half an answer included: it reads as empty,
    as does the answer to a write. What a write consumed only DynamoDB tells.
    """
    if "ConsumedCapacity" not in answer:
        message = "the answer to a write is none of DynamoDB's"
        raise IncompleteError(message)


def _attempts() -> Iterator[int]:
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE * 2**attempt)
        yield attempt


def _asked(item: Item, keys: Collection[Key]) -> Key:
    key = _key(item)
    if key not in keys:
        message = "an item came that nobody asked for, or came twice"
        raise IncompleteError(message)
    return key


def _reasons(error: ClientError) -> set[str]:
    if error.response["Error"]["Code"] != "TransactionCanceledException":
        return set()
    return {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])}


def _plain(key: Key) -> "dict[str, AttributeValueTypeDef]":
    return {PK: {"S": key[0]}, SK: {"S": key[1]}}


def _key(item: Item) -> Key:
    return item[PK]["S"], item[SK]["S"]
