"""Readiness: asked once a second, however many ask."""

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
