"""An answer over a real connection: whatever ends it, the model's stream ends, and the record says how."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service.limits import PersonLimits
from service.pump import WAITING
from tests.support.application import BOUNDS, Application, events
from tests.support.scripted import cites, explodes, hangs, hesitates, rambles
from tests.support.server import calling, serving

pytestmark = pytest.mark.enable_socket

QUESTION = {"question": "What does the engine plan say?"}


def eventually(is_so: Callable[[], bool], within: float = 10) -> bool:
    """Return whether `is_so` becomes true in time."""
    until = time.monotonic() + within
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("script", [hangs, hesitates, rambles])
def test_a_caller_who_goes_away_ends_the_models_stream_within_a_second(
    application: Application, script: object
) -> None:
    """(R-15)."""
    application.model.script = script  # type: ignore[assignment]
    with serving(application.app) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        caller.read_until(b"event: token")
        (stream,) = application.model.streams
        caller.hang_up()
        gone = time.monotonic()
        assert stream.closed.wait(10)
        assert time.monotonic() - gone < 2
        assert application.closed() == "cancelled"
        assert stream.ended.wait(10)


def test_a_caller_who_is_gone_before_the_answer_begins_leaves_a_cancelled_record(application: Application) -> None:
    """(R-15)."""
    application.model.ready.clear()
    with serving(application.app) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        assert application.model.asked.wait(10)
        caller.hang_up()
        time.sleep(0.3)
        application.model.ready.set()
        assert application.closed() == "cancelled"
        assert application.model.streams[0].closed.wait(10)


def test_every_way_to_end_frees_the_person_and_the_place(tmp_path: Path) -> None:
    application = Application(tmp_path, streams=1, limits=PersonLimits("1000/minute", 1))

    def begins() -> bool:
        with calling(running) as caller:
            caller.send("POST", "/v1/answers", application.headers(), QUESTION)
            return b"200 OK" in caller.read_until(b"event: token")

    with serving(application.app) as running:
        for script in (hangs, rambles, cites, explodes, hesitates, cites):
            application.model.script = script
            assert eventually(begins)


def test_a_reader_who_does_not_read_holds_the_model_back_and_not_for_ever(tmp_path: Path) -> None:
    application = Application(tmp_path, replace(BOUNDS, answer_timeout=2.5))
    application.model.script = rambles
    with serving(application.app) as running, calling(running, buffer=4096) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        caller.socket.recv(1)
        (stream,) = application.model.streams
        time.sleep(1)
        first = stream.said
        time.sleep(0.5)
        assert stream.said == first, "the model went on though nobody reads"
        assert first < 10 * WAITING + 5_000
        assert application.closed(within=10) == "cancelled"
        assert stream.ended.wait(10)


def test_an_answer_that_takes_too_long_is_ended_and_says_so(tmp_path: Path) -> None:
    application = Application(tmp_path, replace(BOUNDS, answer_timeout=0.5))
    application.model.script = hangs
    with serving(application.app) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        text = caller.read_until(b"0\r\n\r\n").decode()
    name, data = events("event: " + text.rsplit("event: ", 1)[1])[-1]
    assert (name, data["outcome"]) == ("error", "cancelled")
    assert application.closed() == "cancelled"


def test_sigterm_lets_a_running_answer_end(application: Application) -> None:
    """(R-16)."""
    application.model.ready.clear()
    with serving(application.app) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        assert application.model.asked.wait(10)
        running.server.should_exit = True
        time.sleep(0.3)
        application.model.ready.set()
        assert b"event: done" in caller.read_until(b"event: done")
    assert application.closed() == "complete"


def test_an_answer_beyond_the_grace_is_cut_off_and_recorded_as_cancelled(application: Application) -> None:
    """(R-16)."""
    application.model.script = hesitates
    with serving(application.app, grace=0.5) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        caller.read_until(b"event: token")
        running.stop()
    assert application.closed() == "cancelled"
    assert application.model.streams[0].ended.wait(10)


def test_an_answer_that_begins_after_the_grace_is_closed_by_its_own_thread(application: Application) -> None:
    """(R-16)."""
    application.model.ready.clear()
    with serving(application.app, grace=0.5) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        assert application.model.asked.wait(10)
        running.stop()
    assert application.closed(within=0.2) is None
    application.model.ready.set()
    assert application.closed() == "cancelled"
    assert application.model.streams[0].closed.is_set()


def test_a_request_whose_head_is_too_long_is_refused_by_the_server(application: Application) -> None:
    with serving(application.app) as running, calling(running) as caller:
        caller.send("GET", "/v1/me", {"Authorization": "Bearer " + "a" * 200_000})
        head = caller.read_until(b"\r\n")
    assert b" 400 " in head.split(b"\r\n")[0] or b" 431 " in head.split(b"\r\n")[0]
    assert application.directory.asked == 0


def test_the_server_names_neither_itself_nor_its_version(application: Application) -> None:
    with serving(application.app) as running, calling(running) as caller:
        caller.send("GET", "/healthz", {})
        head = caller.read_until(b"alive").lower()
    assert b"server:" not in head
    assert b"uvicorn" not in head
    assert b"x-content-type-options: nosniff" in head


def test_a_body_over_its_limit_is_refused_while_it_is_still_coming(application: Application) -> None:
    with serving(application.app) as running, calling(running) as caller:
        chunk = b"ffff\r\n" + b" " * 0xFFFF + b"\r\n"
        head = ["POST /v1/search HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
        head += [f"{name}: {value}" for name, value in application.headers().items()]
        head += ["Transfer-Encoding: chunked", "", ""]
        caller.socket.sendall("\r\n".join(head).encode() + chunk + chunk)
        assert b" 413 " in caller.read_until(b"\r\n\r\n")


def test_the_first_event_is_the_receipt_and_comes_before_the_models_first_word(application: Application) -> None:
    application.model.script = hangs
    with serving(application.app) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), QUESTION)
        text = caller.read_until(b"event: token").decode()
    assert text.index("event: receipt") < text.index("event: token")
    (record,) = application.records()
    assert f'"{record["id"]}"' in text
