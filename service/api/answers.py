"""`/v1/answers`: a streamed, cited answer. The one asynchronous route."""

from fastapi import APIRouter

from service.api.bodies import AnswerBody
from service.delivery import Delivery
from service.prompt import Question
from service.request import Authenticated
from service.route import StreamedRoute
from service.streaming import AnswerResponse

router = APIRouter(prefix="/v1", route_class=StreamedRoute)

_DESCRIPTION = "Events: `receipt`, then `token` and `citation`, then `done` or `error`."


@router.post("/answers", response_class=AnswerResponse, responses={200: {"description": _DESCRIPTION}})
async def stream_answer(body: AnswerBody, call: Authenticated) -> AnswerResponse:
    """Answer the question from what the caller may read, as server-sent events.

    Everything up to the model's first word happens before the response begins, so that a failure has its own status.
    """
    delivery = Delivery(call)
    await delivery.begin(Question(body.question))
    return AnswerResponse(delivery)
