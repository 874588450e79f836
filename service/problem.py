"""Errors as they are sent: problems of RFC 9457, in words of ours."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse

from service.request import request_id


def problem(request: Request, status: int, detail: str, extra: Mapping[str, object] | None = None) -> JSONResponse:
    """Return an RFC 9457 problem of ours: nothing of the request in it but the id that we gave it."""
    headers = {"Retry-After": "5"} if status in {429, 503} else {"WWW-Authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004
    body = {"type": "about:blank", "status": status, "detail": detail, "request": request_id(request), **(extra or {})}
    return JSONResponse(body, status, headers, "application/problem+json")
