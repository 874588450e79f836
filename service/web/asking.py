"""`/ask`: one person, one question. The script streams the answer; without it the same form returns it whole."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ValidationError

from retrieval.audit import Outcome
from retrieval.errors import DeadlineExceededError
from service.answer import Answer, Citation, Done, Token
from service.api.answers import stream_answer
from service.api.bodies import AnswerBody, name_of
from service.capacity import Capacity
from service.delivery import Delivery
from service.dependencies import Dependencies
from service.errors import ModelInterruptedError
from service.prompt import Question
from service.request import Authenticated, Call
from service.streaming import AnswerResponse
from service.web.errors import FormError
from service.web.forms import Form
from service.web.parts import Picking
from service.web.route import PageRoute, StreamRoute
from service.web.visiting import Visiting, Visitor

router = APIRouter(route_class=PageRoute, include_in_schema=False)
streams = APIRouter(route_class=StreamRoute, include_in_schema=False)

Asked = Annotated[str, Query(alias="q", max_length=4096)]
_MARKER = re.compile(r"\[(\d{1,3})\]")


class WholeRoute(PageRoute):
    """A page that holds a whole answer: it takes one of the places of answers."""

    def capacity(self, on: Dependencies) -> Capacity:
        """Return the places of streams."""
        return on.streams


whole = APIRouter(route_class=WholeRoute, include_in_schema=False)


@dataclass(slots=True)
class Told:
    """An answer that is over, or as much of it as came: plain text, and the passages it names."""

    receipt: str
    text: str = ""
    citations: dict[int, Citation] = field(default_factory=dict)
    outcome: Outcome = "cancelled"
    abstained: bool = False

    @property
    def pieces(self) -> Sequence[tuple[str, int | None]]:
        """The text in pieces, each with the number of the passage that it cites, None where it is text."""
        parts = _MARKER.split(self.text)
        pieces: list[tuple[str, int | None]] = []
        for place, part in enumerate(parts):
            number = int(part) if place % 2 else None
            shown = f"[{part}]" if place % 2 else part
            pieces.append((shown, number if number in self.citations else None))
        return [piece for piece in pieces if piece[0]]

    @property
    def sources(self) -> Sequence[dict[str, object]]:
        """What is cited, in the order of the numbers."""
        return [
            {"number": number, "document": name_of(each.passage.document), "title": each.passage.title}
            | {"ordinal": each.passage.ordinal, "page": each.passage.page}
            for number, each in sorted(self.citations.items())
        ]


@router.get("/ask")
def show_ask(visiting: Visiting, call: Authenticated, asked: Asked = "") -> Response:
    """Show the form."""
    return visiting.web.pages.page("ask.html", _values(visiting, call, asked))


@whole.post("/ask")
async def ask_whole(visiting: Visiting, call: Authenticated, form: Form) -> Response:
    """Return a page with the whole answer: what the form does where no script runs."""
    question = question_of(form)
    values = await call.place.within(call.deadline, partial(_values, visiting, call, question))
    # Last of all: an answer that ends gives its place back.
    told = await answered(call, question)
    return visiting.web.pages.page("ask.html", {**values, "told": told})


@streams.post("/ask/stream")
async def ask_stream(body: AnswerBody, call: Authenticated) -> AnswerResponse:
    """Return the answer as it comes, as `/v1/answers` does."""
    return await stream_answer(body, call)


def question_of(form: dict[str, str]) -> Question:
    """Return the question in a form. Raises `FormError`."""
    try:
        return Question(AnswerBody(question=form.get("question", "")).question)
    except ValidationError as error:
        message = "a question has 1 to 4,096 bytes, and no control characters"
        raise FormError(message) from error


async def answered(call: Call, question: Question) -> Told:
    """Return the whole answer to `question`, its record closed. Raises as `stream_answer` does."""
    delivery = Delivery(call)
    told = Told("")
    try:
        await call.place.within(call.deadline, partial(delivery.prepare, question))
        told.receipt = delivery.begun.retrieval.receipt.id
        async with asyncio.timeout(call.on.bounds.answer_timeout):
            await asyncio.wrap_future(call.place.run(partial(_hear, delivery.begun.answer, told, call)))
    except TimeoutError:
        # A copy: the thread that still listens has its own end to say.
        told = replace(told, outcome="cancelled", citations=dict(told.citations))
    except DeadlineExceededError:
        told.outcome = "failed"
        raise
    finally:
        await asyncio.shield(asyncio.wrap_future(delivery.end(told.outcome)))
    return told


def _hear(answer: Answer, told: Told, call: Call) -> None:
    """Take in the answer to its end, or to where it breaks."""
    try:
        for event in answer:
            if isinstance(event, Token):
                told.text += event.text
            elif isinstance(event, Citation):
                told.citations[event.number] = event
            elif isinstance(event, Done):
                told.abstained = event.abstained
                ended: Outcome = "complete" if event.reason == "end" else "truncated"
                told.outcome = ended if answer.passages else "denied"
    except ModelInterruptedError as error:
        call.on.metrics.fault(error, call.id)
        told.outcome = "truncated"


def _values(visiting: Visitor, call: Call, question: str) -> dict[str, object]:
    frame = visiting.frame(call.principal(), "ask")
    return {**frame, "question": question, "told": None, "examples": examples(visiting)}


def examples(visiting: Visitor) -> Sequence[str]:
    """Return questions worth asking, where the deployment knows some: the demo does."""
    name = visiting.held.session.slots[visiting.slot].name
    sign_in = visiting.web.sign_in
    people = sign_in.people if isinstance(sign_in, Picking) else ()
    return next((each.questions for each in people if each.name == name), ())
