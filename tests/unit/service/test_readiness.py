"""Readiness: asked once a second, however many ask."""

import threading
import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from service.readiness import FRESH, Readiness


def test_probes_are_asked_at_most_once_while_their_answer_is_fresh() -> None:
    asked: list[float] = []
    clock = [0.0]
    readiness = Readiness({"index": lambda: asked.append(clock[0])}, lambda: clock[0])
    assert [readiness() for _ in range(100)] == [{"index": True}] * 100
    clock[0] = FRESH
    readiness()
    assert asked == [0.0, FRESH]


def test_without_probes_everything_is_ready() -> None:
    assert Readiness({})() == {}


def _down() -> None:
    message = "CANARYDETAIL"
    raise RuntimeError(message)


@pytest.mark.parametrize("failing", ["directory", "registry", "audit", "index", "limits"])
def test_each_dependency_fails_and_recovers_alone(failing: str) -> None:
    down, clock = {failing}, [0.0]
    names = ("directory", "registry", "audit", "index", "limits")

    def probe_of(name: str) -> Callable[[], None]:
        return lambda: _down() if name in down else None

    readiness = Readiness({name: probe_of(name) for name in names}, lambda: clock[0])
    with capture_logs() as logs:
        assert readiness() == {name: name != failing for name in names}
    assert "CANARY" not in str(logs)
    down.clear()
    assert not readiness()[failing], "the answer is still fresh"
    clock[0] = FRESH
    assert all(readiness().values())


def test_a_probe_that_hangs_is_not_ready_is_asked_once_and_recovers() -> None:
    go, clock, asked = threading.Event(), [0.0], [0]

    def hangs() -> None:
        asked[0] += 1
        go.wait(30)

    readiness = Readiness({"index": hangs, "audit": lambda: None}, lambda: clock[0], patience=0.1)
    for _ in range(5):
        began = time.monotonic()
        assert readiness() == {"index": False, "audit": True}
        assert time.monotonic() - began < 2
        clock[0] += FRESH
    assert asked == [1]
    go.set()
    until = time.monotonic() + 5
    while not readiness()["index"] and time.monotonic() < until:
        clock[0] += FRESH
    assert readiness()["index"]
