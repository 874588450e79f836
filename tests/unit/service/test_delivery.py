"""A delivery ends exactly once: before it begins, while it begins, after it began, twice."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from authz.identity import BearerToken, identify
from retrieval.deadline import Deadline
from retrieval.errors import DeadlineExceededError
from service.answer import Answer, AnswerEvent, Done
from service.capacity import Capacity
from service.delivery import Delivery
from service.errors import ModelInterruptedError
from service.model import Stop
from service.prompt import Question
from service.pump import WAITING, Pump
from service.request import Call
from tests.support.application import Application
from tests.support.scripted import hangs

QUESTION = Question("What does the engine plan say?")


def delivery_of(application: Application) -> Delivery:
    on, now = application.on, application.watch()
    identity = identify(BearerToken(application.token()), on.keys, on.issuers, now)
    return Delivery(Call(on, "request", identity, now, on.policies(), Deadline.after(10), on.streams.enter()))


def test_a_delivery_that_never_began_leaves_no_record_and_has_nothing_to_send(application: Application) -> None:
    delivery = delivery_of(application)
    delivery.end("cancelled").result(5)
    assert application.records() == []
    with pytest.raises(DeadlineExceededError):
        _ = delivery.begun


def test_the_first_outcome_stands(application: Application) -> None:
    delivery = delivery_of(application)
    delivery.prepare(QUESTION)
    delivery.end("complete").result(5)
    delivery.end("cancelled").result(5)
    assert application.closed() == "complete"
    assert application.metric("antechamber_answers_total", outcome="complete") == 1
    assert application.metric("antechamber_answers_total", outcome="cancelled") == 0


def test_what_begins_after_the_end_is_closed_by_who_began_it(application: Application) -> None:
    delivery, ended = delivery_of(application), threading.Event()

    def begin_late() -> None:
        ended.wait(10)
        delivery.prepare(QUESTION)

    begun = delivery.call.place.run(begin_late)
    delivery.end("cancelled").result(5)
    ended.set()
    begun.result(10)
    assert application.closed() == "cancelled"
    assert application.model.streams[0].closed.is_set()


def test_ends_from_many_threads_close_one_record_once(application: Application) -> None:
    delivery = delivery_of(application)
    delivery.prepare(QUESTION)
    threads = [threading.Thread(target=delivery.end, args=("truncated",)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert application.closed() == "truncated"
    assert application.metric("antechamber_answers_total", outcome="truncated") == 1


def test_a_stream_that_cannot_be_closed_leaves_no_record_open(application: Application) -> None:
    delivery = delivery_of(application)
    delivery.prepare(QUESTION)
    application.model.streams[0].unclosable = True
    delivery.end("complete").result(5)
    assert application.closed() == "complete"
    assert application.metric("antechamber_faults_total", fault="OSError") == 1


class Endless:
    """A stream that counts what was read of it."""

    read = 0

    def __iter__(self) -> Iterator[str | Stop]:
        while True:
            self.read += 1
            yield "on "

    def close(self) -> None:
        pass


def test_a_pump_reads_no_further_ahead_than_it_may_and_ends_when_stopped() -> None:
    async def run() -> tuple[int, AnswerEvent | ModelInterruptedError]:
        streams, endless = Capacity(1), Endless()
        place = streams.enter()
        pump = Pump(Answer((), endless), place)
        first = await pump.next()
        await asyncio.sleep(0.3)
        read = endless.read
        pump.stop()
        place.leave()
        for _ in range(200):
            await asyncio.sleep(0.02)
            try:
                streams.enter()
            except Exception:  # noqa: BLE001, S112 - not yet free
                continue
            return read, first
        pytest.fail("the pump's thread never ended")

    read, _ = asyncio.run(run())
    assert read <= WAITING + 2


def test_a_pump_whose_event_loop_has_ended_ends_too(application: Application) -> None:
    delivery = delivery_of(application)
    application.model.script = hangs
    delivery.prepare(QUESTION)

    async def abandon() -> None:
        Pump(delivery.begun.answer, delivery.call.place)
        await asyncio.sleep(0.05)

    asyncio.run(abandon())
    delivery.end("cancelled").result(5)
    assert application.model.streams[0].ended.wait(10)
    assert application.closed() == "cancelled"


def test_a_pump_hands_on_the_end() -> None:
    class Short:
        def __iter__(self) -> Iterator[str | Stop]:
            yield Stop("end")

        def close(self) -> None:
            pass

    async def run() -> AnswerEvent | ModelInterruptedError:
        return await Pump(Answer((), Short()), Capacity(1).enter()).next()

    assert asyncio.run(run()) == Done("end", abstained=True)
