"""`/v1/answers`: a streamed, cited answer. The one asynchronous route."""

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse

from retrieval.audit import Outcome, Receipt
from retrieval.errors import AuditUnavailableError
from service.api.bodies import AnswerBody
from service.asking import answer
from service.limits import Release
from service.prompt import Question
from service.request import Call, authenticated
from service.streaming import stream

router = APIRouter(prefix="/v1")

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events: `receipt`, then `token` and `citation`, then `done` or `error`.",
        "content": {EventSourceResponse.media_type: {"schema": {"type": "string"}}},
    }
}


@router.post("/answers", response_model=None, responses=_RESPONSES)
async def stream_answer(
    body: AnswerBody, request: Request, call: Annotated[Call, Depends(authenticated)]
) -> EventSourceResponse:
    """Answer the question from what the caller may read, as server-sent events.

    Everything up to the model's first word happens before the response begins, so that a failure has its own status.
    """
    release = call.on.limits.enter(call.identity)
    try:
        answering, retrieval = await to_thread.run_sync(answer, call, Question(body.question))
    except BaseException:
        release()
        raise
    close = partial(_close, call, retrieval.receipt, release)
    on = call.on
    content = stream(
        answering, retrieval.receipt.id, request.is_disconnected, close, on.streams, on.bounds.answer_timeout
    )
    return EventSourceResponse(content)


def _close(call: Call, receipt: Receipt, release: Release, outcome: Outcome) -> None:
    release()
    call.on.metrics.answered(outcome)
    if outcome == "denied":
        return  # the record itself already says so, and is final
    try:
        call.on.stores.audit.close(receipt, outcome, {})
    except AuditUnavailableError as error:
        # The opening record stands: it says what was disclosed, and shows as never closed.
        call.on.metrics.fault(error, call.id)
