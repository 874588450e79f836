"""Counters of fixed windows in a DynamoDB table, as the `limits` package's strategy asks for them."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, final

from botocore.exceptions import BotoCoreError, ClientError
from limits.storage import Storage

from authz.dynamodb_table import PK, SK, Item, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TTL = "expires"
"""The attribute by which the table forgets: seconds since the epoch."""
_COUNT = "hits"


@final
class DynamoDBWindows(Storage):
    """One item per key and window, which the table forgets by itself. Raises what boto3 raises."""

    STORAGE_SCHEME = None  # made by us alone, never from an address

    def __init__(
        self, client: "DynamoDBClient", table: str, window: int, clock: Callable[[], float] = time.time
    ) -> None:
        """Count in windows of `window` seconds."""
        super().__init__()
        self._client = client
        self._table = Table(client, table)
        self._window = window
        self._clock = clock

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What DynamoDB fails with."""
        return (ClientError, BotoCoreError)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:  # noqa: ARG002 - the strategy's, which is our window
        """Add `amount` to the counter of `key` in the window of now, and return what it is then."""
        answer = self._client.update_item(
            TableName=self._table.name,
            Key=self._key(key),
            UpdateExpression=f"ADD {_COUNT} :amount SET {TTL} = :ttl",
            ExpressionAttributeValues={
                ":amount": {"N": str(amount)},
                ":ttl": {"N": str(math.ceil(self.get_expiry(key)) + self._window)},
            },
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"][_COUNT]["N"])

    def get(self, key: str) -> int:
        """Return the counter of `key` in the window of now."""
        item = self._table.get((key, self._number()))
        return int(item[_COUNT]["N"]) if item else 0

    def get_expiry(self, key: str) -> float:  # noqa: ARG002 - the windows of all keys begin together
        """Return when the window of now ends, in seconds since the epoch."""
        return (int(self._clock() / self._window) + 1.0) * self._window

    def check(self) -> bool:
        """Return whether the table answers."""
        try:
            self.get("check")
        except self.base_exceptions:
            return False
        return True

    def reset(self) -> int | None:
        """Reset nothing: other tasks count in the same table."""
        raise NotImplementedError

    def clear(self, key: str) -> None:
        """Forget the counter of `key` in the window of now."""
        self._client.delete_item(TableName=self._table.name, Key=self._key(key))

    def _key(self, key: str) -> Item:
        return {PK: {"S": key}, SK: {"S": self._number()}}

    def _number(self) -> str:
        return str(int(self._clock() / self._window))
