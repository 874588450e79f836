"""The six tables: one shape of key, encrypted, with their last 35 days to go back to."""

from aws_cdk import Aws, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.choice import Choice
from infra.keys import Keys

EXPIRES = "expires"
"""The attribute by which DynamoDB deletes what is only needed for a while."""


class Tables(Construct):
    """Named, so that a role's grants can be read without looking an id up."""

    def __init__(self, scope: Construct, id_: str, choice: Choice, keys: Keys) -> None:
        super().__init__(scope, id_)
        self._choice, self._keys = choice, keys
        self.directory = self._table("directory")
        self.registry = self._table("registry")
        self.records = self._table("records")
        self.personal = self._table("personal")
        self.intake = self._table("intake")
        self.limits = self._table("limits", expiring=True)

    def _table(self, what: str, *, expiring: bool = False) -> str:
        """Make a table and return its name."""
        dynamodb.Table(
            self,
            what.title(),
            table_name=self.name(what),
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self._keys.data,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=EXPIRES if expiring else None,
            deletion_protection=self._choice.size.protected,
            removal_policy=RemovalPolicy.DESTROY,
        )
        return self.name(what)

    def name(self, what: str) -> str:
        """Return the name of the table of `what`."""
        return f"{self._choice.stack}-{what}"

    def arn(self, name: str) -> str:
        """Return the ARN of the table `name`."""
        return f"arn:{Aws.PARTITION}:dynamodb:{Stack.of(self).region}:{Aws.ACCOUNT_ID}:table/{name}"
