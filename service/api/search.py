"""`/v1/search`: the passages themselves, through the same two doors as an answer."""

from fastapi import APIRouter

from service.api.bodies import SearchBody, SearchView, views
from service.asking import search
from service.prompt import Question
from service.request import Authenticated
from service.route import BoundedRoute

router = APIRouter(prefix="/v1", route_class=BoundedRoute)


@router.post("/search")
def search_passages(body: SearchBody, call: Authenticated) -> SearchView:
    """Return the passages nearest to the question that the caller may read."""
    retrieval = search(call, Question(body.question), body.k)
    return SearchView(receipt=retrieval.receipt.id, passages=views(retrieval.passages))
