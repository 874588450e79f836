"""What `make destroy` deletes, in which order, and what it says that it left: on a cloud of moto's, by real boto3."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError
from moto.server import ThreadedMotoServer

from infra.teardown import delete, main, tear_down

pytestmark = pytest.mark.enable_socket

REGION: Final = "eu-central-1"
STACK = "antechamber-demo"
TEMPLATE = {
    "Resources": {
        "Documents": {"Type": "AWS::S3::Bucket"},
        "Checkpoints": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "Properties": {"BucketName": "checkpoints-of-the-test", "ObjectLockEnabled": True},
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": f"{STACK}-records",
                "BillingMode": "PAY_PER_REQUEST",
                "DeletionProtectionEnabled": True,
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            },
        },
    }
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Run a cloud in which CloudFormation makes what a template says."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def session(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    """Return a session with a deployment in it, of a table that is protected and buckets that are full."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    session = boto3.Session(region_name=REGION)
    session.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
    # moto makes neither the lock nor the versions that a template asks for.
    _make_locked(session)
    s3 = session.client("s3")
    s3.put_bucket_versioning(Bucket=_documents(session), VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=_documents(session), Key="acme/a.md", Body=b"text")
    s3.delete_object(Bucket=_documents(session), Key="acme/a.md")
    yield session
    for bucket in s3.list_buckets()["Buckets"]:
        if bucket["Name"] == "checkpoints-of-the-test":
            _purge(session)


def _make_locked(session: boto3.Session) -> None:
    s3 = session.client("s3")
    s3.delete_bucket(Bucket="checkpoints-of-the-test")
    s3.create_bucket(
        Bucket="checkpoints-of-the-test",
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )


def _purge(session: boto3.Session) -> None:
    s3 = session.client("s3")
    for each in s3.list_object_versions(Bucket="checkpoints-of-the-test").get("Versions", []):
        s3.delete_object(
            Bucket="checkpoints-of-the-test",
            Key=each["Key"],
            VersionId=each["VersionId"],
            BypassGovernanceRetention=True,
        )
    s3.delete_bucket(Bucket="checkpoints-of-the-test")


def _documents(session: boto3.Session) -> str:
    found = session.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId="Documents")
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def _is_there(session: boto3.Session, bucket: str) -> bool:
    try:
        session.client("s3").head_bucket(Bucket=bucket)
    except ClientError:
        return False
    return True


def test_everything_goes_every_version_too(session: boto3.Session) -> None:
    documents = _documents(session)

    said = list(tear_down(STACK, session))

    assert f"3 versions of objects deleted from {documents}" in said
    assert f"{STACK} is deleted" in said
    assert not _is_there(session, documents)
    assert f"{STACK}-records" not in session.client("dynamodb").list_tables()["TableNames"]


def test_an_empty_bucket_with_a_lock_goes_too(session: boto3.Session) -> None:
    said = list(tear_down(STACK, session))

    assert "checkpoints-of-the-test was empty and is deleted" in said
    assert not _is_there(session, "checkpoints-of-the-test")


def test_what_a_lock_keeps_is_left_and_named_with_its_day(session: boto3.Session) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    session.client("s3").put_object(
        Bucket="checkpoints-of-the-test",
        Key="1",
        Body=b"checkpoint",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=until,
    )

    [left] = [line for line in tear_down(STACK, session) if line.startswith("LEFT")]

    assert "checkpoints-of-the-test holds 1 locked versions" in left
    assert f"{until:%Y-%m-%d}" in left
    assert _is_there(session, "checkpoints-of-the-test")


class Stack:
    """A stack that is deleted only if its buckets are emptied as often as a log file comes meanwhile."""

    def __init__(self, comes: int) -> None:
        self.comes, self.emptied = comes, 0

    def delete_stack(self, **_request: object) -> None:
        """Begin."""

    def get_waiter(self, _name: str) -> "Stack":
        """Return what waits."""
        return self

    def wait(self, **_request: object) -> None:
        """Wait."""
        if self.emptied < self.comes:
            name = "stack_delete_complete"
            raise WaiterError(name, "DELETE_FAILED", {})

    def empty(self) -> None:
        """Empty the buckets."""
        self.emptied += 1


def test_a_log_file_that_comes_late_is_deleted_and_the_stack_after_it() -> None:
    stack = Stack(comes=2)

    delete(stack, STACK, stack.empty)

    assert stack.emptied == 2


def test_a_stack_that_cannot_be_deleted_is_told() -> None:
    stack = Stack(comes=99)

    with pytest.raises(WaiterError):
        delete(stack, STACK, stack.empty)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["demo"],
        ["demo", "antechamber-production", REGION],
        ["huge", "antechamber-huge", REGION],
        ["demo", STACK, ""],
    ],
)
def test_nothing_is_deleted_unless_it_was_named_twice(
    arguments: list[str], session: boto3.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "CONFIRM=" in capsys.readouterr().out
    assert _is_there(session, _documents(session))
    list(tear_down(STACK, session))
