"""How issuers' keys are carried in: what is copied, what is refused, and what is left as it was."""

import json
from pathlib import Path

import pytest

from infra.mirror import carry
from infra.mirror.carry import MOST, checked, fetched, handler
from infra.template import of_type, text
from tests.infra.conftest import Json

RSA = {"kty": "RSA", "kid": "1", "n": "x", "e": "AQAB", "use": "sig"}
SET = json.dumps({"keys": [RSA], "other": "thing"}).encode()


class Bucket:
    """What was put."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803 - as boto3 calls them
        """Put."""
        assert (Bucket, ContentType) == ("keys", "application/json")
        self.objects[Key] = Body


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET", "keys")
    monkeypatch.setenv("ISSUERS", json.dumps({"0.json": "https://a.test/jwks", "1.json": "https://b.test/jwks"}))


def test_a_set_is_copied_and_nothing_beside_its_keys() -> None:
    bucket = Bucket()

    handler({}, None, lambda _: SET, bucket)

    assert {name: json.loads(body) for name, body in bucket.objects.items()} == {
        "0.json": {"keys": [RSA]},
        "1.json": {"keys": [RSA]},
    }


def test_an_issuer_that_fails_keeps_its_last_copy_and_the_others_are_carried() -> None:
    bucket = Bucket()

    def fetch(address: str) -> bytes:
        if "a.test" in address:
            raise OSError
        return SET

    with pytest.raises(RuntimeError, match=r"0\.json: OSError"):
        handler({}, None, fetch, bucket)
    assert list(bucket.objects) == ["1.json"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"keys": []}',
        b'{"keys": {}}',
        b'{"keys": ["x"]}',
        json.dumps({"keys": [{**RSA, "d": "private"}]}).encode(),
        json.dumps({"keys": [{"kty": "oct", "k": "x"}]}).encode(),
        json.dumps({"keys": [RSA] * 101}).encode(),
        b" " * MOST + SET,
    ],
)
def test_what_is_no_set_of_public_keys_is_not_carried(body: bytes) -> None:
    bucket = Bucket()

    with pytest.raises(RuntimeError):
        handler({}, None, lambda _: body, bucket)
    assert bucket.objects == {}


@pytest.mark.parametrize("address", ["http://a.test/jwks", "file:///etc/passwd", "ftp://a.test"])
def test_nothing_but_https_is_fetched(address: str) -> None:
    with pytest.raises(ValueError, match="https"):
        fetched(address)


def test_what_is_carried_can_be_carried_again() -> None:
    assert checked(checked(SET)) == checked(SET)


def test_the_function_fits_into_the_template_and_its_role_writes_the_copies_only(template: Json) -> None:
    [function] = of_type(template, "AWS::Lambda::Function")
    code = function["Code"]["ZipFile"]
    [policy] = [
        each["Properties"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::IAM::Policy" and name.startswith("KeyMirror")
    ]
    rights = {
        action
        for each in policy["PolicyDocument"]["Statement"]
        for action in [each["Action"]]
        if isinstance(action, str)
    }

    assert code == Path(carry.__file__).read_text()
    assert len(code) <= 4096
    assert rights == {"s3:PutObject"}
    assert "VpcConfig" not in function


def test_the_copies_answer_to_the_network_only_and_end_by_themselves(template: Json) -> None:
    [policy] = [each for each in of_type(template, "AWS::S3::BucketPolicy") if "KeyMirror" in text(each["Bucket"])]
    allowed = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    [bucket] = [
        each["Properties"]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::S3::Bucket" and name.startswith("KeyMirror")
    ]

    assert [each["Action"] for each in allowed] == ["s3:GetObject"]
    assert text(allowed[0]["Condition"]["StringEquals"]["aws:SourceVpce"]).startswith("<NetworkVpcS3")
    assert bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] == 1
