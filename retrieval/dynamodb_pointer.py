"""The pointer to the index that answers, as one item of the registry's table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.dynamodb_table import PK, SK, Item, Table, translating
from retrieval.errors import ConflictError, RegistryUnavailableError
from retrieval.pointer import IndexPointer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_KEY = ("index", "pointer")
"""No document's id: that has a tenant and a slash."""


@dataclass(frozen=True, slots=True)
class DynamoDBPointers:
    """`IndexPointers` in the registry's table."""

    client: "DynamoDBClient"
    table: str

    def pointer(self) -> IndexPointer | None:
        """Return the pointer of now, strongly consistent. Raises `RegistryUnavailableError`, also if malformed."""
        with translating(RegistryUnavailableError, "the registry cannot say which index answers"):
            item = Table(self.client, self.table).get(_KEY)
            if item is None:
                return None
            writes, gone = (tuple(each["S"] for each in item[name]["L"]) for name in ("writes", "gone"))
            return IndexPointer(item["reads"]["S"], writes, int(item["revision"]["N"]), gone)

    def point(self, pointer: IndexPointer) -> None:
        """Write `pointer` upon the revision before it. Raises `ConflictError` and `RegistryUnavailableError`."""
        item: Item = {
            PK: {"S": _KEY[0]},
            SK: {"S": _KEY[1]},
            "reads": {"S": pointer.reads},
            "writes": {"L": [{"S": name} for name in pointer.writes]},
            "revision": {"N": str(pointer.revision)},
            "gone": {"L": [{"S": name} for name in pointer.gone]},
        }
        with translating(RegistryUnavailableError, "the registry cannot be told which index answers"):
            if pointer.revision == 1:
                written = Table(self.client, self.table).put(item, "attribute_not_exists(pk)")
            else:
                before: Item = {":before": {"N": str(pointer.revision - 1)}}
                written = Table(self.client, self.table).put(item, "revision = :before", before)
        if not written:
            message = "somebody else changed meanwhile which index answers"
            raise ConflictError(message)
