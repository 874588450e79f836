"""Errors as they are sent: problems of RFC 9457, in words of ours."""

from collections.abc import Mapping
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse

from service.request import request_id

_AGAIN: Final = 5
"""Seconds after which to try again what failed for a reason of ours."""


def problem(
    request: Request, status: int, detail: str, extra: Mapping[str, object] | None = None, after: int = _AGAIN
) -> JSONResponse:
    """Return an RFC 9457 problem of ours: nothing of the request in it but the id that we gave it.

    A 429 or 503 says to come back `after` so many seconds.
    """
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": str(after)}, 503: {"Retry-After": str(after)}}
    body = {"type": "about:blank", "status": status, "detail": detail, "request": request_id(request), **(extra or {})}
    return JSONResponse(body, status, headers.get(status), "application/problem+json")
