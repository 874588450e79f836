"""From a message to what is done with it: the decision, without the queue."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from retrieval.errors import SourceError
from retrieval.ingest.bucket import Place, place_of
from retrieval.ingest.bucket_ingest import BucketIngest
from retrieval.ingest.events import PoisonError, keys_of
from retrieval.intake import State
from retrieval.queue import Message
from service.worker_metrics import WorkerMetrics

_LONGEST = 900
"""Seconds until a message is tried again, at most."""
_FIRST = 2


class Staged(Protocol):
    """Writes what was staged; see `StagedWrites`."""

    @property
    def prefix(self) -> str:
        """What the keys of staged objects begin with."""
        ...

    def __call__(self, key: str) -> State:
        """Return what became of the upload at `key`."""
        ...

    def failed(self, key: str, kind: str, attempts: int, *, final: bool) -> None:
        """Note that what it needs failed."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """Nobody needs to look at it again."""


@dataclass(frozen=True, slots=True)
class Later:
    """It is to be tried again after `seconds`; `last`: the queue gives it up then."""

    seconds: int
    last: bool


@dataclass(frozen=True, slots=True)
class Buried:
    """It will never be understood."""

    reason: str


Disposition = Done | Later | Buried


@dataclass(frozen=True, slots=True)
class Handling:
    """Looks at each key that a message names; what fails does not keep the others from being looked at."""

    bucket: str
    documents: BucketIngest
    staged: Staged | None
    receives: int | None
    """After how many deliveries the queue gives a message up; None: never."""
    metrics: WorkerMetrics
    jitter: Callable[[int, int], int] = random.SystemRandom().randint

    def __call__(self, message: Message) -> Disposition:
        """Return what is to be done with `message`, once what it asks for is done or has failed."""
        try:
            keys = keys_of(message.untrusted_body, self.bucket)
        except PoisonError as error:
            return Buried(str(error.reason))
        settled = [self._is_settled(key, message) for key in keys]
        if all(settled):
            return Done()
        return Later(pause(message.received, self.jitter), self._is_last(message))

    def _is_settled(self, key: str, message: Message) -> bool:
        try:
            self.metrics.taken(message.id, self._look_at(key))
        except Exception as error:  # noqa: BLE001 - whatever failed, the message stays in the queue
            self.metrics.fault(error, message.id)
            self._note(key, type(error).__name__, message)
            return False
        return True

    def _look_at(self, key: str) -> State | str:
        if self.staged is not None and key.startswith(self.staged.prefix):
            return self.staged(key)
        place = self._place(key)
        if place is None:
            return "ignored"
        return self.documents(place)

    def _place(self, key: str) -> Place | None:
        try:
            place = place_of(key)
        except SourceError as error:
            self.documents.refused(key, str(error))
            return None
        if place is not None and place.tenant not in self.documents.folders.tenants():
            return None
        return place

    def _note(self, key: str, kind: str, message: Message) -> None:
        final = self._is_last(message)
        try:
            if self.staged is not None and key.startswith(self.staged.prefix):
                self.staged.failed(key, kind, message.received, final=final)
            elif (place := place_of(key)) is not None:
                self.documents.failed(place, kind, message.received, final=final)
        except Exception as error:  # noqa: BLE001 - the intake may be what failed
            self.metrics.fault(error, message.id)

    def _is_last(self, message: Message) -> bool:
        return self.receives is not None and message.received >= self.receives


def pause(received: int, jitter: Callable[[int, int], int]) -> int:
    """Return seconds until a message delivered `received` times is tried again: doubled each time, half of it random.

    See "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """
    ceiling = min(_LONGEST, _FIRST << min(received - 1, 16))
    return jitter(ceiling // 2, ceiling)
