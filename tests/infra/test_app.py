"""The application as the CDK runs it: checks that bite, and the other choices."""

import json
from pathlib import Path

import pytest
from aws_cdk import aws_s3 as s3

from infra.app import build
from infra.size import DEMO
from infra.synth import complaints
from infra.template import environment_of, of_type, rights, text
from tests.infra.conftest import Json

OUTSIDE = [
    {
        "issuer": "https://login.example.com/",
        "tenants": ["acme"],
        "audience": "https://antechamber.example.com",
        "jwks_uri": "https://login.example.com/keys",
    }
]


def test_a_bucket_that_nobody_thought_about_stops_the_synthesis(tmp_path: Path) -> None:
    app, stack = build({}, str(tmp_path))
    s3.Bucket(stack, "Forgotten")

    with pytest.raises(RuntimeError, match="AwsSolutions-S1"):
        app.synth()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """Return the template of a deployment with outside issuers, a model of its own, and a lock that nobody lifts."""
    folder = tmp_path_factory.mktemp("other")
    context = {
        "name": "paper",
        "region": "us-east-1",
        "issuers": json.dumps(OUTSIDE),
        "model": "amazon.nova-lite-v1:0",
        "lock": "COMPLIANCE",
        "lock_days": "30",
    }
    app, stack = build(context, str(folder))
    app.synth()
    written = (folder / "paper-demo.template.json").read_text()
    assert complaints(written, stack.choice) == []
    found: Json = json.loads(written)
    return found


def test_an_outside_issuer_leaves_no_user_pool_and_its_keys_are_carried_in(other: Json) -> None:
    issuers = json.loads(text(environment_of(other, "answer")["ANTECHAMBER_ISSUERS"]))
    [function] = of_type(other, "AWS::Lambda::Function")

    assert not of_type(other, "AWS::Cognito::UserPool")
    assert issuers[0]["issuer"] == OUTSIDE[0]["issuer"]
    assert issuers[0]["jwks_uri"].startswith("https://<KeyMirror")
    assert json.loads(function["Environment"]["Variables"]["ISSUERS"]) == {"0.json": OUTSIDE[0]["jwks_uri"]}


def test_a_model_without_a_profile_is_asked_in_its_region_only_and_with_the_guardrail(other: Json) -> None:
    [asks] = [each for each in rights(other, "Answer") if each.sid == "AsksTheModel"]

    assert asks.resources == ("arn:<AWS::Partition>:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",)
    assert "bedrock:GuardrailIdentifier" in asks.conditions["StringEquals"]


def test_the_lock_is_the_one_that_was_chosen(other: Json) -> None:
    [locked] = [each for each in of_type(other, "AWS::S3::Bucket") if each.get("ObjectLockEnabled")]

    assert locked["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 30}
    assert DEMO.lock_days == 1
