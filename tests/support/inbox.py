"""S3 and SQS on loopback for tests: a bucket that notifies a queue, made as the demo makes it."""

import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from retrieval.s3 import S3Bucket
from retrieval.sqs import SQSQueue
from service.local.inbox import Inbox, make_inbox
from service.local.moto_server import aws_server

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

REGION = "eu-central-1"


@dataclass(frozen=True, slots=True)
class Post:
    """An inbox, with clients of its services."""

    inbox: Inbox
    s3: "S3Client"
    sqs: "SQSClient"

    @property
    def bucket(self) -> S3Bucket:
        """The bucket."""
        return S3Bucket(self.s3, self.inbox.bucket)

    @property
    def queue(self) -> SQSQueue:
        """The queue."""
        return SQSQueue(self.sqs, self.inbox.queue)


@cache
def endpoint() -> str:
    """Return the address of a moto server that lives as long as the test process."""
    server = aws_server(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def new_post(name: str) -> Post:
    """Return an inbox called `name`, empty but for the test message that a bucket sends."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, s3={"addressing_style": "path"})
    s3: S3Client = session.client("s3", endpoint_url=endpoint(), config=config)
    sqs: SQSClient = session.client("sqs", endpoint_url=endpoint(), config=config)
    return Post(make_inbox(endpoint(), REGION, name), s3, sqs)
