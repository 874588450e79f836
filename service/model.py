"""The port to a foundation model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from service.prompt import Prompt

StopReason = Literal["end", "length", "guardrail"]


@dataclass(frozen=True, slots=True)
class Stop:
    """The model's own end of its answer."""

    reason: StopReason


class ModelStream(Protocol):
    """An answer as it comes: pieces of text, then one `Stop`."""

    def __iter__(self) -> Iterator[str | Stop]:
        """Yield the pieces. Raises `ModelInterruptedError` if the stream breaks."""
        ...

    def close(self) -> None:
        """End the stream from any thread; a reader that waits wakes at once."""
        ...


class Model(Protocol):
    """A foundation model that sees a prompt and nothing else."""

    @property
    def id(self) -> str:
        """The model's pinned id, as the record names it."""
        ...

    @property
    def policy(self) -> str | None:
        """The guardrail that the model runs behind, as the record names it; None without one."""
        ...

    def stream(self, prompt: Prompt) -> ModelStream:
        """Return the model's answer to `prompt`. Raises `ModelUnavailableError` if it does not begin one."""
        ...
