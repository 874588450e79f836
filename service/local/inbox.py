"""From an empty local cloud to the bucket of documents in it, and the queue that it notifies."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sqs.client import SQSClient

NAME = "antechamber-documents"
_RECEIVES = 5
"""How often a message is delivered before it goes to the dead letters."""
_VISIBILITY = 60
"""Seconds for which a delivered message is hidden."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where documents come in."""

    bucket: str
    queue: str
    """The queue's URL."""


def make_inbox(endpoint: str, region: str, name: str = NAME) -> Inbox:
    """Make bucket, queue and dead-letter queue; the bucket keeps versions and notifies the queue of every change."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)  # noqa: S106 - the local cloud looks at none
    s3: S3Client = session.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))
    sqs: SQSClient = session.client("sqs", endpoint_url=endpoint)
    dead = _arn(sqs, sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"])
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": _RECEIVES})
    attributes = {"VisibilityTimeout": str(_VISIBILITY), "RedrivePolicy": redrive}
    queue = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})  # type: ignore[typeddict-item]
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "QueueConfigurations": [
                {"QueueArn": _arn(sqs, queue), "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
            ]
        },
    )
    return Inbox(name, queue)


def _arn(sqs: "SQSClient", url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
