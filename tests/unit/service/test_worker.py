"""The worker's loop over a queue whose time stands still: hands, keeping, stopping, ending."""

import threading
import time
from collections.abc import Callable

import pytest

from retrieval.errors import QueueUnavailableError
from retrieval.queue import Message
from service.handling import Buried, Disposition, Done, Later
from service.worker import Worker
from service.worker_metrics import WorkerMetrics
from tests.support.memory_bucket import MemoryQueue


def worker(queue: MemoryQueue, handle: Callable[[Message], Disposition], hands: int = 2, **changed: float) -> Worker:
    return Worker(queue, handle, WorkerMetrics(), hands, **{"visibility": 30, "grace": 5, **changed})  # type: ignore[arg-type]


def queue(*bodies: str, receives: int | None = 3) -> MemoryQueue:
    made = MemoryQueue(receives=receives)
    made.send(bodies)
    return made


def started(of: Worker) -> threading.Thread:
    thread = threading.Thread(target=of.run, daemon=True)
    thread.start()
    return thread


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_everything_that_is_there_is_worked_through_once_and_deleted() -> None:
    on, seen = queue(*(str(number) for number in range(25))), list[str]()

    def handle(message: Message) -> Disposition:
        seen.append(message.untrusted_body)
        return Done()

    assert worker(on, handle).run(once=True) == 0
    assert sorted(seen, key=int) == [str(number) for number in range(25)]
    assert on.bodies == {}


def test_what_a_message_enqueues_is_worked_through_too() -> None:
    on = queue("folder")

    def handle(message: Message) -> Disposition:
        if message.untrusted_body == "folder":
            time.sleep(0.05)
            on.send(["document"])
        return Done()

    worker(on, handle).run(once=True)
    assert on.bodies == {}


def test_no_more_than_there_are_hands_is_received_at_once() -> None:
    on, together, most = queue(*"abcdefgh"), list[int](), list[int]()

    def handle(_: Message) -> Disposition:
        together.append(1)
        most.append(len(together))
        time.sleep(0.02)
        together.pop()
        return Done()

    worker(on, handle, hands=3).run(once=True)
    assert max(most) <= 3


def test_poison_is_buried_with_its_reason_and_the_rest_goes_on() -> None:
    on = queue("good", "bad", "good")
    worker(on, lambda each: Buried("not JSON") if each.untrusted_body == "bad" else Done()).run(once=True)
    assert on.buried == {"m2": "not JSON"}
    assert on.bodies == {}


def test_what_fails_is_hidden_for_its_pause_and_stays() -> None:
    on = queue("a")
    worker(on, lambda _: Later(8, last=False)).run(once=True)
    assert list(on.bodies) == ["m1"]
    assert on.hides == [("m1", 8)]


def test_what_fails_again_and_again_is_given_up_by_the_queue_itself() -> None:
    on = queue("a", receives=3)
    for _ in range(3):
        on.clock += 1000
        worker(on, lambda each: Later(8, last=each.received >= 3)).run(once=True)
    assert on.given_up == ["m1"]
    assert on.bodies == {}


def test_slow_work_is_kept_from_being_delivered_again() -> None:
    on, ended = queue("a"), threading.Event()

    def handle(_: Message) -> Disposition:
        ended.wait(10)
        return Done()

    running = worker(on, handle, visibility=0.3)
    thread = started(running)
    until(lambda: len(on.hides) >= 3)
    assert set(on.hides) == {("m1", 0.3)}
    ended.set()
    until(lambda: on.bodies == {})
    kept = len(on.hides)
    time.sleep(0.25)
    assert len(on.hides) == kept, "what is done is kept no more"
    running.stop()
    thread.join(10)


def test_a_pause_is_not_cut_short_by_what_kept_the_message_while_it_was_worked_on() -> None:
    class Slow(MemoryQueue):
        def hide(self, message: Message, seconds: int) -> None:
            super().hide(message, seconds)
            time.sleep(0.4 if seconds == 8 else 0)

    on = Slow()
    on.send(["a"])
    worker(on, lambda _: Later(8, last=False), visibility=0.3).run(once=True)
    assert on.hides[-1] == ("m1", 8)


def test_a_stop_in_the_middle_finishes_what_runs_and_gives_back_what_has_not_begun() -> None:
    on, go, begun = queue("a", "b", "c"), threading.Event(), threading.Event()

    def handle(_: Message) -> Disposition:
        begun.set()
        go.wait(10)
        return Done()

    running = worker(on, handle, hands=1)
    thread = started(running)
    assert begun.wait(10)
    on.on_receive = running.stop  # it is told so while it receives the next one
    go.set()
    thread.join(10)
    assert not thread.is_alive()
    assert sorted(on.bodies) == ["m2", "m3"]
    assert ("m2", 0) in on.hides


def test_what_outlasts_the_grace_is_left_to_the_queue() -> None:
    on, go = queue("a"), threading.Event()

    def handle(_: Message) -> Disposition:
        go.wait(10)
        return Done()

    running, left = worker(on, handle, grace=0.1), list[int]()
    thread = threading.Thread(target=lambda: left.append(running.run()), daemon=True)
    thread.start()
    until(lambda: bool(on.counts))
    running.stop()
    thread.join(10)
    assert left == [1]
    assert list(on.bodies) == ["m1"]
    go.set()


def test_a_queue_that_fails_is_asked_again_and_stops_a_single_run() -> None:
    on = queue("a")
    on.failing = QueueUnavailableError("down")
    with pytest.raises(QueueUnavailableError):
        worker(on, lambda _: Done()).run(once=True)
    running = worker(on, lambda _: Done())
    thread = started(running)
    counted = running.metrics.registry.get_sample_value
    until(lambda: bool(counted("antechamber_faults_total", {"fault": "QueueUnavailableError"})))
    running.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_handler_with_a_defect_loses_no_message_and_no_hand() -> None:
    on = queue("a", "b", "c")

    def handle(message: Message) -> Disposition:
        if message.untrusted_body == "a":
            raise RuntimeError
        return Done()

    worker(on, handle, hands=1).run(once=True)
    assert list(on.bodies) == ["m1"]


def test_nothing_of_a_message_goes_into_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    on = queue("CANARYBODY", "CANARYBODY")
    worker(on, lambda each: Buried("not JSON") if each.id == "m1" else Later(1, last=False)).run(once=True)
    printed = capsys.readouterr()
    assert "m1" in printed.out + printed.err
    assert "CANARYBODY" not in printed.out + printed.err
