"""Models that do what a test tells them, and remember what they saw."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from service.errors import ModelInterruptedError, ModelUnavailableError
from service.local.faults import obey
from service.model import Stop
from service.prompt import Prompt

Script = Callable[[Prompt, threading.Event], Iterator[str | Stop]]
"""Yields what the model says; the event is set once its stream is closed."""

ENDLESS = 100_000


def cites(prompt: Prompt, _closed: threading.Event) -> Iterator[str | Stop]:
    """Cite every passage once, and one that is not there."""
    for number, _ in enumerate(prompt.passages, start=1):
        yield f"Said [{number}"
        yield "]. "
    yield "And [99]."
    yield Stop("end")


def echoes(prompt: Prompt, _closed: threading.Event) -> Iterator[str | Stop]:
    """Say the whole prompt."""
    yield prompt.system
    yield prompt.user
    yield Stop("end")


def obeys(prompt: Prompt, _closed: threading.Event) -> Iterator[str | Stop]:
    """Say the whole prompt, then do what the last instruction in it asks for."""
    yield prompt.system + prompt.user
    yield obey(prompt.user)
    yield Stop("end")


def silent(_prompt: Prompt, _closed: threading.Event) -> Iterator[str | Stop]:
    """Cite nothing."""
    yield "I would rather not say."
    yield Stop("end")


def hangs(_prompt: Prompt, closed: threading.Event) -> Iterator[str | Stop]:
    """Say one word, then nothing until the stream is closed."""
    yield "Wait"
    closed.wait(60)
    message = "the stream was closed"
    raise ModelInterruptedError(message)


def breaks(_prompt: Prompt, _closed: threading.Event) -> Iterator[str | Stop]:
    """Break off."""
    yield "Almost "
    message = "the model's stream broke: ThrottlingException"
    raise ModelInterruptedError(message)


def explodes(_prompt: Prompt, _closed: threading.Event) -> Iterator[str | Stop]:
    """Raise what no model is expected to."""
    yield "Almost "
    message = "CANARY-STREAM-ERROR"
    raise RuntimeError(message)


def rambles(_prompt: Prompt, closed: threading.Event) -> Iterator[str | Stop]:
    """Go on for ever, as fast as it is read."""
    for _ in range(ENDLESS):
        if closed.is_set():
            return
        yield "on and on " * 100
    yield Stop("end")


def hesitates(_prompt: Prompt, closed: threading.Event) -> Iterator[str | Stop]:
    """Say a word every twentieth of a second."""
    while not closed.wait(0.05):
        yield "well "


@dataclass(slots=True)
class ScriptedStream:
    """`ModelStream` of a script."""

    prompt: Prompt
    script: Script
    closed: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when nobody reads the stream any more."""
    said: int = 0
    unclosable: bool = False

    def __iter__(self) -> Iterator[str | Stop]:
        """Yield what the script says."""
        try:
            for piece in self.script(self.prompt, self.closed):
                self.said += 1
                yield piece
        finally:
            self.ended.set()

    def close(self) -> None:
        """End the stream."""
        if self.unclosable:
            raise OSError
        self.closed.set()


@dataclass(slots=True)
class ScriptedModel:
    """`Model` that follows `script`, or raises `failing` instead of beginning, once `ready` is set."""

    script: Script = cites
    failing: Exception | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    streams: list[ScriptedStream] = field(default_factory=list)
    id: str = "test.scripted-v1"
    policy: str | None = None

    def __post_init__(self) -> None:
        """Let it begin at once, unless a test says otherwise."""
        self.ready.set()

    @property
    def prompts(self) -> Sequence[Prompt]:
        """What it was sent."""
        return [stream.prompt for stream in self.streams]

    def stream(self, prompt: Prompt) -> ScriptedStream:
        """Begin an answer."""
        self.asked.set()
        self.ready.wait(60)
        if self.failing is not None:
            raise self.failing
        self.streams.append(ScriptedStream(prompt, self.script))
        return self.streams[-1]


def throttled() -> ModelUnavailableError:
    """Return what a throttled model raises."""
    return ModelUnavailableError("the model did not begin an answer: ThrottlingException")
