"""Three buckets: documents, which must be erasable; checkpoints, which must not be; and what the doors log."""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.choice import Choice
from infra.keys import Keys
from infra.queue import Queue

STAGED = "staged/"
"""Prefix of documents that somebody put by HTTP and the worker has not taken yet."""


class Buckets(Construct):
    """Private, TLS only, versioned. A lock on documents would forbid erasure, so there is none."""

    def __init__(self, scope: Construct, id_: str, choice: Choice, keys: Keys, queue: Queue) -> None:
        super().__init__(scope, id_)
        self.logs = self._bucket("Logs", None, _expiring(choice.size.log_days))
        self.documents = self._bucket("Documents", keys.data, _tidy(), name=documents_name(choice))
        _notify(self.documents, queue)
        self.checkpoints = s3.Bucket(
            self,
            "Checkpoints",
            **_private(keys.data),  # type: ignore[arg-type]  # the common part
            object_lock_enabled=True,
            object_lock_default_retention=_retention(choice),
            server_access_logs_bucket=self.logs,
            server_access_logs_prefix="checkpoints/",
            removal_policy=RemovalPolicy.RETAIN,  # what is locked cannot go with the stack
        )

    def _bucket(
        self, id_: str, key: kms.Key | None, rules: list[s3.LifecycleRule], name: str | None = None
    ) -> s3.Bucket:
        logged = {"server_access_logs_bucket": self.logs, "server_access_logs_prefix": f"{id_.lower()}/"} if key else {}
        return s3.Bucket(
            self,
            id_,
            bucket_name=name,
            **_private(key),  # type: ignore[arg-type]  # the common part
            **logged,  # type: ignore[arg-type]  # likewise
            lifecycle_rules=rules,
            removal_policy=RemovalPolicy.DESTROY,
        )


def documents_name(choice: Choice) -> str:
    """Return the bucket's name, known before the bucket is there: its queue's policy names it."""
    return f"{choice.stack}-documents-{Aws.ACCOUNT_ID}"


def _private(key: kms.Key | None) -> dict[str, object]:
    return {
        "encryption": s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        "encryption_key": key,
        "bucket_key_enabled": key is not None,
        "block_public_access": s3.BlockPublicAccess.BLOCK_ALL,
        "object_ownership": s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        "enforce_ssl": True,
        "versioned": True,
    }


def _tidy() -> list[s3.LifecycleRule]:
    """Let what was overwritten or deleted go after a week, and what nobody finished uploading after a day."""
    return [
        s3.LifecycleRule(
            noncurrent_version_expiration=Duration.days(7),
            abort_incomplete_multipart_upload_after=Duration.days(1),
            expired_object_delete_marker=True,
        ),
        s3.LifecycleRule(prefix=STAGED, expiration=Duration.days(7)),
    ]


def _expiring(days: int) -> list[s3.LifecycleRule]:
    return [s3.LifecycleRule(expiration=Duration.days(days), noncurrent_version_expiration=Duration.days(1))]


def _retention(choice: Choice) -> s3.ObjectLockRetention:
    make = s3.ObjectLockRetention.compliance if choice.lock == "COMPLIANCE" else s3.ObjectLockRetention.governance
    return make(Duration.days(choice.lock_days))


def _notify(bucket: s3.Bucket, queue: Queue) -> None:
    """Send an event for every object that comes or goes. As a property: the CDK's own way is a function with rights."""
    plain = bucket.node.default_child
    assert isinstance(plain, s3.CfnBucket)  # noqa: S101 - what the construct is made of
    events = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
    plain.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        queue_configurations=[
            s3.CfnBucket.QueueConfigurationProperty(event=event, queue=queue.main.queue_arn) for event in events
        ]
    )
    bucket.node.add_dependency(queue.policy)
