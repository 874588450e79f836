"""The web application: routes, one table from error to status, and headers. Built by a composition root."""

import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Send

from authz.errors import (
    DecisionError,
    DirectoryUnavailableError,
    InvalidTokenError,
    ScopeError,
    SigningKeysUnavailableError,
    UnknownPrincipalError,
)
from retrieval.errors import (
    AuditUnavailableError,
    ConflictError,
    DeadlineExceededError,
    EmbeddingUnavailableError,
    RegistryUnavailableError,
    SearchUnavailableError,
    SourceError,
)
from service.api import answers, documents, health, me, search, writing
from service.api.bodies import FIELDS
from service.body_limit import TOO_LARGE, BodyLimit
from service.dependencies import Dependencies
from service.errors import BusyError, ForbiddenError, ModelUnavailableError, NotFoundError, TooManyRequestsError
from service.problem import problem
from service.readiness import Readiness
from service.request import dependencies, request_id

_STATUS: dict[type[Exception], tuple[int, str]] = {
    InvalidTokenError: (401, "A valid bearer token is required."),
    UnknownPrincipalError: (403, "You have no access here."),
    ForbiddenError: (403, "No policy lets you do this."),
    NotFoundError: (404, "There is no such document for you."),
    ConflictError: (409, "The document changed meanwhile; read it again and repeat."),
    SourceError: (422, "The document cannot be taken as it is."),
    TooManyRequestsError: (429, "You ask too much at once; try again shortly."),
    BusyError: (503, "As many answers stream as can at once; try again shortly."),
    SigningKeysUnavailableError: (503, "Tokens cannot be verified at the moment."),
    DirectoryUnavailableError: (503, "The directory cannot be read at the moment."),
    ScopeError: (503, "No decision can be made at the moment."),
    DecisionError: (503, "No decision can be made at the moment."),
    SearchUnavailableError: (503, "The index cannot answer at the moment."),
    RegistryUnavailableError: (503, "The registry cannot be read at the moment."),
    EmbeddingUnavailableError: (503, "The question cannot be processed at the moment."),
    AuditUnavailableError: (503, "The retrieval cannot be recorded, so nothing is disclosed."),
    ModelUnavailableError: (503, "The model does not answer at the moment."),
    DeadlineExceededError: (503, "The request took longer than it may."),
}
"""Every error that a request may end in. A denial is none: it is an empty result."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app(on: Dependencies) -> FastAPI:
    """Return the application over `on`."""
    app = FastAPI(
        title="Antechamber",
        summary="Cited answers from what the caller may read.",
        version="1",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.dependencies = on
    app.state.readiness = Readiness(on.probes)
    for routes in (answers, search, documents, me, health):
        app.include_router(routes.router)
    if on.writing is not None:
        app.include_router(writing.router)
    for error in _STATUS:
        app.add_exception_handler(error, _problem_of)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(BodyLimit)
    app.add_middleware(Observed)  # outermost: the last that is added
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # Every route but one is synchronous and waits for backends in a thread of this pool (anyio's default is 40).
    to_thread.current_default_thread_limiter().total_tokens = app.state.dependencies.bounds.threads
    yield


class Observed:
    """Puts the headers on every response, counts it, and answers for what nobody foresaw.

    Plain ASGI, so that streams and disconnects pass untouched.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        request = Request(scope)
        started = False

        async def observed(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update({**_HEADERS, "X-Request-Id": request_id(request)})
                route = getattr(scope.get("route"), "path", "none")
                dependencies(request).metrics.request(route, message["status"], time.monotonic() - began)
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception as error:  # noqa: BLE001 - a server would log its text, which may be a question's or a document's
            dependencies(request).metrics.fault(error, request_id(request))
            if not started:
                await problem(request, 500, "Something went wrong here.")(scope, receive, observed)


async def _problem_of(request: Request, error: Exception) -> Response:
    kind = next(each for each in type(error).__mro__ if each in _STATUS)
    status, detail = _STATUS[kind]
    if isinstance(error, UnknownPrincipalError):
        dependencies(request).metrics.unknown_principal(request_id(request))
    if status >= 500:  # noqa: PLR2004 - a fault of ours, not of the caller
        dependencies(request).metrics.fault(error, request_id(request))
    if isinstance(error, SourceError):
        detail = f"{detail} {error}"  # its text is ours, and names the mend
    return problem(request, status, detail)


async def _invalid(request: Request, error: Exception) -> Response:
    """Name our own fields that do not fit, and never what stood in them: FastAPI's own answer echoes the input."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    names = {str(part) for each in found for part in each["loc"]} & FIELDS
    return problem(request, 422, "The request does not fit the interface.", {"fields": sorted(names)})


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    details = {
        404: "There is no such address.",
        405: "This address does not take that method.",
        413: TOO_LARGE,
    }
    response = problem(request, status, details.get(status, "The request cannot be served."))
    response.headers.update((error.headers if isinstance(error, HTTPException) else None) or {})  # a 405 says Allow
    return response
