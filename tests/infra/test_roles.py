"""What each role can not do; and that these checks see it when a statement is widened."""

from collections.abc import Callable

import pytest

from infra.template import rights
from tests.infra.conftest import SIZES, Json
from tests.infra.prohibitions import TABLE, violations

Widening = Callable[[Json], None]


@pytest.mark.parametrize("size", SIZES)
def test_no_role_may_do_what_it_must_not(size: str, synthesised: Callable[[str], Json]) -> None:
    assert violations(synthesised(size), size) == []


def _policy(template: Json, role: str) -> list[Json]:
    [found] = [
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::Policy" and name.startswith(f"Roles{role}")
    ]
    statements: list[Json] = found
    return statements


def _statement(template: Json, role: str, sid: str) -> Json:
    [found] = [each for each in _policy(template, role) if each["Sid"] == sid]
    return found


def _adds(role: str, action: str, resource: object = "*") -> Widening:
    def widen(template: Json) -> None:
        _policy(template, role).append({"Effect": "Allow", "Action": action, "Resource": resource})

    return widen


def _acts(role: str, sid: str, *actions: str) -> Widening:
    def widen(template: Json) -> None:
        statement = _statement(template, role, sid)
        old = statement["Action"]
        statement["Action"] = [*(old if isinstance(old, list) else [old]), *actions]

    return widen


def _unconditional(role: str, sid: str, operator: str, key: str) -> Widening:
    def widen(template: Json) -> None:
        del _statement(template, role, sid)["Condition"][operator][key]

    return widen


def _reaches(role: str, sid: str, resource: str) -> Widening:
    def widen(template: Json) -> None:
        _statement(template, role, sid)["Resource"] = resource

    return widen


def _opens_the_domain(template: Json) -> None:
    [domain] = [each for each in template["Resources"].values() if each["Type"] == "AWS::OpenSearchService::Domain"]
    [*_, last] = domain["Properties"]["AccessPolicies"]["Statement"]
    last["Principal"] = {"AWS": "*"}


def _lets_the_answering_role_write_by_the_domain(template: Json) -> None:
    [domain] = [each for each in template["Resources"].values() if each["Type"] == "AWS::OpenSearchService::Domain"]
    domain["Properties"]["AccessPolicies"]["Statement"][0]["Action"] = ["es:ESHttpGet", "es:ESHttpPut"]


def _is_anybodys(template: Json) -> None:
    for name, each in template["Resources"].items():
        if each["Type"] == "AWS::IAM::Role" and name.startswith("RolesAnswer"):
            each["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}


_KEYS = "ForAllValues:StringLike", "dynamodb:LeadingKeys"
_REGISTRY, _RECORDS = (TABLE.format(size="demo", name=name) for name in ("registry", "records"))
WIDENINGS: dict[str, Widening] = {
    "the answering role writes the registry": _acts("Answer", "ReadsRegistry", "dynamodb:PutItem"),
    "it reads every person's handle": _unconditional("Answer", "ReadsPeople", *_KEYS),
    "it deletes records": _acts("Answer", "AppendsRecords", "dynamodb:DeleteItem"),
    "it deletes records in batches": _unconditional("Answer", "KeepsByDigest", *_KEYS),
    "it reads personal values": _acts("Answer", "AppendsPersonalValues", "dynamodb:BatchGetItem"),
    "it writes the index": _reaches(
        "Answer",
        "SearchPosts1",
        _REGISTRY.replace("dynamodb", "es").replace("table/", "domain/").replace("demo-registry", "demo/*"),
    ),
    "it asks any model": _reaches(
        "Answer", "AsksTheProfilesModel", "arn:<AWS::Partition>:bedrock:*::foundation-model/*"
    ),
    "it embeds with any model": _reaches("Answer", "Embeds", "*"),
    "it asks without the guardrail": _unconditional(
        "Answer", "AsksTheProfile", "StringEquals", "bedrock:GuardrailIdentifier"
    ),
    "it asks around the profile": _unconditional(
        "Answer", "AsksTheProfilesModel", "StringEquals", "bedrock:InferenceProfileArn"
    ),
    "it trains models": _adds("Answer", "bedrock:CreateModelCustomizationJob"),
    "it may everything of Bedrock": _adds("Answer", "bedrock:*", "arn:aws:bedrock:eu-central-1::x"),
    "it reads documents": _adds(
        "Answer", "s3:GetObject", {"Fn::Join": ["", [{"Fn::GetAtt": ["BucketsDocumentsE696B60E", "Arn"]}, "/*"]]}
    ),
    "it uses the key by itself": _unconditional("Answer", "KeyDynamodb", "StringEquals", "kms:ViaService"),
    "it takes on another role": _adds("Answer", "sts:AssumeRole"),
    "it is anybody's": _is_anybodys,
    "the documents role reads what was staged": _acts("Documents", "Stages", "s3:GetObject"),
    "it stages anywhere": _reaches("Documents", "Stages", "<BucketsDocumentsE696B60E.Arn>/*"),
    "it names the index that answers": _unconditional("Documents", "WritesDocumentsOfTheRegistry", *_KEYS),
    "it asks the model": _adds("Documents", "bedrock:InvokeModelWithResponseStream"),
    "the worker deletes documents": _reaches("Ingest", "DropsStaged", "<BucketsDocumentsE696B60E.Arn>/*"),
    "it writes the directory": _acts("Ingest", "ReadsPeople", "dynamodb:PutItem"),
    "it drops indices": _adds("Ingest", "es:ESHttpDelete"),
    "the operator changes records": _acts("Operator", "ReadsRecords", "dynamodb:UpdateItem"),
    "it empties queues": _adds("Operator", "sqs:PurgeQueue"),
    "the domain is anybody's": _opens_the_domain,
    "the domain's policy gives what the role has not": _lets_the_answering_role_write_by_the_domain,
}


@pytest.mark.parametrize("what", WIDENINGS)
def test_a_widened_statement_is_seen(what: str, synthesised: Callable[[str], Json]) -> None:
    template = synthesised("demo")
    WIDENINGS[what](template)

    assert violations(template, "demo")


@pytest.mark.parametrize(
    "change",
    [
        {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]},
        {"Policies": [{"PolicyName": "more", "PolicyDocument": {"Statement": []}}]},
    ],
)
def test_rights_beside_the_one_policy_are_refused(change: Json, synthesised: Callable[[str], Json]) -> None:
    template = synthesised("demo")
    [role] = [name for name in template["Resources"] if name.startswith("RolesAnswer") and "Policy" not in name]
    template["Resources"][role]["Properties"].update(change)

    with pytest.raises(ValueError, match="outside"):
        rights(template, "Answer")


@pytest.mark.parametrize("change", [{"Effect": "Deny"}, {"NotAction": "s3:GetObject"}, {"NotResource": "*"}])
def test_what_is_not_said_by_allowing_is_refused(change: Json, synthesised: Callable[[str], Json]) -> None:
    template = synthesised("demo")
    _statement(template, "Answer", "Embeds").update(change)

    with pytest.raises(ValueError, match="allowed"):
        rights(template, "Answer")
