"""From the documents bucket to the worker: one queue of hints, and one for those that nobody could follow."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from infra.choice import Choice

RECEIVES = 5
"""How often a message is tried before it is set aside."""


class Queue(Construct):
    """Messages name objects and hold no content, so the queue service's own key is enough."""

    def __init__(self, scope: Construct, id_: str, choice: Choice, documents: str) -> None:
        super().__init__(scope, id_)
        self.dead = sqs.Queue(
            self,
            "Dead",
            queue_name=f"{choice.stack}-dead",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.main = sqs.Queue(
            self,
            "Main",
            queue_name=f"{choice.stack}-documents",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            visibility_timeout=Duration.minutes(5),
            retention_period=Duration.days(4),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=self.dead),
        )
        self.policy = self._let(documents)

    def _let(self, bucket: str) -> IDependable:
        """Let that bucket of this account, and nothing else of S3, send events."""
        result = self.main.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Events",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.main.queue_arn],
                conditions={
                    "ArnEquals": {"aws:SourceArn": f"arn:{Aws.PARTITION}:s3:::{bucket}"},
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                },
            )
        )
        assert result.policy_dependable is not None  # noqa: S101 - a statement that was added
        return result.policy_dependable
