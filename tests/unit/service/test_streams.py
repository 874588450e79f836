"""Places for answers: never more than there are, and each is free again only when its threads have ended."""

import threading

import pytest

from service.errors import BusyError
from service.streams import Streams


def test_there_are_so_many_places_and_the_next_is_refused_at_once() -> None:
    streams = Streams(2)
    places = [streams.enter(), streams.enter()]
    with pytest.raises(BusyError):
        streams.enter()
    places[0].leave()
    streams.enter()


def test_leaving_twice_frees_one_place() -> None:
    streams = Streams(1)
    place = streams.enter()
    place.leave()
    place.leave()
    streams.enter()
    with pytest.raises(BusyError):
        streams.enter()


def test_a_place_with_a_hung_thread_is_not_free() -> None:
    streams, go = Streams(1), threading.Event()
    place = streams.enter()
    hung = place.run(lambda: go.wait(30))
    place.leave()
    with pytest.raises(BusyError):
        streams.enter()
    go.set()
    hung.result(10)
    _enters_soon(streams)


def test_a_record_is_closed_though_every_reader_hangs() -> None:
    streams, go = Streams(3), threading.Event()
    places = [streams.enter() for _ in range(3)]
    hung = [place.run(lambda: go.wait(30)) for place in places]
    assert [place.run(lambda: "closed").result(10) for place in places] == ["closed"] * 3
    go.set()
    assert all(each.result(10) for each in hung)


def test_work_that_raises_frees_the_place_and_tells_its_caller() -> None:
    streams = Streams(1)
    place = streams.enter()

    def broken() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        place.run(broken).result(10)
    place.leave()
    _enters_soon(streams)


def _enters_soon(streams: Streams) -> None:
    for _ in range(200):
        try:
            streams.enter()
        except BusyError:
            threading.Event().wait(0.02)
        else:
            return
    pytest.fail("the place is never free again")
