"""Places: never more than there are, and each is free again only when its threads have ended."""

import asyncio
import threading

import pytest

from retrieval.deadline import Deadline
from retrieval.errors import AuditUnavailableError, DeadlineExceededError
from service import capacity as module
from service.capacity import Capacity
from service.errors import BusyError
from tests.support.log import logging_here


def test_there_are_so_many_places_and_the_next_is_refused_at_once() -> None:
    capacity = Capacity(2)
    places = [capacity.enter(), capacity.enter()]
    with pytest.raises(BusyError):
        capacity.enter()
    places[0].leave()
    capacity.enter()


def test_leaving_twice_frees_one_place() -> None:
    capacity = Capacity(1)
    place = capacity.enter()
    place.leave()
    place.leave()
    capacity.enter()
    with pytest.raises(BusyError):
        capacity.enter()


def test_a_place_with_a_hung_thread_is_not_free() -> None:
    capacity, go = Capacity(1), threading.Event()
    place = capacity.enter()
    hung = place.run(lambda: go.wait(30))
    place.leave()
    with pytest.raises(BusyError):
        capacity.enter()
    go.set()
    hung.result(10)
    _enters_soon(capacity)


def test_a_record_is_closed_though_every_reader_hangs() -> None:
    capacity, go = Capacity(3), threading.Event()
    places = [capacity.enter() for _ in range(3)]
    hung = [place.run(lambda: go.wait(30)) for place in places]
    assert [place.run(lambda: "closed").result(10) for place in places] == ["closed"] * 3
    go.set()
    assert all(each.result(10) for each in hung)


def test_work_that_raises_frees_the_place_and_tells_its_caller() -> None:
    capacity = Capacity(1)
    place = capacity.enter()

    def broken() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        place.run(broken).result(10)
    place.leave()
    _enters_soon(capacity)


def test_what_late_work_fails_with_is_told_and_what_its_caller_hears_is_not_told_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OWN_WORD", 0.0)
    capacity, go_on = Capacity(1), threading.Event()

    def fails() -> None:
        go_on.wait(10)
        message = "CANARY"
        raise AuditUnavailableError(message)

    with logging_here() as log:
        place = capacity.enter()
        with pytest.raises(DeadlineExceededError):
            asyncio.run(place.within(Deadline.after(0.05), fails))
        assert log.taken() == ""
        go_on.set()
        with pytest.raises(AuditUnavailableError):
            asyncio.run(place.within(Deadline.after(5), fails))
        place.leave()
        assert capacity.emptied(10)
        (told,) = log.taken().splitlines()
    assert "late-fault" in told
    assert "AuditUnavailableError" in told
    assert "CANARY" not in told


def _enters_soon(capacity: Capacity) -> None:
    for _ in range(200):
        try:
            capacity.enter()
        except BusyError:
            threading.Event().wait(0.02)
        else:
            return
    pytest.fail("the place is never free again")


def test_what_is_done_at_last_waits_for_hung_work_and_is_done_before_anybody_else_has_the_place() -> None:
    capacity, go, done = Capacity(1), threading.Event(), threading.Event()
    place = capacity.enter()
    taken: list[int] = []

    def last() -> None:
        taken.append(capacity.taken)
        done.set()

    place.at_last(last)
    place.run(lambda: go.wait(30))
    freed = place.leave()
    assert not done.wait(0.2)
    assert not freed.done()
    go.set()
    freed.result(10)
    assert (taken, capacity.taken) == ([1], 0)


def test_nothing_begins_in_a_place_that_is_over_and_none_is_free_twice() -> None:
    capacity = Capacity(2)
    place, other = capacity.enter(), capacity.enter()
    place.leave().result(10)
    with pytest.raises(RuntimeError):
        place.run(lambda: None)
    place.leave()
    assert capacity.taken == 1
    other.leave()
    assert capacity.taken == 0
