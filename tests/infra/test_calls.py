"""What the adapters really ask of AWS, listened to, held against the roles: no right is missing, and none is idle."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest
from botocore.model import OperationModel

from authz.dynamodb import DynamoDBDirectory
from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.dynamodb_create import create_table
from authz.enrolment import Enrolment
from authz.resource import Attributes, EntityId, TenantId
from infra.template import ROLES, rights
from retrieval.audit import Entry, Receipt
from retrieval.document import DocumentRecord, PassageDigest, PassageId
from retrieval.dynamodb_audit import DynamoDBAuditLog
from retrieval.dynamodb_intake import DynamoDBIntake
from retrieval.dynamodb_pointer import DynamoDBPointers
from retrieval.dynamodb_registry import DynamoDBRegistry
from retrieval.errors import RetrievalError
from retrieval.intake import IntakeEntry
from retrieval.opensearch_address import Address
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_client import Engine
from retrieval.opensearch_mapping import IndexDesign, index_name
from retrieval.opensearch_rows import Rows
from retrieval.opensearch_security import OpenSearchSecurity
from retrieval.pointer import IndexPointer
from retrieval.queue import Message
from retrieval.s3 import S3Bucket
from retrieval.sqs import SQSQueue
from service.dynamodb_limits import DynamoDBLimits
from service.errors import TooManyRequestsError
from tests.infra.conftest import Json
from tests.infra.prohibitions import DOMAIN, TABLE, allows
from tests.support.gate import judge
from tests.support.stub_engine import StubEngine, stub_engine
from tests.support.tables import client as moto
from tests.support.tables import schema
from tests.support.tokens import ISSUER, claims, issuer, rsa_key

pytestmark = pytest.mark.enable_socket

ACME = TenantId("acme")
_MANY = 1_500
"""Groups of one person: in chunks, which are read apart."""
BUCKET, QUEUE, DEAD = "<BucketsDocumentsE696B60E.Arn>", "<QueueMain0B117C7B.Arn>", "<QueueDead708350E8.Arn>"
KINDS = ("directory", "registry", "records", "personal", "intake", "limits")
INDEX = index_name("antechamber-20261128")
Asked = tuple[str, str, str]
"""Action, resource, and the first key of an item."""
PERSON = {"clearance": 1, "compartments": [], "employment": "employee"}
STATED: Attributes = {
    "tenant": "acme", "classification": 1, "markings": frozenset(), "readers": frozenset(), "owners": frozenset(),
    "audience": "staff", "quarantined": False, "legal_hold": False,
}  # fmt: skip
RECORD = DocumentRecord(
    document=EntityId("acme/a"), key="k", version=1, revision=1, title="A", source="s", sha256="0", passages=1,
    attributes=STATED, collections=frozenset(), status="active", updated=1,
)  # fmt: skip


@dataclass
class Account:
    """Tables, a bucket and queues, and clients that are listened to."""

    tables: Mapping[str, str]
    bucket: str
    queue: str
    dead: str
    asked: list[Asked] = field(default_factory=list)

    def client(self, service: str) -> Any:  # noqa: ANN401 - one of boto3's
        """Return a client whose every request is noted."""
        made = _client(service)
        made.meta.events.register(f"before-parameter-build.{service}", self._hear)
        return made

    def _hear(self, params: dict[str, Any], model: OperationModel, **_rest: object) -> None:
        hear: dict[str, Callable[[str, dict[str, Any]], Iterator[Asked]]] = {
            "dynamodb": self._table,
            "s3": self._object,
            "sqs": self._message,
        }
        self.asked += hear[model.service_model.service_name](model.name, params)

    def _table(self, name: str, params: dict[str, Any]) -> Iterator[Asked]:
        kinds = {table: kind for kind, table in self.tables.items()}
        for table, action, key in _items(name, params):
            yield f"dynamodb:{action}", TABLE.format(size="demo", name=kinds[table]), key

    def _object(self, name: str, params: dict[str, Any]) -> Iterator[Asked]:
        versioned = "Version" if "VersionId" in params else ""
        action = {
            "ListObjectsV2": "ListBucket", "HeadObject": "GetObject", "DeleteObject": f"DeleteObject{versioned}"
        }.get(name, name)  # fmt: skip
        yield f"s3:{action}", f"{BUCKET}/{params['Key']}" if "Key" in params else BUCKET, ""

    def _message(self, name: str, params: dict[str, Any]) -> Iterator[Asked]:
        at = params.get("QueueUrl", params.get("QueueName", ""))
        yield f"sqs:{name.removesuffix('Batch')}", DEAD if self.dead in at else QUEUE, ""


def _items(name: str, params: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield table, IAM's action and first key of each item that a request of DynamoDB is about."""
    match name:
        case "TransactGetItems" | "TransactWriteItems":
            for each in params["TransactItems"]:
                [(kind, item)] = each.items()
                yield item["TableName"], f"{kind}Item", item.get("Key", item.get("Item"))["pk"]["S"]
        case "BatchGetItem":
            for table, asked in params["RequestItems"].items():
                yield from ((table, name, key["pk"]["S"]) for key in asked["Keys"])
        case "BatchWriteItem":
            for table, asked in params["RequestItems"].items():
                plain = (each.get("PutRequest", {}).get("Item") or each["DeleteRequest"]["Key"] for each in asked)
                yield from ((table, name, key["pk"]["S"]) for key in plain)
        case "Query":
            yield params["TableName"], name, params["ExpressionAttributeValues"][":pk"]["S"]
        case "Scan":
            yield params["TableName"], name, ""
        case _:
            yield params["TableName"], name, (params.get("Key") or params["Item"])["pk"]["S"]


def _client(service: str) -> Any:  # noqa: ANN401 - one of boto3's
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=moto().meta.endpoint_url,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


@pytest.fixture(scope="module")
def account() -> Account:
    """Return an account with a person, a document and a message in it."""
    name = uuid4().hex
    tables = {kind: f"{kind}-{name}" for kind in KINDS}
    for table in tables.values():
        create_table(moto(), table)
    s3, sqs = _client("s3"), _client("sqs")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    dead = sqs.create_queue(QueueName=f"dead-{name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})
    queue = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    account = Account(tables, name, queue, f"dead-{name}")
    _operates(account)
    account.asked.clear()
    return account


def _reads_people(on: Account) -> None:
    directory = DynamoDBDirectory(
        on.client("dynamodb"), on.tables["directory"], schema().principal, {ISSUER: frozenset({ACME})}
    )
    held = directory.entitlements(ISSUER, "alice")
    assert held is not None
    assert len(held.closure.groups) >= _MANY - 1


def _registry(on: Account) -> DynamoDBRegistry:
    return DynamoDBRegistry(on.client("dynamodb"), on.tables["registry"], schema().document)


def _reads_registry(on: Account) -> None:
    _registry(on).get([PassageId(EntityId("acme/a"), 1, 0)])
    DynamoDBPointers(on.client("dynamodb"), on.tables["registry"]).pointer()


def _writes_registry(on: Account) -> None:
    registry, document = _registry(on), EntityId(f"acme/{uuid4().hex}")
    registry.stage({PassageId(document, 1, 0): PassageDigest("c", "0", 0, 1)})
    registry.put(replace(RECORD, document=document), None)
    registry.unstage(document, [1])


def _audit(on: Account) -> DynamoDBAuditLog:
    return DynamoDBAuditLog(on.client("dynamodb"), on.tables["records"], on.tables["personal"])


def _records(on: Account) -> None:
    audit, receipt, digest = _audit(on), Receipt(ACME, uuid4().hex), uuid4().hex
    # So large that it is kept in parts, which are written before the transaction.
    large = b"".join(uuid4().bytes for _ in range(60_000))
    kept = {f"{digest}-policies": lambda: large}
    audit.append(Entry(receipt, {"id": receipt.id}, {"salt": "s"}, kept, {f"{digest}-held": lambda: large}))
    audit.close(receipt, "complete", {})
    audit.close(receipt, "failed", {})  # the first one stands, which is looked at


def _is_ready(on: Account) -> None:
    _audit(on).read(ACME, None, 1)


def _counts(on: Account) -> None:
    limits = DynamoDBLimits(on.client("dynamodb"), on.tables["limits"], b"salt", "1000/minute", 1, lease=60)
    alice = judge(rsa_key().sign(claims()), issuer())
    release = limits.enter(alice)
    with suppress(TooManyRequestsError):  # looks for leases that have expired
        limits.enter(alice)
    release()
    limits.probe()


def _intake(on: Account) -> DynamoDBIntake:
    return DynamoDBIntake(on.client("dynamodb"), on.tables["intake"])


def _notes(on: Account) -> None:
    _intake(on).note(IntakeEntry(ACME, "upload:1", "waiting", EntityId("acme/x"), 1))
    _intake(on).of(ACME, "upload:1")


def _bucket(on: Account) -> S3Bucket:
    return S3Bucket(on.client("s3"), on.bucket)


def _stages(on: Account) -> None:
    _bucket(on).write("staged/acme/1", b"text")


def _queue(on: Account) -> SQSQueue:
    return SQSQueue(on.client("sqs"), on.queue)


def _admin(on: Account) -> DynamoDBDirectoryAdmin:
    return DynamoDBDirectoryAdmin(on.client("dynamodb"), on.tables["directory"], schema().principal)


def _takes(on: Account) -> None:
    assert _admin(on).people(ACME)  # whom a manifest names by a handle
    _client("s3").put_object(Bucket=on.bucket, Key="staged/acme/2", Body=b"text")
    bucket, queue = _bucket(on), _queue(on)
    list(bucket.keys("acme/"))
    bucket.read("acme/a.md", 10)
    version = bucket.version("staged/acme/2")
    assert version is not None
    bucket.remove("staged/acme/2", version)
    queue.send(["one", "two"])
    queue.limits()
    messages: list[Message] = [*queue.receive(1, 0), *queue.receive(1, 0)]
    queue.hide(messages[0], 5)
    queue.delete(messages[0])
    queue.bury(messages[1], "poison")


def _operates(on: Account) -> None:
    admin = _admin(on)
    groups = dict.fromkeys((uuid4().hex for _ in range(_MANY)), ())
    admin.load(ACME, dict(groups), [Enrolment(ISSUER, "alice", "alice", PERSON, tuple(groups))])
    admin.revoke(ACME, "alice", next(iter(groups)))
    pointers = DynamoDBPointers(on.client("dynamodb"), on.tables["registry"])
    before = pointers.pointer()
    pointers.point(IndexPointer(str(INDEX), (str(INDEX),), before.revision + 1 if before else 1, ()))
    list(_registry(on).scan(ACME))
    audit, receipt = _audit(on), Receipt(ACME, uuid4().hex)
    audit.read(ACME, None, 5)
    audit.personal(receipt)
    audit.held("x")
    list(_intake(on).scan(ACME))
    bucket, queue = _bucket(on), _queue(on)
    list(bucket.keys("acme/"))
    bucket.read("acme/a.md", 10)
    queue.depth()
    queue.dead(5)


FLOWS: Mapping[str, tuple[Callable[[Account], None], ...]] = {
    "Answer": (_reads_people, _reads_registry, _records, _is_ready, _counts),
    "Documents": (_reads_people, _reads_registry, _writes_registry, _records, _is_ready, _counts, _notes, _stages),
    "Ingest": (_reads_people, _reads_registry, _writes_registry, _records, _notes, _takes),
    "Operator": (_reads_people, _reads_registry, _writes_registry, _records, _notes, _operates),
}
"""What each process does, by the very adapters it does it with."""


def _searches() -> list[Asked]:
    with stub_engine() as stub:
        engine = Engine.at(Address(stub.url, None, None))
        with suppress(RetrievalError):
            engine.check_version()
        with suppress(RetrievalError):
            _design(engine).check(INDEX)
        with suppress(RetrievalError):
            engine.search([({"index": INDEX}, {"size": 1})], 5)
        return _sent(stub)


def _writes() -> list[Asked]:
    with stub_engine() as stub:
        rows = Rows(Engine.at(Address(stub.url, None, None)), INDEX)
        row = {"document": "acme/a", "version": 1, "ordinal": 0, "revision": 1}
        for call in (rows.refresh, lambda: rows.write([row]), lambda: _look(rows)):
            with suppress(RetrievalError):
                call()
        return _sent(stub)


def _look(rows: Rows) -> None:
    rows.any(EntityId("acme/a"))


def _governs() -> list[Asked]:
    with stub_engine() as stub:
        engine = Engine.at(Address(stub.url, None, None))
        admin = _design(engine)
        OpenSearchSecurity(engine).grant(["arn:aws:iam::1:role/a"], ["arn:aws:iam::1:role/b"])
        for call in (admin.names, lambda: admin.create(INDEX), lambda: admin.drop(INDEX)):
            with suppress(RetrievalError):
                call()
        return _sent(stub)


def _design(engine: Engine) -> OpenSearchAdmin:
    return OpenSearchAdmin(engine, IndexDesign(schema(), "model", 8))


def _sent(stub: StubEngine) -> list[Asked]:
    paths = ((each.method.title(), urlsplit(each.path).path.lstrip("/")) for each in stub.sent)
    return [(f"es:ESHttp{method}", DOMAIN.format(size="demo", name=path), "") for method, path in paths]


SEARCHES: Mapping[str, tuple[Callable[[], list[Asked]], ...]] = {
    "Answer": (_searches,),
    "Documents": (_searches, _writes),
    "Ingest": (_searches, _writes),
    "Operator": (_searches, _writes, _governs),
}


def _asked(role: str, account: Account) -> set[Asked]:
    account.asked.clear()
    for flow in FLOWS[role]:
        flow(account)
    return {*account.asked, *chain.from_iterable(search() for search in SEARCHES[role])}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_its_process_does_and_nothing_that_it_never_does(
    role: str, account: Account, synthesised: Callable[[str], Json]
) -> None:
    held, asked = rights(synthesised("demo"), role), _asked(role, account)

    refused = sorted(each for each in asked if not any(allows(right, *each) for right in held))
    assert refused == []
    idle = {
        (right.sid, action)
        for right in held
        for action in right.actions
        if action.partition(":")[0] in {"dynamodb", "s3", "sqs", "es"}
        and not any(each[0] == action and allows(right, *each) for each in asked)
    }
    assert idle == set()


def test_a_right_that_is_missing_is_seen(account: Account, synthesised: Callable[[str], Json]) -> None:
    held = [right for right in rights(synthesised("demo"), "Answer") if right.sid != "KeepsByDigest"]

    refused = [each for each in _asked("Answer", account) if not any(allows(right, *each) for right in held)]

    assert {action for action, _, _ in refused} == {"dynamodb:BatchWriteItem"}
    assert {key.partition("#")[0] for _, _, key in refused} == {"kept"}
