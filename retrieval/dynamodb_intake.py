"""The intake in one DynamoDB table: a partition for each tenant, an item for each source."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from authz.dynamodb_table import PK, SK, Item, Table, translating
from authz.resource import EntityId, TenantId
from retrieval.document import text_digest
from retrieval.errors import IntakeUnavailableError
from retrieval.ingest.ingest import Outcome
from retrieval.intake import IntakeEntry, State, bounded

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_STATES: frozenset[State] = frozenset((*get_args(Outcome), "waiting", "retired", "refused", "failed"))
_UNREADABLE = "the intake cannot be read"
_UNWRITABLE = "the intake cannot be written"


@dataclass(frozen=True, slots=True)
class DynamoDBIntake:
    """`Intake` over one table; the second key is a digest, since a source may be longer than a key."""

    client: "DynamoDBClient"
    table: str

    def note(self, entry: IntakeEntry) -> None:
        """Write `entry` over what is there of its source. Raises `IntakeUnavailableError`."""
        with translating(IntakeUnavailableError, _UNWRITABLE):
            Table(self.client, self.table).put(_item(entry))

    def of(self, tenant: TenantId, source: str) -> IntakeEntry | None:
        """Return the entry of `source`, or None. Raises `IntakeUnavailableError`, also if it is malformed."""
        with translating(IntakeUnavailableError, _UNREADABLE):
            item = Table(self.client, self.table).get((tenant, text_digest(source)))
            return None if item is None else _read(item)

    def scan(self, tenant: TenantId) -> Iterator[IntakeEntry]:
        """Yield every entry of `tenant`, page by page. Raises `IntakeUnavailableError`."""
        with translating(IntakeUnavailableError, _UNREADABLE):
            for item in Table(self.client, self.table).query(tenant):
                yield _read(item)


def _item(entry: IntakeEntry) -> Item:
    texts = {
        "source": entry.source,
        "state": entry.state,
        "actor": entry.actor,
        "reason": bounded(entry.reason),
        "document": entry.document,
        "object": entry.object,
        "title": entry.title,
    }
    return {
        PK: {"S": entry.tenant},
        SK: {"S": text_digest(entry.source)},
        **{name: {"S": text} for name, text in texts.items() if text is not None},
        "collections": {"L": [{"S": each} for each in sorted(entry.collections)]},
        **({} if entry.follows is None else {"follows": {"N": str(entry.follows)}}),
        "attempts": {"N": str(entry.attempts)},
        "updated": {"N": str(entry.updated)},
    }


def _read(item: Item) -> IntakeEntry:
    document = _text(item, "document")
    return IntakeEntry(
        tenant=TenantId(item[PK]["S"]),
        source=item["source"]["S"],
        state=_state(item["state"]["S"]),
        actor=item["actor"]["S"],
        updated=int(item["updated"]["N"]),
        reason=_text(item, "reason"),
        document=None if document is None else EntityId(document),
        collections=frozenset(each["S"] for each in item["collections"]["L"]),
        object=_text(item, "object"),
        title=_text(item, "title"),
        follows=int(item["follows"]["N"]) if "follows" in item else None,
        attempts=int(item["attempts"]["N"]),
    )


def _text(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _state(text: str) -> State:
    for state in _STATES:
        if state == text:
            return state
    message = "an entry has a state that there is not"
    raise ValueError(message)
