"""The registry in one DynamoDB table: one item for the record of each document, one for each passage of a version."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from authz.dynamodb_table import PK, SK, Item, Key, Table, translating
from authz.errors import ResourceError
from authz.resource import EntityId, TenantId, tenant_of
from authz.schema import AttributeTypes, parse_attributes, plain_attributes
from retrieval.document import DocumentRecord, PassageDigest, PassageId, Status
from retrieval.errors import ConflictError, RegistryUnavailableError
from retrieval.registry import RegistryView

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_RECORD = "record"
_STATUS: Mapping[str, Status] = {"active": "active", "retired": "retired"}
_UNREADABLE = "the registry cannot be read in full"
_UNWRITABLE = "the registry cannot be written"
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DynamoDBRegistry:
    """`Registry` over one table. Fifty passages and their records are one BatchGetItem; more are several."""

    client: "DynamoDBClient"
    table: str
    document_types: AttributeTypes

    def get(self, passages: Sequence[PassageId]) -> RegistryView:
        """Return the records and digests of `passages`, strongly consistent. Raises `RegistryUnavailableError`.

        An item that cannot be understood is left out and logged, so that one misfit does not void the batch: to the
        admission it is unregistered, hence refused, with an alarm.
        """
        keys: dict[Key, PassageId] = {_passage_key(each): each for each in passages}
        documents: dict[Key, EntityId] = {(each.document, _RECORD): each.document for each in passages}
        with translating(RegistryUnavailableError, _UNREADABLE):
            items = self._items.get_many([*documents, *keys])
        records = {at: self._understood(items[key]) for key, at in documents.items() if key in items}
        digests = {at: _understood_digest(items[key]) for key, at in keys.items() if key in items}
        return RegistryView(
            {at: record for at, record in records.items() if record is not None},
            {at: digest for at, digest in digests.items() if digest is not None},
        )

    def record(self, document: EntityId) -> DocumentRecord | None:
        """Return the record of `document`, or None. Raises `RegistryUnavailableError`, also if it is malformed."""
        with translating(RegistryUnavailableError, _UNREADABLE):
            item = self._items.get((document, _RECORD))
            return None if item is None else self._read(item)

    def stage(self, digests: Mapping[PassageId, PassageDigest]) -> None:
        """Write passage digests in batches of 25. Raises `RegistryUnavailableError` if any stayed unwritten."""
        with translating(RegistryUnavailableError, _UNWRITABLE):
            self._items.put_many(_passage_item(at, digest) for at, digest in digests.items())

    def put(self, record: DocumentRecord, expected: int | None) -> None:
        """Write `record` if the registry's revision is `expected`. Raises `ConflictError` if it is another one.

        Raises `ResourceError` for a record that does not fit the schema, and `RegistryUnavailableError`.
        """
        if record.revision <= (expected or 0):
            message = f"a record of revision {record.revision} cannot follow revision {expected}"
            raise ValueError(message)
        item = self._item(record)
        with translating(RegistryUnavailableError, _UNWRITABLE):
            if expected is None:
                written = self._items.put(item, "attribute_not_exists(pk)")
            else:
                written = self._items.put(item, "revision = :expected", {":expected": {"N": str(expected)}})
        if not written:
            message = "the document changed meanwhile"
            raise ConflictError(message)

    def unstage(self, document: EntityId, versions: Sequence[int]) -> None:
        """Drop the passage digests of `versions`. Raises `RegistryUnavailableError`."""
        with translating(RegistryUnavailableError, _UNWRITABLE):
            for version in versions:
                staged = self._items.query(document, _version_prefix(version))
                self._items.delete_many([(document, item[SK]["S"]) for item in staged])

    def scan(self, tenant: TenantId) -> Iterator[DocumentRecord]:
        """Yield every record of `tenant`, reading the whole table; one that is malformed is logged and left out."""
        with translating(RegistryUnavailableError, _UNREADABLE):
            for item in self._items.scan(f"{tenant}/", _RECORD):
                record = self._understood(item)
                if record is not None:
                    yield record

    @property
    def _items(self) -> Table:
        return Table(self.client, self.table)

    def _understood(self, item: Item) -> DocumentRecord | None:
        try:
            return self._read(item)
        except _MALFORMED as error:
            _log.error("a registry record is malformed and counts as unregistered: %s", _named(error))
            return None

    def _read(self, item: Item) -> DocumentRecord:
        return DocumentRecord(
            document=EntityId(item[PK]["S"]),
            key=item["key"]["S"],
            version=int(item["version"]["N"]),
            revision=int(item["revision"]["N"]),
            title=item["title"]["S"],
            source=item["source"]["S"],
            sha256=item["sha256"]["S"],
            passages=int(item["passages"]["N"]),
            attributes=parse_attributes(self.document_types, json.loads(item["attributes"]["S"])),
            collections=_ids(json.loads(item["collections"]["S"])),
            status=_STATUS[item["status"]["S"]],
            updated=int(item["updated"]["N"]),
        )

    def _item(self, record: DocumentRecord) -> Item:
        # A record that could not be read back would be lost: refused here.
        if not record.attributes.keys() <= self.document_types.keys():
            message = "a record has attributes that the schema does not declare"
            raise ResourceError(message)
        attributes = plain_attributes(self.document_types, record.attributes)
        parse_attributes(self.document_types, attributes)
        collections = sorted(_ids([*record.collections]))
        return {
            PK: {"S": record.document},
            SK: {"S": _RECORD},
            "key": {"S": record.key},
            "version": {"N": str(record.version)},
            "revision": {"N": str(record.revision)},
            "title": {"S": record.title},
            "source": {"S": record.source},
            "sha256": {"S": record.sha256},
            "passages": {"N": str(record.passages)},
            "attributes": {"S": json.dumps(attributes, ensure_ascii=False)},
            "collections": {"S": json.dumps(collections, ensure_ascii=False)},
            "status": {"S": record.status},
            "updated": {"N": str(record.updated)},
        }


def _understood_digest(item: Item) -> PassageDigest | None:
    try:
        return PassageDigest(
            content=item["content"]["S"],
            sha256=item["sha256"]["S"],
            start=int(item["start"]["N"]),
            end=int(item["end"]["N"]),
            page=int(item["page"]["N"]) if "page" in item else None,
        )
    except _MALFORMED as error:
        _log.error("a passage's digest is malformed and counts as unregistered: %s", _named(error))
        return None


def _passage_item(at: PassageId, digest: PassageDigest) -> Item:
    document, sk = _passage_key(at)
    return {
        PK: {"S": document},
        SK: {"S": sk},
        "content": {"S": digest.content},
        "sha256": {"S": digest.sha256},
        "start": {"N": str(digest.start)},
        "end": {"N": str(digest.end)},
        **({} if digest.page is None else {"page": {"N": str(digest.page)}}),
    }


def _passage_key(at: PassageId) -> Key:
    return at.document, f"{_version_prefix(at.version)}{at.ordinal}"


def _version_prefix(version: int) -> str:
    # With the separator: version 1 is no prefix of version 10.
    return f"v{version}#"


def _ids(plain: object) -> frozenset[str]:
    if not isinstance(plain, list) or not all(isinstance(each, str) for each in plain):
        message = "collections must be a list of texts"
        raise ResourceError(message)
    for each in plain:
        tenant_of(each)
    return frozenset(plain)


def _named(error: Exception) -> str:
    """Return what may be logged of `error`: the schema's complaint, which holds names of attributes and no values."""
    return str(error) if isinstance(error, ResourceError) else type(error).__name__
