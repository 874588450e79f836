"""What a process asks of AWS, one statement each, as its adapters ask it: the only place where rights are written.

A key of a table says whose item it is (`person#…`, `epoch#…`, `kept#…`, `tenant/document`), so most grants also name
the keys. IAM knows no "only if it is absent": whoever may put an item may also overwrite one of the same key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam

GET, QUERY, SCAN, PUT, UPDATE, BATCH = (
    f"dynamodb:{action}" for action in ("BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "BatchWriteItem")
)
SNAPSHOT = "dynamodb:GetItem"
"""What TransactGetItems needs."""
PEOPLE, DOCUMENTS, KEPT = ("person#*", "epoch#*"), ("*/*",), ("kept#*",)
ROSTERS = ("roster#*",)
"""Who is known by which handle: a manifest names owners so."""
_INDICES = "antechamber-*"
_SEARCHES = (("Get", ("", _INDICES)), ("Post", ("_msearch",)))
_WRITES = (("Post", (f"{_INDICES}/_bulk", f"{_INDICES}/_refresh")),)
_GOVERNS = (
    ("Get", ("_cluster/settings",)),
    ("Put", ("_cluster/settings", _INDICES, "_plugins/_security/api/*")),
    ("Delete", (_INDICES,)),
)
SEARCH_CALLS: Mapping[str, Sequence[tuple[str, Sequence[str]]]] = {
    "answer": _SEARCHES,
    "documents": (*_SEARCHES, *_WRITES),
    "ingest": (*_SEARCHES, *_WRITES),
    "operator": (*_SEARCHES, *_WRITES, *_GOVERNS),
}
"""By role, which HTTP methods on which paths of the domain."""


@dataclass(frozen=True, slots=True)
class Resources:
    """The ARNs that grants are about."""

    directory: str
    registry: str
    records: str
    personal: str
    intake: str
    limits: str
    documents: str
    """The bucket."""
    staged: str
    queue: str
    dead: str
    salt: str
    """The one secret, which only the starting of a task reads."""
    key: str
    domain: str
    model: tuple[str, ...]
    profile: str | None
    embeddings: str
    guardrail: str
    pinned_guardrail: str
    """With its version."""
    region: str


def table(sid: str, arn: str, actions: Sequence[str], keys: Sequence[str] = ()) -> iam.PolicyStatement:
    """Allow `actions` on the items of a table whose first key is like one of `keys`; none: on all."""
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(keys)}} if keys else {}
    return allow(sid, actions, [arn], condition)


def appends(on: Resources) -> list[iam.PolicyStatement]:
    """Allow to append records: put them, and keep policy sets and scopes by digest. Nothing is changed or deleted."""
    return [
        table("AppendsRecords", on.records, [PUT, GET]),
        table("KeepsByDigest", on.records, [BATCH], KEPT),
        table("AppendsPersonalValues", on.personal, [PUT]),
        table("KeepsEntitlementsByDigest", on.personal, [BATCH], KEPT),
    ]


def search(role: str, on: Resources) -> list[iam.PolicyStatement]:
    """Allow the calls that `role` makes of the domain."""
    return [
        allow(f"Search{method}s{number}", [f"es:ESHttp{method}"], [f"{on.domain}/{path}" for path in paths])
        for number, (method, paths) in enumerate(SEARCH_CALLS[role])
    ]


def answers(on: Resources) -> list[iam.PolicyStatement]:
    """Allow to ask the one model, only with the one version of the guardrail."""
    guarded = {"StringEquals": {"bedrock:GuardrailIdentifier": on.pinned_guardrail}}
    stream = "bedrock:InvokeModelWithResponseStream"
    if on.profile is None:
        statements = [allow("AsksTheModel", [stream], on.model, guarded)]
    else:
        through = {"StringEquals": {**guarded["StringEquals"], "bedrock:InferenceProfileArn": on.profile}}
        statements = [
            allow("AsksTheProfile", [stream], [on.profile], guarded),
            allow("AsksTheProfilesModel", [stream], on.model, through),
        ]
    return [*statements, allow("AppliesTheGuardrail", ["bedrock:ApplyGuardrail"], [on.guardrail])]


def embeds(on: Resources) -> iam.PolicyStatement:
    """Allow to turn texts into vectors by the one model."""
    return allow("Embeds", ["bedrock:InvokeModel"], [on.embeddings])


def key(service: str, on: Resources) -> iam.PolicyStatement:
    """Allow `service` to use the key on this role's behalf, and the role to use it in no other way."""
    actions = {
        "dynamodb": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
        "s3 to read": ["kms:Decrypt"],
        "s3 to write": ["kms:GenerateDataKey"],
    }[service]
    name = service.partition(" ")[0]
    via = {"StringEquals": {"kms:ViaService": f"{name}.{on.region}.amazonaws.com"}}
    return allow(f"Key{''.join(map(str.capitalize, service.split()))}", actions, [on.key], via)


def allow(
    sid: str, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> iam.PolicyStatement:
    """Return the statement."""
    return iam.PolicyStatement(
        sid=sid, actions=list(actions), resources=list(resources), conditions=dict(conditions or {})
    )
