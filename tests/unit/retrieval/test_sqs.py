"""The queue in SQS, as moto plays it: deliveries, hiding, dead letters, and what a bucket tells it."""

import uuid
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from retrieval.errors import QueueUnavailableError
from retrieval.ingest.events import keys_of
from retrieval.queue import Message, QueueLimits
from retrieval.sqs import SQSQueue
from tests.support.inbox import Post, new_post

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def post() -> Post:
    made = new_post(f"q-{uuid.uuid4().hex}")
    (test,) = made.queue.receive(10, 0)
    assert keys_of(test.untrusted_body, made.inbox.bucket) == ()
    made.queue.delete(test)
    return made


def test_what_is_sent_is_delivered_hidden_and_once_deleted_gone(post: Post) -> None:
    post.queue.send([str(number) for number in range(25)])
    seen: list[str] = []
    while found := post.queue.receive(10, 0):
        assert len(found) <= 10
        seen += [each.untrusted_body for each in found]
        for each in found:
            assert each.received == 1
            post.queue.delete(each)
    assert sorted(seen, key=int) == [str(number) for number in range(25)]
    assert post.queue.depth().waiting == 0


def test_what_is_given_back_is_delivered_again_and_counted(post: Post) -> None:
    post.queue.send(["a"])
    (first,) = post.queue.receive(1, 0)
    assert post.queue.receive(1, 0) == []
    assert (post.queue.depth().waiting, post.queue.depth().running) == (0, 1)
    post.queue.hide(first, 0)
    (second,) = post.queue.receive(1, 0)
    assert (second.id, second.received) == (first.id, 2)


def test_limits_are_those_of_the_queue(post: Post) -> None:
    assert post.queue.limits() == QueueLimits(60, 5)


def test_what_is_delivered_too_often_goes_to_the_dead_letters_by_itself(post: Post) -> None:
    post.queue.send(["a"])
    for received in range(1, 6):
        (message,) = post.queue.receive(1, 0)
        assert message.received == received
        post.queue.hide(message, 0)
    assert post.queue.receive(1, 0) == []
    (dead,) = post.queue.dead(10)
    assert dead.reason is None
    assert post.queue.depth().dead == 1


def test_what_is_buried_is_a_dead_letter_with_its_reason_and_looking_at_it_takes_nothing(post: Post) -> None:
    post.queue.send(["poison"])
    (message,) = post.queue.receive(1, 0)
    post.queue.bury(message, "not JSON")
    assert post.queue.receive(1, 0) == []
    for _ in range(2):
        assert [each.reason for each in post.queue.dead(10)] == ["not JSON"]
    assert post.queue.depth().dead == 1


def test_a_queue_without_dead_letters_buries_by_deleting(post: Post) -> None:
    url = post.sqs.create_queue(QueueName=f"plain-{uuid.uuid4().hex}")["QueueUrl"]
    plain = SQSQueue(post.sqs, url)
    assert plain.limits().receives is None
    plain.send(["poison"])
    (message,) = plain.receive(1, 0)
    plain.bury(message, "not JSON")
    assert (plain.receive(1, 0), plain.dead(1), plain.depth().dead) == ([], [], 0)


@pytest.mark.parametrize("key", ["acme/h/a b.md", "acme/h/a+b.md", "acme/h/100%.md", "acme/h/ü.md", "acme/h/日本.md"])
def test_a_bucket_tells_of_every_write_and_deletion_under_the_very_key(post: Post, key: str) -> None:
    post.bucket.write(key, b"x")
    post.s3.delete_object(Bucket=post.inbox.bucket, Key=key)
    found = post.queue.receive(10, 1)
    assert [keys_of(each.untrusted_body, post.inbox.bucket) for each in found] == [(key,), (key,)]


@pytest.mark.parametrize(
    "fault", [ClientError({"Error": {"Code": "AccessDenied"}}, "x"), EndpointConnectionError(endpoint_url="x"), None]
)
def test_queue_that_fails_or_answers_nonsense_is_an_outage(fault: Exception | None) -> None:
    class Failing:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as boto3
            def fail(**_: object) -> dict[str, object]:
                if fault is None:
                    return {"Messages": [{}], "Failed": [{}]}
                raise fault

            return fail

    queue = SQSQueue(cast("Any", Failing()), "url")
    for call in (
        lambda: queue.receive(1, 0), lambda: queue.send(["a"]), queue.limits, queue.depth, lambda: queue.dead(1),
        lambda: queue.bury(Message("m", "r", "b", 1), "reason"),
    ):  # fmt: skip
        with pytest.raises(QueueUnavailableError):
            call()


def test_answer_of_status_200_that_is_none_of_the_queue_s_is_an_outage() -> None:
    class Proxied:
        def send_message_batch(self, **_: object) -> dict[str, object]:
            return {"ResponseMetadata": {"HTTPStatusCode": 200}}

    with pytest.raises(QueueUnavailableError):
        SQSQueue(cast("Any", Proxied()), "url").send(["x"])
