"""From an authenticated question to the closing record of its answer: begun at most once, ended exactly once."""

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from retrieval.audit import Outcome
from retrieval.errors import DeadlineExceededError
from retrieval.record import Retrieval
from retrieval.tracing import step
from service.answer import Answer
from service.asking import answer
from service.prompt import Question
from service.request import Call


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer that has begun, and the retrieval that is recorded under it."""

    answer: Answer
    retrieval: Retrieval


class Delivery:
    """One answer on its way to one caller, in the place of its call, which it leaves when it ends.

    Whatever may be cut off (the request, the event loop, the process's grace), its threads are not: an answer that
    begins after its delivery has ended is closed by the thread that began it.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self._lock = threading.Lock()
        self._begun: Begun | None = None
        self._outcome: Outcome | None = None
        self._closed: Future[None] = Future()

    @property
    def begun(self) -> Begun:
        """What was begun. Raises `DeadlineExceededError` if it was not begun in time."""
        if self._begun is None:
            message = "the answer has not begun"
            raise DeadlineExceededError(message)
        return self._begun

    async def begin(self, question: Question) -> None:
        """Begin the answer to `question` within the call's deadline; what fails ends the delivery.

        Raises as `answer` does, and `DeadlineExceededError`.
        """
        try:
            await self.call.place.within(self.call.deadline, partial(self.prepare, question))
        except DeadlineExceededError:
            self.end("failed")
            raise
        except BaseException:
            self.end("cancelled")
            raise

    def prepare(self, question: Question) -> None:
        """Begin the answer to `question`, in a thread. Raises as `answer` does."""
        begun = Begun(*answer(self.call, question))
        with self._lock:
            self._begun = begun
            late = self._outcome
        if late is not None:
            self._close(begun, late)

    def end(self, outcome: Outcome) -> "Future[None]":
        """End the answer's stream and close its record with `outcome`, the first time this is called.

        Returns at once what is done when the record is closed.
        """
        with self._lock:
            first, begun = self._outcome is None, self._begun
            self._outcome = self._outcome or outcome
        if first:
            self.call.place.run(partial(self._finish, begun, outcome))
            self.call.place.leave()
        return self._closed

    def _finish(self, begun: Begun | None, outcome: Outcome) -> None:
        try:
            if begun is not None:
                self._close(begun, outcome)
        finally:
            self._closed.set_result(None)

    def _close(self, begun: Begun, outcome: Outcome) -> None:
        with step("close") as span:
            span.set_attribute("antechamber.outcome", outcome)
            self._close_both(begun, outcome)

    def _close_both(self, begun: Begun, outcome: Outcome) -> None:
        call = self.call
        try:
            begun.answer.close()
        except Exception as error:  # noqa: BLE001 - a stream that cannot be closed is no reason to leave a record open
            call.on.metrics.fault(error, call.id)
        if not begun.retrieval.passages:
            call.on.metrics.answered("denied")  # the record itself already says so, and is final
            return
        call.on.metrics.answered(outcome)
        call.close(begun.retrieval.receipt, outcome)
