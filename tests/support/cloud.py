"""The local cloud as its own process, and boto3 clients that talk to it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "eu-central-1"
ROOT = Path(__file__).parents[2]
START = 60.0
"""Seconds until the cloud must be ready, far more than it needs."""
STOP = 20.0
"""Seconds until it must have ended."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running local cloud: its endpoints, its model ids, its process."""

    aws: str
    bedrock: str
    answers: str
    embeddings: str
    process: subprocess.Popen[str]


@contextmanager
def running_cloud(*, faults: bool = True, word_delay: float = 0) -> Iterator[Cloud]:
    """Run the local cloud, by default with its fault models, `word_delay` seconds before a word; end it afterwards."""
    command = [sys.executable, "-m", "service.local.cloud", "--word-delay", str(word_delay)]
    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, *(["--faults"] if faults else [])], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        late = threading.Timer(START, process.kill)
        late.start()
        try:
            endpoints = _ready(process)
            late.cancel()
            yield Cloud(**endpoints, process=process)
        finally:
            late.cancel()
            _end(process)


def _ready(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return the endpoints that the process prints when it is ready."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        message = "the local cloud ended before it was ready"
        raise RuntimeError(message)
    endpoints: dict[str, str] = json.loads(line)
    return endpoints


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()


def bedrock(endpoint: str, read_timeout: float = 20) -> "BedrockRuntimeClient":
    """Return boto3's Bedrock client, without retries."""
    return _session().client("bedrock-runtime", endpoint_url=endpoint, config=_config(read_timeout))


def dynamodb(endpoint: str) -> "DynamoDBClient":
    """Return boto3's DynamoDB client, without retries."""
    return _session().client("dynamodb", endpoint_url=endpoint, config=_config(60))


def cognito(endpoint: str) -> "CognitoIdentityProviderClient":
    """Return boto3's Cognito client, without retries."""
    return _session().client("cognito-idp", endpoint_url=endpoint, config=_config(20))


def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)


def _config(read_timeout: float) -> Config:
    return Config(
        connect_timeout=5,
        read_timeout=read_timeout,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=32,
    )
