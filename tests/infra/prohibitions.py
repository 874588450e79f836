"""What each role can not do, asked of a synthesised template as IAM would be asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from infra.template import ROLES, Right, of_type, rights, text, texts
from tests.infra.conftest import Json

_STACK = "antechamber-{size}"
TABLE = "arn:<AWS::Partition>:dynamodb:eu-central-1:<AWS::AccountId>:table/" + _STACK + "-{name}"
DOMAIN = "arn:<AWS::Partition>:es:eu-central-1:<AWS::AccountId>:domain/" + _STACK + "/{name}"
MODEL = "arn:<AWS::Partition>:bedrock:{region}::foundation-model/{name}"
ANY = "*"
READS = ("GetItem", "BatchGetItem", "Query", "Scan", "PartiQLSelect")
CHANGES = ("UpdateItem", "DeleteItem", "PartiQLUpdate", "PartiQLDelete")
WRITES = ("PutItem", "BatchWriteItem", "PartiQLInsert", *CHANGES)
RUNS = (
    "DeleteTable",
    "UpdateTable",
    "CreateTable",
    "CreateBackup",
    "RestoreTableToPointInTime",
    "ExportTableToPointInTime",
)
MODEL_ADMIN = (
    "CreateModelCustomizationJob",
    "CreateModelImportJob",
    "CreateProvisionedModelThroughput",
    "CreateInferenceProfile",
    "CreateGuardrail",
    "UpdateGuardrail",
    "DeleteGuardrail",
    "CreateGuardrailVersion",
    "PutModelInvocationLoggingConfiguration",
    "CreateAgent",
    "CreateKnowledgeBase",
    "CreateEvaluationJob",
    "PutFoundationModelEntitlement",
)


@dataclass(frozen=True, slots=True)
class Probe:
    """A request that must be refused: of a table's items, `key` is the first key, empty for any."""

    role: str
    actions: Sequence[str]
    resource: str
    key: str = ""


_DOCUMENTS = "<BucketsDocumentsE696B60E.Arn>"


def _db(*actions: str) -> list[str]:
    return [f"dynamodb:{each}" for each in actions]


def _table(size: str, name: str) -> str:
    return TABLE.format(size=size, name=name)


def _path(size: str, name: str) -> str:
    return DOMAIN.format(size=size, name=name)


def probes(size: str) -> Iterator[Probe]:
    """Yield every request that must be refused."""
    for role in ROLES:
        yield from _anybody(role, size)
    for role in ("Answer", "Documents", "Ingest"):
        yield from _not_the_operator(role, size)
    yield from _answer(size)
    for role in ("Answer", "Documents"):
        yield Probe(role, _db(*READS), _table(size, "directory"), "roster#acme")
    for role in ("Documents", "Ingest", "Operator"):
        yield Probe(role, ["bedrock:InvokeModelWithResponseStream"], ANY)
    # People stage and retire; what they staged is read by the worker.
    yield Probe("Documents", ["s3:GetObject", "s3:DeleteObjectVersion"], f"{_DOCUMENTS}/staged/acme/1")
    yield Probe("Documents", ["s3:ListBucket"], _DOCUMENTS)
    yield Probe("Documents", ["bedrock:InvokeModel", "sqs:SendMessage", "sqs:ReceiveMessage"], ANY)
    # The worker is reached by its queue, and counts nobody.
    yield Probe("Ingest", _db(*READS, *WRITES), _table(size, "limits"))
    yield Probe("Ingest", ["s3:PutObject"], f"{_DOCUMENTS}/staged/acme/1")
    yield Probe("Operator", ["s3:PutObject", "sqs:DeleteMessage", "sqs:PurgeQueue", "sqs:SendMessage"], ANY)


def _anybody(role: str, size: str) -> Iterator[Probe]:
    """Yield what no role may: run what the stack made, give rights, change records, train or choose models."""
    for name in ("directory", "registry", "records", "personal", "intake", "limits"):
        yield Probe(role, _db(*RUNS, "DeleteItem"), _table(size, name))
    yield Probe(role, ["iam:PassRole", "iam:PutRolePolicy", "sts:AssumeRole", "kms:ScheduleKeyDeletion"], ANY)
    yield Probe(role, ["ecs:UpdateService", "ecr:PutImage", "lambda:UpdateFunctionCode", "logs:DeleteLogGroup"], ANY)
    yield Probe(role, ["secretsmanager:GetSecretValue", "ssm:GetParameter", "cognito-idp:AdminCreateUser"], ANY)
    yield Probe(role, [f"bedrock:{each}" for each in MODEL_ADMIN], ANY)
    yield Probe(role, ["es:DeleteDomain", "es:UpdateDomainConfig", "es:CreateDomain", "es:AddTags"], ANY)
    for name in ("records", "personal"):
        yield Probe(role, _db(*CHANGES), _table(size, name))
        yield Probe(role, _db("BatchWriteItem"), _table(size, name), "acme")
    yield Probe(role, ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"], f"{_DOCUMENTS}/acme/handbook/a.md")
    yield Probe(role, ["s3:PutBucketPolicy", "s3:PutBucketNotification", "s3:DeleteBucket"], ANY)
    for bucket in ("<BucketsCheckpoints180497C2.Arn>", "<KeyMirrorKeysA3820952.Arn>", "<BucketsLogsF3E46FAF.Arn>"):
        yield Probe(role, ["s3:GetObject", "s3:PutObject", "s3:BypassGovernanceRetention"], f"{bucket}/0.json")
    for region in ("eu-central-1", "us-east-1"):
        other = MODEL.format(region=region, name="other.model-v1:0")
        yield Probe(role, ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"], other)


def _not_the_operator(role: str, size: str) -> Iterator[Probe]:
    """Yield what is the operators': the directory, which index answers, and who may what within the domain."""
    yield Probe(role, _db(*WRITES), _table(size, "directory"))
    yield Probe(role, _db("Scan"), _table(size, "registry"))
    yield Probe(role, _db("PutItem", "BatchWriteItem"), _table(size, "registry"), "index")
    yield Probe(role, _db(*READS), _table(size, "personal"))
    yield Probe(role, ["es:ESHttpPut", "es:ESHttpDelete", "es:ESHttpPatch"], _path(size, "antechamber-20261128"))
    yield Probe(role, ["es:ESHttpPut", "es:ESHttpPost"], _path(size, "_cluster/settings"))
    yield Probe(role, ["es:ESHttpPut", "es:ESHttpGet"], _path(size, "_plugins/_security/api/roles"))
    yield Probe(role, ["es:ESHttpPost"], _path(size, "antechamber-20261128/_delete_by_query"))


def _answer(size: str) -> Iterator[Probe]:
    """Yield what the answering role is refused beside that: whatever writes documents, registry, index or intake."""
    yield Probe("Answer", _db(*WRITES), _table(size, "registry"))
    yield Probe("Answer", _db("Query", "Scan"), _table(size, "registry"))
    yield Probe("Answer", _db(*READS, *WRITES), _table(size, "intake"))
    yield Probe("Answer", ["s3:GetObject", "s3:PutObject", "s3:ListBucket"], ANY)
    yield Probe("Answer", ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"], ANY)
    for path in ("antechamber-20261128/_bulk", "antechamber-20261128/_doc/1", "antechamber-20261128/_refresh"):
        yield Probe("Answer", ["es:ESHttpPost", "es:ESHttpPut", "es:ESHttpDelete"], _path(size, path))
    yield Probe("Answer", ["es:ESHttpPost"], _path(size, "_bulk"))
    yield Probe("Answer", ["es:ESHttpGet"], _path(size, "_cat/indices"))


def violations(template: Json, size: str) -> list[str]:
    """Return what some role may do and must not, in words; nothing if all is as it should be."""
    held = {role: rights(template, role) for role in ROLES}
    found = [
        f"{probe.role} may {action} on {probe.resource} {probe.key} by {right.sid or 'a nameless statement'}"
        for probe in probes(size)
        for action in probe.actions
        for right in held[probe.role]
        if allows(right, action, probe.resource, probe.key)
    ]
    return [*found, *_unguarded(held), *_strange(template)]


def allows(right: Right, action: str, resource: str, key: str) -> bool:
    """Return whether `right` lets `action` be done; without a `key`, of whatever key it is for."""
    keys = right.conditions.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys")
    return (
        any(fnmatchcase(action.lower(), each.lower()) for each in right.actions)
        and any(resource == ANY or _matches(resource, each) for each in right.resources)
        and (not keys or not key or any(fnmatchcase(key, each) for each in keys))
    )


def _matches(resource: str, pattern: str) -> bool:
    return fnmatchcase(resource, pattern.replace("[", "[[]"))


def _unguarded(held: dict[str, list[Right]]) -> Iterator[str]:
    """Yield statements that lack the condition without which they must not be."""
    for role, each in ((name, right) for name in ROLES for right in held[name]):
        equals = each.conditions.get("StringEquals", {})
        if any("*" in action for action in each.actions):
            yield f"{role}: {each.sid} allows actions that are not named"
        if "*" in each.resources:
            yield f"{role}: {each.sid} is about everything"
        if any(action.startswith("kms:") for action in each.actions) and "kms:ViaService" not in equals:
            yield f"{role}: {each.sid} uses a key by itself"
        if "bedrock:InvokeModelWithResponseStream" in each.actions and not _is_guarded(each):
            yield f"{role}: {each.sid} asks a model without the guardrail, or one of any region without its profile"
        if any("dynamodb" in one for one in each.resources) and any(set(each.conditions) - {"ForAllValues:StringLike"}):
            yield f"{role}: {each.sid} has a condition that nobody reads"


def _is_guarded(right: Right) -> bool:
    equals = right.conditions.get("StringEquals", {})
    pinned = equals.get("bedrock:GuardrailIdentifier", ())
    anywhere = any(":bedrock:*:" in each for each in right.resources)
    named = len(pinned) == 1 and pinned[0].count("<Guardrail") == 2 and "*" not in pinned[0]
    return named and (not anywhere or len(equals.get("bedrock:InferenceProfileArn", ())) == 1)


def _strange(template: Json) -> Iterator[str]:
    """Yield whoever else may take on a task's role, and whoever the domain lets in beyond the roles' own rights."""
    own = {f"<Roles{role}" for role in ROLES}
    for role in of_type(template, "AWS::IAM::Role"):
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            if set(statement["Principal"]) != {"Service"}:
                yield f"somebody may take on a role: {statement['Principal']}"
    [domain] = of_type(template, "AWS::OpenSearchService::Domain")
    for statement in domain["AccessPolicies"]["Statement"]:
        principal = text(statement["Principal"]["AWS"])
        name = next((each for each in own if principal.startswith(each)), None)
        asked = {(action, each) for action in texts(statement["Action"]) for each in texts(statement["Resource"])}
        if name is None or not asked <= _search_rights(template, name.removeprefix("<Roles")):
            yield f"the domain lets {principal} do what its role may not: {sorted(asked)}"


def _search_rights(template: Json, role: str) -> set[tuple[str, str]]:
    return {
        (action, each)
        for right in rights(template, role)
        for action in right.actions
        for each in right.resources
        if action.startswith("es:")
    }
