"""What cdk-nag complains of and is meant so, each with its reason.

Every wildcard is listed as it is written, so that a further one fails the synthesis.
"""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

from infra.stack import Antechamber

_INDICES = "indices are made and dropped while it runs; all begin with this name"
_DOMAIN = {
    "antechamber-*": _INDICES,
    "antechamber-*/_bulk": _INDICES,
    "antechamber-*/_refresh": _INDICES,
    "_plugins/_security/api/*": "the operator maps the tasks' roles within the domain: by this address",
}
_PATHS = {
    "Answer": ("antechamber-*",),
    "Documents": ("antechamber-*", "antechamber-*/_bulk", "antechamber-*/_refresh"),
    "Ingest": ("antechamber-*", "antechamber-*/_bulk", "antechamber-*/_refresh"),
    "Operator": tuple(_DOMAIN),
}
_OBJECTS = {"Documents": ("/staged/*",), "Ingest": ("/*", "/staged/*"), "Operator": ("/*",)}
"""Of the documents bucket: its objects are what these roles are for."""


def acknowledge(stack: Antechamber) -> None:
    """Acknowledge what is meant."""
    for role in _PATHS:
        _wildcards(stack, role)
    _services(stack)
    _domain(stack)
    _meant(stack.keys.salt, "SMG4", "a new salt forgets who was counted: no secret of anybody, changed when one wishes")
    _meant(stack.network.edge, "EC23", "the load balancer is the one thing that is reached from the internet")
    if not stack.choice.issuers:
        pool = stack.identity.node.find_child("Pool")
        _meant(pool, "COG8", "the Plus plan costs by person; passwords are long, and strangers cannot sign up")
        if not stack.choice.size.protected:
            _meant(pool, "COG2", "a demo's people are made up; the production size requires a second factor")


def _wildcards(stack: Antechamber, name: str) -> None:
    role = stack.roles.node.find_child(name)
    domain = f"arn:<AWS::Partition>:es:{stack.region}:<AWS::AccountId>:domain/{stack.choice.stack}"
    for path in _PATHS[name]:
        _meant(role, f"IAM5[Resource::{domain}/{path}]", _DOMAIN[path])
    bucket = stack.get_logical_id(stack.buckets.documents.node.default_child)  # type: ignore[arg-type]  # a CfnBucket
    for objects in _OBJECTS.get(name, ()):
        _meant(role, f"IAM5[Resource::<{bucket}.Arn>{objects}]", "objects of the documents bucket")
    if name == "Answer" and stack.choice.profile:
        model = stack.choice.model.partition(".")[2]
        anywhere = f"IAM5[Resource::arn:<AWS::Partition>:bedrock:*::foundation-model/{model}]"
        _meant(role, anywhere, "the profile chooses the region; the condition allows the model through it only")


def _services(stack: Antechamber) -> None:
    if not stack.choice.size.protected:
        _meant(stack.service.cluster, "ECS4", "its metrics would cost more than a demo's tasks")
    every = "AWS gives tokens of the registry for all repositories; pulling is granted for the one"
    _meant(stack.service.starter, "IAM5[Resource::*]", every)
    for task in ("AnswerTask", "DocumentsTask", "IngestTask", "OperatorTask"):
        _meant(stack.service.node.find_child(task), "ECS2", "no setting is a secret: credentials are the role's")


def _domain(stack: Antechamber) -> None:
    asked = "a slow log would hold people's questions and documents' text"
    for log in ("SEARCH_SLOW_LOGS", "INDEX_SLOW_LOGS"):
        _meant(stack.search, f"OS9[LogExport::{log}]", asked)
    _meant(stack.search, "OS3", "it stands in the network, and tasks have no fixed addresses: roles are named instead")
    if not stack.choice.size.protected:
        _meant(stack.search, "OS4", "a demo has one small node")
        _meant(stack.search, "OS7", "a demo has one small node")


def _meant(construct: IConstruct, rule: str, reason: str) -> None:
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason))
