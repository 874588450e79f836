"""Sealed sessions in a DynamoDB table of their own, which forgets them by its time to live."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, final

from authz.dynamodb_table import PK, SK, Item, Key, Table, translating
from service.sessions import Sealed
from service.web.errors import SessionsUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_SESSION = "session"
_FAILURE = "the sessions cannot be read and written"


@final
class DynamoDBSessions:
    """`SessionStore`. The time to live is on `expires`; DynamoDB is late by days, so that the session says it too."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)

    def get(self, key: str) -> Sealed | None:
        """Return what is stored at `key`. Raises `SessionsUnavailableError`."""
        with translating(SessionsUnavailableError, _FAILURE):
            item = self._table.get(_at(key))
            return None if item is None else _sealed(item)

    def put(self, key: str, sealed: Sealed) -> bool:
        """Store `sealed` after the version before it; return whether it could be. Raises `SessionsUnavailableError`."""
        pk, sk = _at(key)
        item: Item = {
            PK: {"S": pk},
            SK: {"S": sk},
            "sealed": {"B": sealed.content},
            "version": {"N": str(sealed.version)},
            "expires": {"N": str(int(sealed.expires.timestamp()))},
        }
        with translating(SessionsUnavailableError, _FAILURE):
            if sealed.version == 1:
                return self._table.put(item, "attribute_not_exists(pk)")
            return self._table.put(item, "version = :before", {":before": {"N": str(sealed.version - 1)}})

    def delete(self, key: str) -> None:
        """Remove what is stored at `key`. Raises `SessionsUnavailableError`."""
        with translating(SessionsUnavailableError, _FAILURE):
            self._table.delete_many([_at(key)])


def _at(key: str) -> Key:
    return f"session#{key}", _SESSION


def _sealed(item: Item) -> Sealed:
    expires = datetime.fromtimestamp(int(item["expires"]["N"]), UTC)
    return Sealed(bytes(item["sealed"]["B"]), int(item["version"]["N"]), expires)
