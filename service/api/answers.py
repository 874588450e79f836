"""`/v1/answers`: a streamed, cited answer. The one asynchronous route."""

import asyncio
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Depends

from retrieval.errors import DeadlineExceededError
from service.api.bodies import AnswerBody
from service.delivery import Delivery
from service.prompt import Question
from service.request import Call, authenticated
from service.streaming import AnswerResponse

router = APIRouter(prefix="/v1")

_DESCRIPTION = "Events: `receipt`, then `token` and `citation`, then `done` or `error`."
_OWN_WORD: Final = 0.25
"""Seconds past the deadline in which the step that it ended may still say so itself."""


@router.post("/answers", response_class=AnswerResponse, responses={200: {"description": _DESCRIPTION}})
async def stream_answer(body: AnswerBody, call: Annotated[Call, Depends(authenticated)]) -> AnswerResponse:
    """Answer the question from what the caller may read, as server-sent events.

    Everything up to the model's first word happens before the response begins, so that a failure has its own status.
    """
    delivery = _enter(call)
    try:
        preparing = delivery.place.run(partial(delivery.prepare, Question(body.question)))
        async with asyncio.timeout(call.deadline.left() + _OWN_WORD):
            await asyncio.wrap_future(preparing)
    except TimeoutError as error:
        delivery.end("failed")
        message = "the answer did not begin in time"
        raise DeadlineExceededError(message) from error
    except BaseException:
        delivery.end("cancelled")
        raise
    return AnswerResponse(delivery)


def _enter(call: Call) -> Delivery:
    """Count the caller and take a place, or do neither. Raises `TooManyRequestsError` or `BusyError`."""
    release = call.on.limits.enter(call.identity)
    try:
        return Delivery(call, call.on.streams.enter(), release)
    except BaseException:
        release()
        raise
