"""`/static`: the style sheet and the script, under names that change with them; and the way in."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from service.errors import NotFoundError
from service.web.route import OpenRoute
from service.web.visiting import web

router = APIRouter(route_class=OpenRoute, include_in_schema=False)


@router.get("/static/{name}")
def read_static(request: Request, name: str) -> Response:
    """Return a file of the pages."""
    found = web(request).pages.file(name)
    if found is None:
        raise NotFoundError
    return found


@router.get("/")
def enter(request: Request) -> Response:  # noqa: ARG001 - every page's
    """Lead to the first page; who is not signed in is sent on from there."""
    return RedirectResponse("/ask", 303)
