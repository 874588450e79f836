"""Two keys, for what people entrust to the application and for what it says about itself; and the one secret."""

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.choice import Choice


class Keys(Construct):
    """Customer managed keys that rotate every year; what a role may do with them stands in its grants."""

    def __init__(self, scope: Construct, id_: str, choice: Choice) -> None:
        super().__init__(scope, id_)
        self.data = self._key("Data", choice, "tables, documents, checkpoints and the index")
        self.operations = self._key("Operations", choice, "logs and alarms")
        _let_logs(self.operations)
        _let_alarms(self.operations)
        # People are counted in the table of limits by a digest under it; all tasks must have the same.
        self.salt = secretsmanager.Secret(
            self,
            "Salt",
            description=f"{choice.stack}: hides people in the table of limits",
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=32, exclude_punctuation=True),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _key(self, id_: str, choice: Choice, what: str) -> kms.Key:
        return kms.Key(
            self,
            id_,
            description=f"{choice.stack}: {what}",
            enable_key_rotation=True,
            pending_window=Duration.days(choice.size.key_days),
            removal_policy=RemovalPolicy.DESTROY,
        )


def _let_logs(key: kms.Key) -> None:
    """Let CloudWatch Logs encrypt the log groups of this account (AWS: CloudWatch Logs, Encrypt log data)."""
    arn = f"arn:{Aws.PARTITION}:logs:{Stack.of(key).region}:{Aws.ACCOUNT_ID}:*"
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="CloudWatchLogs",
            principals=[iam.ServicePrincipal(f"logs.{Stack.of(key).region}.amazonaws.com")],
            actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            resources=["*"],
            conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
        )
    )


def _let_alarms(key: kms.Key) -> None:
    """Let alarms and the budget publish to the encrypted topic, for this account only."""
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="Alarms",
            principals=[iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("cloudwatch", "budgets")],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )
    )
