"""DynamoDB on loopback for tests: moto behind its one lock, fresh tables, and clients whose answers can be spoilt."""

import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError, EndpointConnectionError

from authz.dynamodb_create import create_table
from authz.schema import AttributeSchema, read_schema
from service.local.moto_server import aws_server
from tests.support.cloud import dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Answer = Callable[..., Any]
Fault = Callable[[Answer, dict[str, Any]], object]
"""An operation as it goes wrong: given the real one and the request."""
SCHEMA = Path(__file__).parents[2] / "authz/policies/schema.json"


@cache
def schema() -> AttributeSchema:
    """Return the attributes of the policies that the application ships."""
    return read_schema(SCHEMA.read_text())


@cache
def client() -> "DynamoDBClient":
    """Return a client of a moto server that lives as long as the test process."""
    server = aws_server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return dynamodb(f"http://127.0.0.1:{server.server_port}")


def new_table() -> str:
    """Return the name of a new, empty table."""
    name = f"t-{uuid.uuid4().hex}"
    create_table(client(), name)
    return name


@dataclass(slots=True)
class Spoilt:
    """A client of which some operations answer otherwise: each is given the real operation and the request."""

    operations: dict[str, Fault]
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Answer:
        real = getattr(client(), name)

        def call(**request: Any) -> Any:  # noqa: ANN401 - whatever boto3 takes and gives
            self.calls.append(name)
            return self.operations[name](real, request) if name in self.operations else real(**request)

        return call

    def client(self) -> "DynamoDBClient":
        """Return this as the client that it plays."""
        return cast("DynamoDBClient", self)


def spoilt(**operations: Fault) -> Spoilt:
    """Return a client of which `operations` answer otherwise."""
    return Spoilt(operations)


def refused(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
    """Fail as DynamoDB does."""
    raise ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "Operation")


def unreachable(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
    """Fail as the network does."""
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1")


def garbage(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
    """Answer nothing of what was asked."""
    return {}


def noise(seed: int, size: int) -> bytes:
    """Return `size` bytes that cannot be compressed, the same for the same `seed`."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - repeatable on purpose


def cancelled(*reasons: str) -> ClientError:
    """Return the error of a cancelled transaction."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return ClientError(response, "TransactWriteItems")
