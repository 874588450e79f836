"""The web application: routes, one table from error to status, and headers. Built by a composition root."""

import time
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
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
from service.dependencies import Dependencies
from service.errors import ForbiddenError, ModelUnavailableError, NotFoundError, TooManyRequestsError
from service.request import dependencies, request_id

MAX_BODY = 65_536
"""Bytes of a request's body, but for a document's."""

_STATUS: dict[type[Exception], tuple[int, str]] = {
    InvalidTokenError: (401, "A valid bearer token is required."),
    UnknownPrincipalError: (403, "You have no access here."),
    ForbiddenError: (403, "No policy lets you do this."),
    NotFoundError: (404, "There is no such document for you."),
    ConflictError: (409, "The document changed meanwhile; read it again and repeat."),
    SourceError: (422, "The document cannot be taken as it is."),
    TooManyRequestsError: (429, "You ask too much at once; try again shortly."),
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
        max_body_size=MAX_BODY,
        redirect_slashes=False,
    )
    app.state.dependencies = on
    for routes in (answers, search, documents, me, health):
        app.include_router(routes.router)
    if on.writing is not None:
        app.include_router(writing.router)
    for error in _STATUS:
        app.add_exception_handler(error, _problem_of)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(Observed)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # Every route but one is synchronous and waits for backends in a thread of this pool (anyio's default is 40).
    to_thread.current_default_thread_limiter().total_tokens = app.state.dependencies.bounds.threads
    yield


class Observed:
    """Puts the headers on every response and counts it; plain ASGI, so that streams and disconnects pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        request = Request(scope)

        async def observed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**_HEADERS, "X-Request-Id": request_id(request)})
                route = getattr(scope.get("route"), "path", "none")
                dependencies(request).metrics.request(route, message["status"], time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, observed)


async def _problem_of(request: Request, error: Exception) -> Response:
    kind = next(each for each in type(error).__mro__ if each in _STATUS)
    status, detail = _STATUS[kind]
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
        413: "The body is too large.",
    }
    return problem(request, status, details.get(status, "The request cannot be served."))


async def _unexpected(request: Request, error: Exception) -> Response:
    dependencies(request).metrics.fault(error, request_id(request))
    return problem(request, 500, "Something went wrong here.")


def problem(request: Request, status: int, detail: str, extra: dict[str, object] | None = None) -> JSONResponse:
    """Return an RFC 9457 problem of ours: nothing of the request in it but the id that we gave it."""
    headers = {"Retry-After": "5"} if status in {429, 503} else {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004
    body = {"type": "about:blank", "status": status, "detail": detail, "request": request_id(request), **(extra or {})}
    return JSONResponse(body, status, headers, "application/problem+json")
