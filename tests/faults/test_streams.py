"""Answers on the way: what breaks before the first word is 503, what breaks later is an error event, and recorded."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from socket import socket
from typing import Any

import httpx2
import pytest

from retrieval.audit import Logged
from service.local.event_stream import event_frame, exception_frame
from tests.faults.deployment import QUESTION, SILENCE, Deployment
from tests.support.demo import events_of
from tests.support.fault_proxy import Connection, Fault, answers, drips, hangs, http, passes, resets
from tests.support.server import calling

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(120)]

DEADLINE = 5.0
"""Seconds before the first byte: enough for botocore to ask again."""
WORD_DELAY = 0.05
"""Seconds before a word, so that an answer can be cut."""
CANARY = "CANARYSTREAM"
PATH = "/v1/answers"
GRACE = 3.0
"""Seconds more than its time that a busy machine may take."""
LONGEST = 8.0
"""Seconds for a whole answer, as deployed here."""
THROTTLED = http(429, f'{{"message": "{CANARY}"}}'.encode(), x_amzn_errortype="ThrottlingException")
WORD = event_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "more "}})


def chunk(content: bytes) -> bytes:
    """Return `content` as one chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(content), content)


MIDWAY: Mapping[str, Fault] = {
    "reset": resets,
    "closed": answers(b""),
    "hung": hangs,
    "no chunk": answers(CANARY.encode()),
    "no frame": answers(chunk(CANARY.encode() * 10)),
    "flipped bit": answers(chunk(WORD[:-20] + bytes([WORD[-20] ^ 1]) + WORD[-19:])),
    "throttled": answers(chunk(exception_frame("throttlingException", CANARY))),
    "unknown error": answers(chunk(exception_frame("somethingNewException", CANARY))),
    "no stop": answers(chunk(WORD) + chunk(b"")),
    "no JSON": answers(chunk(event_frame("messageStop", {}).replace(b"{}", b"{x"))),
    "no reason": answers(chunk(event_frame("messageStop", {}))),
}


@dataclass(slots=True)
class Listening:
    """An answer that has begun."""

    request: str
    coming: Iterator[tuple[str, Mapping[str, Any]]]
    heard: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def until(self, name: str | None = None) -> None:
        """Listen until an event of this name has come, or to the end."""
        for event in self.coming:
            self.heard.append(event)
            if event[0] == name:
                return


@contextmanager
def listening(deployment: Deployment) -> Iterator[Listening]:
    """Ask, and yield the answer at its first word."""
    with deployment.client() as client, client.stream("POST", PATH, json={"question": QUESTION}) as response:
        assert response.status_code == httpx2.codes.OK, response.read()
        found = Listening(response.headers["x-request-id"], events_of(response.iter_lines()))
        found.until("token")
        yield found


def closed(deployment: Deployment, request: str) -> Logged:
    """Return the closed record of the request."""
    record = deployment.record(request, within=10, closed=True)
    assert record is not None
    return record


@pytest.mark.parametrize("fault", MIDWAY)
def test_r09_stream_that_breaks_midway_ends_in_an_error_event_and_a_record_that_says_truncated(
    deployment: Deployment, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(deployment) as answer, deployment.proxies["model"].failing(MIDWAY[fault]):
        began = time.monotonic()
        answer.until()
        assert time.monotonic() - began < SILENCE + GRACE
    name, said = answer.heard[-1]
    assert (name, said["outcome"]) == ("error", "truncated")
    assert [each for each, _ in answer.heard].count("receipt") == 1
    assert closed(deployment, answer.request).closing == {"outcome": "truncated"}
    assert CANARY not in deployment.log.taken() + caplog.text + str(answer.heard)
    assert deployment.served_again(PATH).status_code == httpx2.codes.OK


def test_r14_stream_that_drips_below_its_time_out_ends_with_the_time_for_an_answer(deployment: Deployment) -> None:
    with listening(deployment) as answer, deployment.proxies["model"].failing(drips(0.02)):
        began = time.monotonic()
        answer.until()
        assert LONGEST - GRACE < time.monotonic() - began < LONGEST + GRACE
    name, said = answer.heard[-1]
    assert (name, said["outcome"]) == ("error", "cancelled")
    assert closed(deployment, answer.request).closing == {"outcome": "cancelled"}
    assert deployment.served_again(PATH).status_code == httpx2.codes.OK


def test_r15_caller_who_leaves_ends_the_model_s_connection_within_a_second(deployment: Deployment) -> None:
    proxy = deployment.proxies["model"]
    deployment.served_again(PATH)
    with calling(deployment.running) as caller:
        headers = {"Authorization": f"Bearer {deployment.site.token('ana')}"}
        caller.send("POST", PATH, headers, {"question": QUESTION})
        came = caller.read_until(b"event: token")
        caller.hang_up()
    began = time.monotonic()
    while proxy.connections and time.monotonic() - began < GRACE:
        time.sleep(0.01)
    assert not proxy.connections
    request = came.partition(b"x-request-id: ")[2].partition(b"\r\n")[0].decode()
    assert closed(deployment, request).closing == {"outcome": "cancelled"}


@pytest.mark.parametrize("content", [THROTTLED, http(503), http(500)], ids=["throttled", "unavailable", "failing"])
def test_r09_model_is_asked_a_bounded_number_of_times_before_its_first_word_and_then_it_is_503(
    deployment: Deployment, content: bytes
) -> None:
    proxy = deployment.proxies["model"]
    began = time.monotonic()
    with proxy.failing(answers(content)):
        response = deployment.ask(PATH)
    assert time.monotonic() - began < DEADLINE + GRACE
    assert response.status_code == httpx2.codes.SERVICE_UNAVAILABLE
    assert 1 <= proxy.befallen <= 3
    assert closed(deployment, response.json()["request"]).closing == {"outcome": "failed"}


def test_r09_model_that_is_throttled_once_is_asked_again_and_answers(deployment: Deployment) -> None:
    refusals = [answers(THROTTLED)]

    def once(connection: Connection, came: bytes, source: socket) -> bool:
        return (refusals.pop() if refusals else passes)(connection, came, source)

    with deployment.proxies["model"].failing(once), listening(deployment) as answer:
        answer.until()
    assert not refusals
    assert answer.heard[-1][0] == "done"
    assert closed(deployment, answer.request).closing == {"outcome": "complete"}


def test_an_answer_that_has_begun_needs_no_backend_but_the_model_and_the_audit_log(deployment: Deployment) -> None:
    others = [proxy for name, proxy in deployment.proxies.items() if name not in {"model", "audit"}]
    with listening(deployment) as answer, ExitStack() as stack:
        for proxy in others:
            stack.enter_context(proxy.failing(None))
        answer.until()
    assert answer.heard[-1][0] == "done"
    assert closed(deployment, answer.request).closing == {"outcome": "complete"}


@pytest.mark.parametrize("fault", [None, resets], ids=["refused", "reset"])
def test_a_closing_that_cannot_be_recorded_leaves_the_opening_record_and_counts_a_fault(
    deployment: Deployment, fault: Fault | None
) -> None:
    def faults() -> float:
        counted = {"fault": "AuditUnavailableError"}
        return deployment.on.metrics.registry.get_sample_value("antechamber_faults_total", counted) or 0

    before, until = faults(), time.monotonic() + 20
    with listening(deployment) as answer, deployment.proxies["audit"].failing(fault):
        answer.until()
        while faults() == before and time.monotonic() < until:
            time.sleep(0.05)
    assert answer.heard[-1][0] == "done"
    assert faults() == before + 1
    record = deployment.record(answer.request)
    assert record is not None
    assert record.closing is None
