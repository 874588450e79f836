"""Limits that all tasks of a deployment share, in one DynamoDB table: counters of windows, and leases of what runs.

Two round trips to enter, one to leave. The rate counts in fixed windows, whose counter one atomic update adds to; what
runs holds a lease, one element of one set per person, so that an update can ask how many there are. The leases of a
task that died expire. Neither issuer nor subject is in the table, only a keyed digest of both (RFC 2104).
"""

import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from limits import RateLimitItem, parse
from limits.strategies import FixedWindowRateLimiter

from authz.dynamodb_table import PK, SK, Item, Table, translating
from authz.identity import Identity
from service.dynamodb_windows import TTL, DynamoDBWindows
from service.errors import LimitsUnavailableError
from service.limits import Once, Release, person_of, too_many, too_often

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_LEASES = "leases"
_DOWN = "the limits table cannot be asked, and what is not counted is not served"
_PROBE = ("probe", "probe")


@final
class DynamoDBLimits:
    """`Limits` of all tasks that share the table and the salt."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        salt: bytes,
        rate: str,
        concurrency: int,
        lease: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read `rate` as the `limits` package writes it; `lease` is in seconds, more than any request takes.

        Raises `ValueError` if `rate` is none.
        """
        self._client = client
        self._table = table
        self._salt = salt
        self._rate: RateLimitItem = parse(rate)
        self._storage = DynamoDBWindows(client, table, self._rate.get_expiry(), clock)
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._concurrency = concurrency
        self._lease = lease
        self._clock = clock

    def enter(self, identity: Identity) -> Release:
        """Count one request of `identity` until the returned value is called, or its lease expires.

        Raises `TooManyRequestsError` and `LimitsUnavailableError`: were a store that is down no limit, whoever brings
        it down would have none.
        """
        person = hmac.digest(self._salt, person_of(identity).encode(), hashlib.sha256).hex()
        with translating(LimitsUnavailableError, _DOWN):
            if not self._limiter.hit(self._rate, person):
                opens = self._storage.get_expiry(self._rate.key_for(person)) - self._clock()
                raise too_often(opens)
            lease = f"{math.ceil(self._clock() + self._lease)}#{secrets.token_hex(8)}"
            if not self._take(person, lease) and not (self._drop_expired(person) and self._take(person, lease)):
                raise too_many()
        return Once(lambda: self._give_back(person, lease))

    def probe(self) -> None:
        """Raise `LimitsUnavailableError` if the table does not answer."""
        with translating(LimitsUnavailableError, _DOWN):
            Table(self._client, self._table).get(_PROBE)

    def _take(self, person: str, lease: str) -> bool:
        values: Item = {
            ":lease": {"SS": [lease]},
            ":own": {"S": lease},
            ":most": {"N": str(self._concurrency)},
            ":ttl": {"N": lease.partition("#")[0]},
        }
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(person),
                UpdateExpression=f"ADD {_LEASES} :lease SET {TTL} = :ttl",
                # `contains`: boto3 repeats an update whose answer was lost, and what is taken already is no refusal.
                ConditionExpression=(
                    f"attribute_not_exists({_LEASES}) OR size({_LEASES}) < :most OR contains({_LEASES}, :own)"
                ),
                ExpressionAttributeValues=values,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _drop_expired(self, person: str) -> bool:
        """Drop the leases of tasks that died; return whether there were any."""
        item = Table(self._client, self._table).get((person, _LEASES))
        leases = item[_LEASES]["SS"] if item and _LEASES in item else []
        expired = [lease for lease in leases if int(lease.partition("#")[0]) <= self._clock()]
        if expired:
            self._drop(person, expired)
        return bool(expired)

    def _give_back(self, person: str, lease: str) -> None:
        try:
            self._drop(person, [lease])
        except (ClientError, BotoCoreError, ResponseParserError):
            return  # it expires by itself

    def _drop(self, person: str, leases: Iterable[str]) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=_key(person),
            UpdateExpression=f"DELETE {_LEASES} :leases",
            ExpressionAttributeValues={":leases": {"SS": list(leases)}},
        )


def _key(person: str) -> Item:
    return {PK: {"S": person}, SK: {"S": _LEASES}}
