"""Doors to AWS services instead of a way to the internet, each open only for what the tasks do there.

Interface endpoints cost by the hour and zone, so there are no others: the tasks' credentials come from ECS itself (no
STS), KMS is used by the services on the tasks' behalf, and what Cognito publishes is carried in.
"""

from collections.abc import Sequence

from aws_cdk import Aws, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.grants import Resources
from infra.key_mirror import KeyMirror
from infra.network import Network

_SERVICE = ec2.InterfaceVpcEndpointAwsService
_GATEWAY = ec2.GatewayVpcEndpointAwsService
_TABLES = ("BatchGetItem", "BatchWriteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem")
_QUEUES = (
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "SendMessage",
)
_IMAGES = ("GetAuthorizationToken", "BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage")


class Endpoints(Construct):
    """Gateways of S3 and DynamoDB, which cost nothing, and six interfaces."""

    def __init__(self, scope: Construct, id_: str, network: Network, on: Resources, mirror: KeyMirror) -> None:
        super().__init__(scope, id_)
        self._network = network
        tables = [on.directory, on.registry, on.records, on.personal, on.intake, on.limits]
        self._gateway("DynamoDB", _GATEWAY.DYNAMODB, [_ours("dynamodb", _TABLES, tables)])
        s3 = self._gateway("S3", _GATEWAY.S3, [*_documents(on), *_public(self, mirror)])
        mirror.let(s3)
        models = [*on.model, *filter(None, [on.profile]), on.embeddings, on.guardrail]
        asks = ("InvokeModel", "InvokeModelWithResponseStream", "ApplyGuardrail")
        self._interface("Bedrock", _SERVICE.BEDROCK_RUNTIME, _ours("bedrock", asks, models))
        self._interface("Queues", _SERVICE.SQS, _ours("sqs", _QUEUES, [on.queue, on.dead]))
        self._interface("Secrets", _SERVICE.SECRETS_MANAGER, _ours("secretsmanager", ("GetSecretValue",), [on.salt]))
        self._interface("Logs", _SERVICE.CLOUDWATCH_LOGS, _ours("logs", ("CreateLogStream", "PutLogEvents"), ["*"]))
        for id__, service in (("Images", _SERVICE.ECR), ("Layers", _SERVICE.ECR_DOCKER)):
            self._interface(id__, service, _ours("ecr", _IMAGES, ["*"]))

    def _gateway(
        self, id_: str, service: ec2.GatewayVpcEndpointAwsService, statements: Sequence[iam.PolicyStatement]
    ) -> ec2.GatewayVpcEndpoint:
        endpoint = self._network.vpc.add_gateway_endpoint(id_, service=service, subnets=[self._network.rooms])
        for statement in statements:
            endpoint.add_to_policy(statement)
        return endpoint

    def _interface(self, id_: str, service: ec2.InterfaceVpcEndpointAwsService, statement: iam.PolicyStatement) -> None:
        endpoint = self._network.vpc.add_interface_endpoint(
            id_,
            service=service,
            subnets=self._network.rooms,
            security_groups=[self._network.endpoints],
            open=False,
            private_dns_enabled=True,
        )
        endpoint.add_to_policy(statement)


def _ours(service: str, actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    """Allow this account's roles, whichever of them may, and nobody who brings credentials of another account."""
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=[f"{service}:{action}" for action in actions],
        resources=list(resources),
        conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
    )


def _documents(on: Resources) -> list[iam.PolicyStatement]:
    return [
        _ours("s3", ("GetObject", "PutObject", "DeleteObjectVersion"), [f"{on.documents}/*"]),
        _ours("s3", ("ListBucket",), [on.documents]),
    ]


def _public(scope: Construct, mirror: KeyMirror) -> list[iam.PolicyStatement]:
    """Allow what nobody signs: the copies of public keys, and the layers of images, which lie in AWS's own bucket."""
    layers = f"arn:{Aws.PARTITION}:s3:::prod-{Stack.of(scope).region}-starport-layer-bucket/*"
    return [
        iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=["s3:GetObject"], resources=[each])
        for each in (mirror.bucket.arn_for_objects("*"), layers)
    ]
