"""One line of the log per request, its id on every line, and times that are told."""

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import structlog

from authz.errors import DirectoryUnavailableError
from retrieval.embedder import Vectors
from service.log import log_as_json
from tests.support.application import Application, HashingEmbedder
from tests.support.scripted import hangs
from tests.support.server import calling, serving

QUESTION = {"question": "What does the engine plan say?"}


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]


def test_a_request_is_one_line_of_route_status_times_and_id(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log_as_json()
    application = Application(tmp_path)
    with application.client() as client:
        response = client.get("/v1/documents/CANARYNAME?after=3")
    (line,) = lines(capfd)
    assert line.keys() == {"event", "level", "timestamp", "route", "status", "first_ms", "ms", "request"}
    assert (line["event"], line["route"], line["status"]) == ("request", "/v1/documents/{document:path}", 404)
    assert line["request"] == response.headers["x-request-id"]


def test_every_line_of_a_request_carries_its_id_in_its_threads_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log_as_json()

    class Embedder(HashingEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            structlog.get_logger("antechamber").info("in-a-thread")
            return HashingEmbedder.embed(self, texts)

    application = Application(tmp_path, embedder=Embedder())
    application.directory.failing = DirectoryUnavailableError("CANARYDETAIL")
    with application.client() as client:
        first = client.post("/v1/search", json=QUESTION)
        second = client.post("/v1/search", json=QUESTION)
    application.on.requests.emptied(5)
    found = lines(capfd)
    for response in (first, second):
        events = [line["event"] for line in found if line["request"] == response.headers["x-request-id"]]
        assert sorted(str(event) for event in events) == ["fault", "in-a-thread", "request"]
    assert "CANARY" not in str(found)


@pytest.mark.enable_socket
def test_a_stream_is_told_at_its_end_with_the_time_to_its_first_byte(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    application = Application(tmp_path)
    application.model.script = hangs
    labels = {"route": "/v1/answers"}
    with caplog.at_level(logging.DEBUG), serving(application.app) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        caller.read_until(b"event: token")
        assert application.metric("antechamber_response_seconds_count", **labels) == 0
        assert application.metric("antechamber_in_flight", places="answers") == 1
        caller.hang_up()
        assert application.closed() == "cancelled"
        assert application.on.streams.emptied(5)
    first = application.metric("antechamber_request_seconds_sum", **labels)
    assert 0 < first <= application.metric("antechamber_response_seconds_sum", **labels)
    assert application.metric("antechamber_in_flight", places="answers") == 0


def test_a_bound_that_refuses_is_no_fault(tmp_path: Path) -> None:
    application = Application(tmp_path, requests=1)
    place = application.on.requests.enter()
    with application.client() as client:
        assert client.get("/v1/me").status_code == 503
    place.leave()
    assert application.metric("antechamber_refused_total", bound="capacity") == 1
    assert application.metric("antechamber_faults_total", fault="BusyError") == 0
