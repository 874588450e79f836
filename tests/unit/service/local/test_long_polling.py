"""Long polls that are asked again and again beneath, so that nobody waits in the lock of all services."""

import json
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.test import Client

from service.local.long_polling import LongPolling

RECEIVE = {"X-Amz-Target": "AmazonSQS.ReceiveMessage"}


class Queue:
    """Answers with a message once it was asked `after` times."""

    def __init__(self, after: int, status: str = "200 OK") -> None:
        self.after, self.status, self.asked = after, status, list[bytes]()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.asked.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response(self.status, [("Content-Type", "application/json")])
        return [b'{"Messages": [1]}' if len(self.asked) > self.after else b"{}"]


def test_a_poll_waits_outside_until_there_is_a_message() -> None:
    queue, slept = Queue(3), list[float]()
    answer = Client(LongPolling(queue, slept.append)).post("/", data=b'{"WaitTimeSeconds": 20}', headers=RECEIVE)
    assert (answer.status_code, answer.data) == (200, b'{"Messages": [1]}')
    assert len(slept) == 3
    assert {json.loads(each)["WaitTimeSeconds"] for each in queue.asked} == {0}


def test_a_poll_ends_when_its_time_is_over() -> None:
    queue = Queue(10_000)
    answer = Client(LongPolling(queue)).post("/", data=b'{"WaitTimeSeconds": 0.3}', headers=RECEIVE)
    assert (answer.data, 2 <= len(queue.asked) <= 6) == (b"{}", True)


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"{}", b'{"WaitTimeSeconds": "x"}', b'{"WaitTimeSeconds": -1}'])
def test_a_poll_without_a_wait_is_asked_once(body: bytes) -> None:
    queue = Queue(10)
    assert Client(LongPolling(queue)).post("/", data=body, headers=RECEIVE).data == b"{}"
    assert len(queue.asked) == 1


def test_a_failure_is_handed_on_at_once() -> None:
    queue = Queue(10, "400 Bad Request")
    assert Client(LongPolling(queue)).post("/", data=b'{"WaitTimeSeconds": 9}', headers=RECEIVE).status_code == 400
    assert len(queue.asked) == 1


def test_every_other_request_passes_untouched() -> None:
    queue = Queue(0)
    Client(LongPolling(queue)).post("/", data=b'{"WaitTimeSeconds": 9}', headers={"X-Amz-Target": "DynamoDB.X"})
    assert queue.asked == [b'{"WaitTimeSeconds": 9}']
