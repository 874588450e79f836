"""SIGTERM: no place for anything new, not ready any more, and what runs ends within the grace, recorded."""

import signal
import threading
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.serving import DrainingServer, ended, server_config
from tests.support.application import Application
from tests.support.hanging import hanging
from tests.support.server import calling, serving

QUESTION = {"question": "What does the engine plan say?"}


def told_to_stop(application: Application) -> DrainingServer:
    """Return a server that has had its signal, and has not noticed yet."""
    server = DrainingServer(server_config(application.app, "127.0.0.1", 0), application.app)
    server.handle_exit(signal.SIGTERM, None)
    return server


def test_r16_after_the_signal_nothing_new_begins_and_readiness_says_why(tmp_path: Path) -> None:
    application = Application(tmp_path, probes={"index": lambda: None})
    assert told_to_stop(application).should_exit
    with application.client() as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "draining")
        for response in (client.get("/v1/me"), client.post("/v1/answers", json=QUESTION)):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "5"
        assert client.get("/healthz").status_code == 200
    assert application.directory.asked == 0


@pytest.mark.enable_socket
def test_r16_what_runs_when_the_signal_comes_is_answered(tmp_path: Path) -> None:
    plain = Application(tmp_path)
    with hanging(plain.directory) as hung:
        application = Application(tmp_path, directory=hung)
        with serving(application.app) as running, calling(running) as caller:
            caller.send("GET", "/v1/me", application.headers())
            while not hung.waiting:
                time.sleep(0.01)
            running.server.handle_exit(signal.SIGTERM, None)
            time.sleep(0.3)
            hung.going.set()
            assert b" 200 " in caller.read_until(b"\r\n")
            running.thread.join(10)
            assert not running.thread.is_alive()
    assert ended(application.on, 5)


def test_r16_threads_are_waited_for_so_long_and_then_told_of(tmp_path: Path) -> None:
    application, go = Application(tmp_path), threading.Event()
    place = application.on.streams.enter()
    place.run(lambda: go.wait(30))
    place.leave()
    with capture_logs() as logs:
        assert not ended(application.on, 0.1)
    assert [(line["event"], line["answers"]) for line in logs] == [("threads-left", 1)]
    go.set()
    assert ended(application.on, 10)
