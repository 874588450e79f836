"""From a prompt to an answer: the model's words as inert text, its citations checked against the retrieval."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from retrieval.admission import Passage
from service.model import Model, ModelStream, Stop, StopReason
from service.prompt import Prompt

ABSTENTION = "I found nothing that you may read and that answers this."

_MARKER = re.compile(r"\[(\d{1,3})\]")
_UNFINISHED = re.compile(r"\[\d{0,3}$")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer: text, never markup."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Citation:
    """The answer names passage `number`, which the prompt holds; emitted once each."""

    number: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is over: why, and whether it rests on nothing."""

    reason: StopReason
    abstained: bool


AnswerEvent = Token | Citation | Done


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer as it comes."""

    passages: tuple[Passage, ...]
    stream: ModelStream

    def __iter__(self) -> Iterator[AnswerEvent]:
        """Yield tokens and checked citations, then `Done`. Raises `ModelInterruptedError` if the stream breaks."""
        cited: set[int] = set()
        held = ""
        for piece in self.stream:
            if isinstance(piece, Stop):
                yield from self._release(held, cited)
                yield Done(piece.reason, abstained=not cited)
                return
            text = held + piece
            unfinished = _UNFINISHED.search(text)
            cut = unfinished.start() if unfinished else len(text)
            held = text[cut:]
            yield from self._release(text[:cut], cited)

    def close(self) -> None:
        """End the model's stream, from any thread."""
        self.stream.close()

    def _release(self, text: str, cited: set[int]) -> Iterator[AnswerEvent]:
        if text:
            yield Token(text)
        for marker in _MARKER.finditer(text):
            number = int(marker[1])
            if 1 <= number <= len(self.passages) and number not in cited:
                cited.add(number)
                yield Citation(number, self.passages[number - 1])


class Nothing:
    """The stream of an answer from no passages: said by us, since the model alone is never asked."""

    def __iter__(self) -> Iterator[str | Stop]:
        """Yield the abstention."""
        yield ABSTENTION
        yield Stop("end")

    def close(self) -> None:
        """Do nothing: there is no stream."""


def generate(prompt: Prompt, model: Model) -> Answer:
    """Return the answer of `model` to `prompt`; without passages, the abstention, and no call of the model.

    Raises `ModelUnavailableError` if the model does not begin one.
    """
    return Answer(prompt.passages, model.stream(prompt) if prompt.passages else Nothing())
