"""From the model's words to tokens and checked citations, however the words are cut into pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.admission import Passage
from service.answer import Answer, AnswerEvent, Citation, Done, Token
from service.errors import ModelInterruptedError
from service.model import Stop
from tests.support.application import Application


@dataclass
class Pieces:
    """A model's stream."""

    pieces: Sequence[str | Stop]

    def __iter__(self) -> Iterator[str | Stop]:
        yield from self.pieces

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def passages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Passage, ...]:
    application = Application(Path(tmp_path_factory.mktemp("answer")))
    with application.client() as client:
        client.post("/v1/answers", json={"question": "engine holidays rotor"})
    found = application.model.prompts[0].passages
    assert len(found) == 2
    return found


def events(passages: tuple[Passage, ...], *pieces: str) -> list[AnswerEvent]:
    return list(Answer(passages, Pieces([*pieces, Stop("end")])))


def cited(found: Sequence[AnswerEvent]) -> list[int]:
    return [each.number for each in found if isinstance(each, Citation)]


def text(found: Sequence[AnswerEvent]) -> str:
    return "".join(each.text for each in found if isinstance(each, Token))


def test_a_citation_is_emitted_once_and_only_for_what_the_prompt_holds(passages: tuple[Passage, ...]) -> None:
    found = events(passages, "A [1], B [2], again [1], none [0] [3] [99] [999] [1000] [-1] [1.5] [ 1 ].")
    assert cited(found) == [1, 2]
    assert found[-1] == Done("end", abstained=False)


def test_without_a_citation_the_answer_rests_on_nothing(passages: tuple[Passage, ...]) -> None:
    assert events(passages, "I do not know [7].")[-1] == Done("end", abstained=True)


@given(st.data())
def test_however_the_words_are_cut_text_and_citations_are_the_same(
    passages: tuple[Passage, ...], data: st.DataObject
) -> None:
    whole = data.draw(st.text(alphabet="[]012 a\n", max_size=40))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert text(events(passages, *pieces)) == whole
    assert cited(events(passages, *pieces)) == cited(events(passages, whole))


def test_an_endless_bracket_is_not_held_for_ever(passages: tuple[Passage, ...]) -> None:
    found = events(passages, "[", "1", "1", "1", "1", "1", " end")
    assert text(found) == "[11111 end"


def test_a_token_comes_before_the_citation_that_it_ends_in(passages: tuple[Passage, ...]) -> None:
    first, second, *_ = events(passages, "So [1]")
    assert (first, type(second)) == (Token("So [1]"), Citation)


def test_a_break_goes_on_to_the_reader_and_what_was_held_is_lost(passages: tuple[Passage, ...]) -> None:
    class Broken(Pieces):
        def __iter__(self) -> Iterator[str | Stop]:
            yield "So [1"
            message = "broke"
            raise ModelInterruptedError(message)

    stream = iter(Answer(passages, Broken([])))
    assert next(stream) == Token("So ")
    with pytest.raises(ModelInterruptedError):
        next(stream)
