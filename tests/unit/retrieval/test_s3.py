"""The bucket in S3, as moto plays it: versions, bounds before bodies, and outages that are no deletions."""

import uuid
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from retrieval.errors import BucketUnavailableError, SourceError
from retrieval.s3 import S3Bucket
from tests.support.inbox import Post, new_post

pytestmark = pytest.mark.enable_socket

ODD = [
    "acme/h/a b.md",
    "acme/h/a+b.md",
    "acme/h/100%.md",
    "acme/h/ü.md",
    "acme/h/日本.md",
    "acme/h/a%2Fb.md",
    "acme/h/q?x&y",
]


@pytest.fixture
def post() -> Post:
    return new_post(f"b-{uuid.uuid4().hex}")


@pytest.mark.parametrize("key", ODD)
def test_object_comes_back_as_it_was_written_whatever_its_key(post: Post, key: str) -> None:
    post.bucket.write(key, b"text")
    stored = post.bucket.read(key, 4)
    assert stored is not None
    assert (stored.content, stored.version) == (b"text", post.bucket.version(key))
    assert list(post.bucket.keys("acme/h/")) == [key]


def test_each_write_has_another_version(post: Post) -> None:
    post.bucket.write("a", b"text")
    first = post.bucket.version("a")
    post.bucket.write("a", b"text")
    assert post.bucket.version("a") != first


def test_object_that_is_not_there_is_none(post: Post) -> None:
    assert (post.bucket.version("a"), post.bucket.read("a", 1), list(post.bucket.keys(""))) == (None, None, [])
    post.bucket.write("a", b"x")
    post.s3.delete_object(Bucket=post.inbox.bucket, Key="a")
    assert (post.bucket.version("a"), post.bucket.read("a", 1)) == (None, None)


def test_object_over_the_bound_is_refused_before_its_body_is_read(post: Post) -> None:
    post.bucket.write("a", b"12345")
    assert post.bucket.read("a", 5) is not None
    read: list[object] = []

    class Body:
        def read(self) -> bytes:
            read.append(1)
            return b""

        def close(self) -> None: ...

    class Client:
        def get_object(self, **asked: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3
            return {**post.s3.get_object(**asked), "Body": Body()}

    with pytest.raises(SourceError, match="at most 4 are read"):
        S3Bucket(cast("Any", Client()), post.inbox.bucket).read("a", 4)
    assert read == []


def test_removed_version_is_gone_for_good_and_another_stays(post: Post) -> None:
    post.bucket.write("a", b"1")
    first = post.bucket.version("a")
    assert first is not None
    post.bucket.remove("a", first)
    post.bucket.remove("a", first)
    assert post.bucket.version("a") is None
    assert post.s3.list_object_versions(Bucket=post.inbox.bucket).get("Versions", []) == []
    post.bucket.write("a", b"2")
    post.bucket.remove("a", first)
    assert post.bucket.read("a", 1) is not None


def test_bucket_without_versions_tells_writes_apart_too(post: Post) -> None:
    name = f"{post.inbox.bucket}-plain"
    post.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    plain = S3Bucket(post.s3, name)
    plain.write("a", b"1")
    first, stored = plain.version("a"), plain.read("a", 1)
    assert stored is not None
    assert first == stored.version
    plain.write("a", b"2")
    assert plain.version("a") != first
    plain.remove("a", first or "")
    assert plain.version("a") is None


def test_more_keys_than_a_page_are_all_listed(post: Post) -> None:
    keys = [f"acme/h/{number:04}" for number in range(12)]
    for key in keys:
        post.bucket.write(key, b"")

    class Paged:
        def list_objects_v2(self, **asked: Any) -> Any:  # noqa: ANN401 - as boto3
            return post.s3.list_objects_v2(**asked, MaxKeys=5)

    assert list(S3Bucket(cast("Any", Paged()), post.inbox.bucket).keys("acme/")) == keys


FAULTS = [
    ClientError({"Error": {"Code": "AccessDenied"}}, "x"), ClientError({"Error": {"Code": "NoSuchBucket"}}, "x"),
    ClientError({"Error": {"Code": "503"}}, "x"), EndpointConnectionError(endpoint_url="x"),
    ReadTimeoutError(endpoint_url="x"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("call", ["version", "read", "keys", "write", "remove"])
def test_bucket_that_fails_is_an_outage_and_never_a_deletion(fault: Exception, call: str) -> None:
    class Failing:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as boto3
            def fail(**_: object) -> None:
                raise fault

            return fail

    bucket = S3Bucket(cast("Any", Failing()), "b")
    calls: dict[str, Callable[[], object]] = {
        "version": lambda: bucket.version("a"),
        "read": lambda: bucket.read("a", 1),
        "keys": lambda: list(bucket.keys("")),
        "write": lambda: bucket.write("a", b""),
        "remove": lambda: bucket.remove("a", "v"),
    }
    with pytest.raises(BucketUnavailableError):
        calls[call]()


def test_answer_of_status_200_that_is_none_of_the_bucket_s_is_an_outage() -> None:
    class Proxied:
        def put_object(self, **_: object) -> dict[str, object]:
            return {"ResponseMetadata": {"HTTPStatusCode": 200}}

        def list_objects_v2(self, **_: object) -> dict[str, object]:
            return {"ResponseMetadata": {"HTTPStatusCode": 200}}

    bucket = S3Bucket(cast("Any", Proxied()), "b")
    with pytest.raises(BucketUnavailableError):
        bucket.write("a", b"x")
    with pytest.raises(BucketUnavailableError):
        list(bucket.keys("acme/"))
