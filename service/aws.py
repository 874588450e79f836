"""boto3 clients as every process of this application makes them: bounded waits, bounded retries."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

from service.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime.client import BedrockRuntimeClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

_CONNECT = 2
"""Seconds to connect to any backend."""


def dynamodb(settings: Settings) -> "DynamoDBClient":
    """Return a client for the directory, the registry and the records."""
    config = Config(
        connect_timeout=_CONNECT,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=settings.threads + settings.streams,
    )
    return _session(settings).client("dynamodb", endpoint_url=settings.aws_endpoint, config=config)


def bedrock(settings: Settings) -> "BedrockRuntimeClient":
    """Return a client for the models; its retries happen before an answer's first byte, never after."""
    config = Config(
        connect_timeout=_CONNECT,
        read_timeout=settings.stream_timeout,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=settings.threads + settings.streams,
    )
    return _session(settings).client("bedrock-runtime", endpoint_url=settings.bedrock_endpoint, config=config)


def s3(settings: Settings) -> "S3Client":
    """Return a client for the bucket of documents; a local cloud has no host name for each bucket."""
    config = Config(
        connect_timeout=_CONNECT,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=settings.threads + settings.streams,
        s3={"addressing_style": "path" if settings.aws_endpoint else "auto"},
    )
    return _session(settings).client("s3", endpoint_url=settings.aws_endpoint, config=config)


def sqs(settings: Settings) -> "SQSClient":
    """Return a client for the queue, whose answers may take as long as a long poll."""
    config = Config(
        connect_timeout=_CONNECT,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=settings.worker_threads + 2,
    )
    return _session(settings).client("sqs", endpoint_url=settings.aws_endpoint, config=config)


def credentials(settings: Settings) -> Credentials:
    """Return what requests to other AWS services are signed with. Raises `ValueError` if there is nothing."""
    found = _session(settings).get_credentials()
    if found is None:
        message = "there are no AWS credentials to sign requests with: give this process a role"
        raise ValueError(message)
    return found


def _session(settings: Settings) -> boto3.Session:
    key, secret = settings.aws_access_key_id, settings.aws_secret_access_key
    return _session_of(
        settings.region, key.get_secret_value() if key else None, secret.get_secret_value() if secret else None
    )


@cache
def _session_of(region: str, key: str | None, secret: str | None) -> boto3.Session:
    # One for all clients: each session reads the descriptions of the services anew, which takes longer than anything
    # else of a start. Only the thread that composes makes clients.
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
