import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from io import BytesIO
from typing import TYPE_CHECKING
from wsgiref.types import StartResponse, WSGIEnvironment

import boto3
import pytest
from botocore.exceptions import ClientError
from jose import jwt
from werkzeug.serving import BaseWSGIServer
from werkzeug.test import Client

from service.local import moto_server
from service.local.moto_server import OneAtATime, aws_server
from tests.support.cloud import REGION, cognito, dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture(scope="module")
def server() -> Iterator[BaseWSGIServer]:
    server = aws_server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def endpoint(server: BaseWSGIServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def table(endpoint: str) -> Iterator["DynamoDBClient"]:
    with closing(dynamodb(endpoint)) as client:
        client.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client
        client.delete_table(TableName="t")


def test_of_800_concurrent_conditional_updates_none_is_lost(table: "DynamoDBClient") -> None:
    table.put_item(TableName="t", Item={"id": {"S": "counter"}, "n": {"N": "0"}})

    def add(_: int) -> None:
        table.update_item(
            TableName="t",
            Key={"id": {"S": "counter"}},
            UpdateExpression="SET n = n + :one",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(add, range(800)))

    assert table.get_item(TableName="t", Key={"id": {"S": "counter"}}, ConsistentRead=True)["Item"]["n"] == {"N": "800"}


def test_of_many_conditional_puts_of_one_key_exactly_one_wins(table: "DynamoDBClient") -> None:
    def put(number: int) -> str:
        item = {"id": {"S": f"item {number % 10}"}}
        try:
            table.put_item(TableName="t", Item=item, ConditionExpression="attribute_not_exists(id)")
        except table.exceptions.ConditionalCheckFailedException:
            return "lost"
        return "won"

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(put, range(160)))

    assert outcomes == {"won": 10, "lost": 150}


def test_a_sign_in_gives_an_rs256_token_that_the_published_keys_verify(server: BaseWSGIServer, endpoint: str) -> None:
    with closing(cognito(endpoint)) as client:
        pool = client.create_user_pool(PoolName="p")["UserPool"]["Id"]
        app = client.create_user_pool_client(
            UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["USER_PASSWORD_AUTH"]
        )
        app_id = app["UserPoolClient"]["ClientId"]
        client.admin_create_user(UserPoolId=pool, Username="ana")
        client.admin_set_user_password(UserPoolId=pool, Username="ana", Password="Correct-horse-9", Permanent=True)
        signed_in = client.initiate_auth(
            ClientId=app_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ana", "PASSWORD": "Correct-horse-9"},
        )
    token = signed_in["AuthenticationResult"]["AccessToken"]
    keys = json.loads(get(server, f"/{pool}/.well-known/jwks.json")[1])

    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    assert jwt.decode(token, keys, algorithms=["RS256"])["client_id"] == app_id


def test_the_other_services_of_the_application_answer(endpoint: str) -> None:
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
    with (
        closing(session.client("s3", endpoint_url=endpoint)) as s3,
        closing(session.client("sqs", endpoint_url=endpoint)) as sqs,
        closing(session.client("kms", endpoint_url=endpoint)) as kms,
    ):
        s3.create_bucket(Bucket="documents", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_object(Bucket="documents", Key="a/b_c.md", Body=b"text", Metadata={"source_id": "7"})
        queue = sqs.create_queue(QueueName="ingest")["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody="a/b_c.md")
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]

        with closing(s3.get_object(Bucket="documents", Key="a/b_c.md")["Body"]) as body:
            assert body.read() == b"text"
        assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "a/b_c.md"
        assert kms.sign(KeyId=key, Message=b"m", MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")["Signature"]


def test_a_service_that_the_application_does_not_use_is_absent(endpoint: str) -> None:
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
    with closing(session.client("lambda", endpoint_url=endpoint)) as client, pytest.raises(ClientError, match="404"):
        client.list_functions()


@pytest.mark.parametrize("path", ["/moto-api/", "/moto-api/data.json", "/latest/meta-data/iam"])
def test_motos_own_interface_is_absent(server: BaseWSGIServer, path: str) -> None:
    assert get(server, path)[0] == 404


@pytest.mark.parametrize("headers", [{"Origin": "https://attacker.example"}, {"Host": "attacker.example"}])
def test_a_web_page_is_refused(server: BaseWSGIServer, headers: dict[str, str]) -> None:
    assert get(server, "/", headers)[0] == 403


def get(server: BaseWSGIServer, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    with closing(HTTPConnection("127.0.0.1", server.server_port, timeout=20)) as connection:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()


class Application:
    """Answers with the request's body in pieces, and notes how many requests are in it at once."""

    def __init__(self) -> None:
        self.inside = self.most = self.closed = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> "Application.Pieces":
        start_response("200 OK", [])
        return Application.Pieces(self, environ["wsgi.input"].read())

    class Pieces:
        def __init__(self, application: "Application", body: bytes) -> None:
            self.application, self.body = application, body

        def __iter__(self) -> Iterator[bytes]:
            self.application.inside += 1
            self.application.most = max(self.application.most, self.application.inside)
            threading.Event().wait(0.001)
            yield from (self.body[:2], self.body[2:])
            self.application.inside -= 1

        def close(self) -> None:
            self.application.closed += 1


def test_one_request_is_answered_whole_before_the_next_comes_in() -> None:
    application = Application()
    client = Client(OneAtATime(application))
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda number: client.post("/", data=b"body %d" % number).data, range(100)))

    assert bodies == [b"body %d" % number for number in range(100)]
    assert (application.most, application.closed) == (1, 100)


def test_a_body_in_chunks_is_read_to_its_end() -> None:
    chunked = {"wsgi.input_terminated": True}

    assert (
        Client(OneAtATime(Application())).post("/", input_stream=BytesIO(b"body"), environ_overrides=chunked).data
        == b"body"
    )


def test_a_body_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto_server, "MAX_BODY", 4)
    client = Client(OneAtATime(Application()))

    assert client.post("/", data=b"1234").status_code == 200
    assert client.post("/", data=b"12345").status_code == 413


@pytest.mark.parametrize("length", ["many", "-1", "4 4"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    client = Client(OneAtATime(Application()))

    assert client.post("/", environ_overrides={"CONTENT_LENGTH": length}).status_code == 400
