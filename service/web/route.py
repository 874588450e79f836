"""From a request to a route of the pages: who asked for it, by whose evidence, and what becomes of its errors."""

import json
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial, wraps
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from authz.errors import InvalidTokenError
from retrieval.deadline import Deadline
from service.body_limit import read_body
from service.problem import problem
from service.request import dependencies, request_id
from service.route import BoundedRoute, StreamedRoute
from service.web.errors import SignedOutError, WebError
from service.web.origin import check_own, is_here
from service.web.parts import Web
from service.web.visiting import evidence, slot_of, web

_CHANGES = frozenset({"POST", "PUT", "DELETE"})
_KEPT = frozenset({"retry-after", "allow"})
"""Headers of an error that its page has too."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(BoundedRoute):
    """A `BoundedRoute` whose evidence lies in the session, and whose errors are pages."""

    evidence = staticmethod(evidence)

    def get_route_handler(self) -> Handler:
        """Return the route behind its checks."""
        return _paged(super().get_route_handler())


class ScriptRoute(BoundedRoute):
    """What the script asks: the same evidence, the same checks; errors are problems, as in the API."""

    evidence = staticmethod(evidence)

    def get_route_handler(self) -> Handler:
        """Return the route behind its checks."""
        return _problems(super().get_route_handler())


class StreamRoute(StreamedRoute):
    """A `ScriptRoute` whose response streams."""

    evidence = staticmethod(evidence)

    def get_route_handler(self) -> Handler:
        """Return the route behind its checks."""
        return _problems(super().get_route_handler())


class OpenRoute(APIRoute):
    """A page for who is not signed in: it takes a place like every other, and its plain function a thread of it.

    It has a parameter `request`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        super().__init__(path, _in_place(endpoint), **options)

    def get_route_handler(self) -> Handler:
        """Return the route behind its checks."""
        return _paged(_placed(super().get_route_handler()))


def _problems(serve: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            _check(request)
            return await serve(request)
        except WebError as error:
            _count(request, error)
            return problem(request, error.status, error.detail)

    return handle


def _placed(serve: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        on = dependencies(request)
        deadline = Deadline.after(on.bounds.deadline)
        # The body first: a stranger who sends it slowly holds a connection, and nobody's place.
        whole = await read_body(request, deadline) if request.method in _CHANGES else request
        place = on.requests.enter()
        whole.state.place, whole.state.deadline = place, deadline
        try:
            return await serve(whole)
        finally:
            place.leave()

    return handle


def _in_place(endpoint: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    @wraps(endpoint)
    async def bounded(*, request: Request, **arguments: object) -> object:
        work = partial(endpoint, request=request, **arguments)
        return await request.state.place.within(request.state.deadline, work)

    return bounded


def _paged(serve: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        parts = web(request)
        if request.method == "GET" and not is_here(request, parts.origin):
            return RedirectResponse(f"{parts.origin}/", 307)
        try:
            _check(request)
            return await serve(request)
        except (SignedOutError, InvalidTokenError):
            back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            to = f"&back={quote(back, safe='')}" if request.method == "GET" else ""
            return RedirectResponse(f"/sign-in?slot={slot_of(request)}{to}", 303)
        except WebError as error:
            _count(request, error)
            return _error_page(parts, error.status, error.detail)
        except Exception as error:
            known = await _known(request, error)
            if known is None:
                raise
            return known

    return handle


def _count(request: Request, error: WebError) -> None:
    if error.status >= 500:  # noqa: PLR2004 - a fault of ours, not of the caller
        dependencies(request).metrics.fault(error, request_id(request))


def _check(request: Request) -> None:
    if request.method in _CHANGES:
        check_own(request, web(request).origin)


async def _known(request: Request, error: Exception) -> Response | None:
    """Return the page of an `error` that the application has a status for: the one table of them is `create_app`'s."""
    handlers = request.app.exception_handlers
    found = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers and kind is not Exception), None)
    if found is None:
        return None
    made: Awaitable[Response] = found(request, error)
    response = await made
    page = _error_page(web(request), response.status_code, _detail(response), decided=True)
    page.headers.update({name: response.headers[name] for name in _KEPT & set(response.headers)})
    return page


def _detail(response: Response) -> str:
    plain = json.loads(bytes(response.body))
    return str(plain.get("detail", "The request cannot be served."))


def _error_page(parts: Web, status: int, detail: str, *, decided: bool = False) -> Response:
    response = parts.pages.page("error.html", {"status": status, "detail": detail, "decided": decided}, status)
    if status == 503:  # noqa: PLR2004 - as the API says it
        response.headers["Retry-After"] = "5"
    return response
