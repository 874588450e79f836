"""`/ask`: one person, one question. The script streams the answer; without it the same form returns it whole."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import ValidationError

from service.api.answers import stream_answer
from service.api.bodies import AnswerBody
from service.delivery import Delivery
from service.prompt import Question
from service.request import Authenticated, Call
from service.streaming import AnswerResponse
from service.web.errors import FormError
from service.web.forms import Form
from service.web.parts import Picking
from service.web.route import PageRoute, StreamRoute
from service.web.visiting import Visiting, Visitor
from service.web.whole import WholeResponse, WholeRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
whole = APIRouter(route_class=WholeRoute, include_in_schema=False)
streams = APIRouter(route_class=StreamRoute, include_in_schema=False)

Asked = Annotated[str, Query(alias="q", max_length=4096)]


@router.get("/ask")
def show_ask(visiting: Visiting, call: Authenticated, asked: Asked = "") -> Response:
    """Show the form."""
    return visiting.web.pages.page("ask.html", _values(visiting, call, asked))


@whole.post("/ask")
async def ask_whole(visiting: Visiting, call: Authenticated, form: Form) -> Response:
    """Return a page with the whole answer: what the form does where no script runs."""
    question = question_of(form)
    values = await call.place.within(call.deadline, partial(_values, visiting, call, question))
    delivery = Delivery(call)
    await delivery.begin(question)
    page = visiting.web.pages.page
    return WholeResponse([delivery], lambda told: page("ask.html", {**values, "told": told[0]}))


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


def _values(visiting: Visitor, call: Call, question: str) -> dict[str, object]:
    frame = visiting.frame(call.principal(), "ask")
    return {**frame, "question": question, "told": None, "examples": examples(visiting)}


def examples(visiting: Visitor) -> Sequence[str]:
    """Return questions worth asking, where the deployment knows some: the demo does."""
    name = visiting.held.session.slots[visiting.slot].name
    sign_in = visiting.web.sign_in
    people = sign_in.people if isinstance(sign_in, Picking) else ()
    return next((each.questions for each in people if each.name == name), ())
