"""How issuers' public keys come into a network without a way out: a copy, carried in every five minutes.

A user pool with hosted sign-in cannot be reached through the endpoint of Cognito at all (AWS: Amazon Cognito, Access
using an interface endpoint), and an outside issuer has none. So a function without rights, but the one to write the
copies, fetches the published keys, and the tasks read them through the gateway of S3. A copy that is no longer renewed
expires, and then nobody is believed any more.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.choice import Choice
from infra.identity import Identity
from infra.keys import Keys
from infra.logbook import log_group

_CODE = Path(__file__).parent / "mirror" / "carry.py"


class KeyMirror(Construct):
    """The bucket of copies, and the function that carries them."""

    def __init__(
        self, scope: Construct, id_: str, choice: Choice, keys: Keys, identity: Identity, logs_bucket: s3.Bucket
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = s3.Bucket(
            self,
            "Keys",
            encryption=s3.BucketEncryption.S3_MANAGED,  # a key of ours could not be used without credentials
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            server_access_logs_bucket=logs_bucket,
            server_access_logs_prefix="keys/",
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(1))],
            removal_policy=RemovalPolicy.DESTROY,
        )
        self._names = names = [f"{number}.json" for number in range(len(identity.issuers))]
        self.addresses: Sequence[str] = [f"https://{self.bucket.bucket_regional_domain_name}/{name}" for name in names]
        published = {name: each["jwks_uri"] for name, each in zip(names, identity.issuers, strict=True)}
        self.function = self._function(choice, keys, published)

    def let(self, gateway: ec2.GatewayVpcEndpoint) -> None:
        """Let whoever comes through `gateway` read the copies: they are public keys, and asked for without a token."""
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="FromTheNetwork",
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject"],
                resources=[self.bucket.arn_for_objects(name) for name in self._names],
                conditions={"StringEquals": {"aws:SourceVpce": gateway.vpc_endpoint_id}},
            )
        )

    def _function(self, choice: Choice, keys: Keys, published: dict[str, str]) -> lambda_.Function:
        group = log_group(self, "Log", choice, keys)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        copies = [self.bucket.arn_for_objects(name) for name in self._names]
        for sid, actions, on in (
            ("WritesCopies", ["s3:PutObject"], copies),
            ("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [group.log_group_arn]),
        ):
            role.add_to_policy(iam.PolicyStatement(sid=sid, actions=actions, resources=on))
        function = lambda_.Function(
            self,
            "Carry",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(_CODE.read_text()),
            role=role.without_policy_updates(),
            log_group=group,
            timeout=Duration.seconds(30),
            memory_size=256,
            environment={"ISSUERS": json.dumps(published), "BUCKET": self.bucket.bucket_name},
        )
        schedule = events.Schedule.rate(Duration.minutes(5))
        events.Rule(self, "Often", schedule=schedule, targets=[targets.LambdaFunction(function, retry_attempts=0)])
        return function
