"""The web application: routes, one table from error to status, and headers. Built by a composition root."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

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
    BucketUnavailableError,
    ConflictError,
    DeadlineExceededError,
    EmbeddingUnavailableError,
    IntakeUnavailableError,
    ParserUnavailableError,
    QueueUnavailableError,
    RegistryUnavailableError,
    SearchUnavailableError,
    SourceError,
)
from service.api import answers, documents, health, me, search, uploads, writing
from service.api.bodies import FIELDS
from service.api.problems import PROBLEMS
from service.dependencies import Dependencies
from service.errors import (
    Bound,
    BusyError,
    ForbiddenError,
    LateBodyError,
    LimitsUnavailableError,
    ModelUnavailableError,
    NotFoundError,
    TooLargeError,
    TooManyRequestsError,
    TooManyValuesError,
)
from service.observed import Observed, progress_of
from service.problem import problem
from service.readiness import Readiness
from service.request import dependencies, request_id
from service.web.routes import routes_of_pages

_STATUS: dict[type[Exception], tuple[int, str]] = {
    InvalidTokenError: (401, "A valid bearer token is required."),
    UnknownPrincipalError: (403, "You have no access here."),
    ForbiddenError: (403, "No policy lets you do this."),
    NotFoundError: (404, "There is no such document for you."),
    LateBodyError: (408, "The body did not come in time."),
    ConflictError: (409, "The document changed meanwhile; read it again and repeat."),
    TooLargeError: (413, "The body is too large."),
    TooManyValuesError: (422, "The body holds more values than it may."),
    SourceError: (422, "The document cannot be taken as it is."),
    TooManyRequestsError: (429, "You ask too much at once; try again shortly."),
    BusyError: (503, "As much is done at once as can be; try again shortly."),
    LimitsUnavailableError: (503, "Requests cannot be counted at the moment."),
    SigningKeysUnavailableError: (503, "Tokens cannot be verified at the moment."),
    DirectoryUnavailableError: (503, "The directory cannot be read at the moment."),
    ScopeError: (503, "No decision can be made at the moment."),
    DecisionError: (503, "No decision can be made at the moment."),
    SearchUnavailableError: (503, "The index cannot answer at the moment."),
    RegistryUnavailableError: (503, "The registry cannot be read at the moment."),
    EmbeddingUnavailableError: (503, "The question cannot be processed at the moment."),
    AuditUnavailableError: (503, "The retrieval cannot be recorded, so nothing is disclosed."),
    BucketUnavailableError: (503, "Documents cannot be taken at the moment."),
    QueueUnavailableError: (503, "Documents cannot be taken at the moment."),
    IntakeUnavailableError: (503, "Documents cannot be taken at the moment."),
    ParserUnavailableError: (503, "Documents cannot be taken at the moment."),
    ModelUnavailableError: (503, "The model does not answer at the moment."),
    DeadlineExceededError: (503, "The request took longer than it may."),
}
"""Every error that a request may end in. A denial is none: it is an empty result."""

_BOUNDS: dict[type[Exception], Bound] = {
    BusyError: "capacity",
    TooLargeError: "body",
    TooManyValuesError: "body",
    LateBodyError: "slow-body",
}

# FastAPI's own would put paths and queries into spans, and messages of errors into logs. Ours: retrieval/tracing.py.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(on: Dependencies) -> FastAPI:
    """Return the application over `on`."""
    app = FastAPI(
        title="Antechamber",
        summary="Cited answers from what the caller may read.",
        version="1",
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
        redirect_slashes=False,
        responses=PROBLEMS,
    )
    app.state.dependencies = on
    app.state.readiness = Readiness(on.probes)
    for routes in (answers, search, documents, me, health):
        app.include_router(routes.router)
    if on.writing is not None:
        app.include_router(writing.router)
        app.include_router(uploads.router)
    if on.web is not None:
        app.include_router(routes_of_pages(writes=on.writing is not None))
    for error in _STATUS:
        app.add_exception_handler(error, _problem_of)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Observed)
    on.metrics.watch("answers", lambda: on.streams.taken)
    on.metrics.watch("requests", lambda: on.requests.taken)
    return app


async def _problem_of(request: Request, error: Exception) -> Response:
    kind = next(each for each in type(error).__mro__ if each in _STATUS)
    status, detail = _STATUS[kind]
    _count(request, error, status)
    if isinstance(error, SourceError):
        detail = f"{detail} {error}"  # its text is ours, and names the mend
    if isinstance(error, TooManyRequestsError):
        return problem(request, status, detail, after=error.after)
    return problem(request, status, detail)


def _count(request: Request, error: Exception, status: int) -> None:
    metrics, name = dependencies(request).metrics, request_id(request)
    bound = error.bound if isinstance(error, TooManyRequestsError) else _BOUNDS.get(type(error))
    if bound is not None:
        metrics.bounded(bound)
    elif status >= 500:  # noqa: PLR2004 - a fault of ours, not of the caller
        metrics.fault(error, name)
    if isinstance(error, DeadlineExceededError):
        metrics.late(progress_of(request).awaited(), name)
    if isinstance(error, UnknownPrincipalError):
        metrics.unknown_principal(name)


async def _invalid(request: Request, error: Exception) -> Response:
    """Name our own fields that do not fit, and never what stood in them: FastAPI's own answer echoes the input."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    names = {str(part) for each in found for part in each["loc"]} & FIELDS
    return problem(request, 422, "The request does not fit the interface.", {"fields": sorted(names)})


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    details = {404: "There is no such address.", 405: "This address does not take that method."}
    response = problem(request, status, details.get(status, "The request cannot be served."))
    response.headers.update((error.headers if isinstance(error, HTTPException) else None) or {})  # a 405 says Allow
    return response
