"""The port to the queue of what is to be looked at: at least once, in any order, until somebody says it is done."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of a message; `untrusted_body` is whatever somebody sent."""

    id: str
    receipt: str = field(repr=False)
    untrusted_body: str = field(repr=False)
    received: int
    """How often it was delivered, this time included."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """What the queue itself enforces."""

    visibility: int
    """Seconds for which a delivered message is hidden from others."""
    receives: int | None
    """How often a message is delivered before it goes to the dead letters; None: there are none."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody will try again by itself."""

    id: str
    reason: str | None
    """Why it was buried; None if the queue gave it up."""
    received: int


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages there are, about."""

    waiting: int
    running: int
    dead: int


class Queue(Protocol):
    """Every method raises `QueueUnavailableError`."""

    def receive(self, most: int, wait: int) -> Sequence[Message]:
        """Return at most `most` messages (1 to 10), waiting up to `wait` seconds (0 to 20) for the first."""
        ...

    def delete(self, message: Message) -> None:
        """Say that `message` is done."""
        ...

    def hide(self, message: Message, seconds: int) -> None:
        """Hide `message` for `seconds` from now: more time for it, a pause, or with 0 back to whoever asks next."""
        ...

    def bury(self, message: Message, reason: str) -> None:
        """Put `message` among the dead letters with `reason`, then delete it."""
        ...

    def send(self, bodies: Sequence[str]) -> None:
        """Send each of `bodies` as a message of its own."""
        ...

    def limits(self) -> QueueLimits:
        """Return what the queue enforces."""
        ...


class QueueView(Protocol):
    """What operators see of a queue; nothing of it is consumed. Every method raises `QueueUnavailableError`."""

    def depth(self) -> Depth:
        """Return how many messages there are, about."""
        ...

    def dead(self, most: int) -> Sequence[DeadLetter]:
        """Return some of the dead letters, at most `most`."""
        ...
