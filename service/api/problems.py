"""The problems that any route of `/v1` may answer with, as the interface's description (OpenAPI) has them."""

from collections.abc import Mapping
from typing import Any, Final

_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "A problem of RFC 9457. Nothing of the request is in it but the id that we gave it.",
    "required": ["type", "status", "detail", "request"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request": {"type": "string"},
        "fields": {"type": "array", "items": {"type": "string"}, "description": "Ours that do not fit, with 422."},
    },
    "additionalProperties": False,
}
_WHEN: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "There is no valid bearer token.",
    403: "The caller is nobody here, or no policy lets them do this.",
    404: "There is no such document for the caller: absent and hidden look the same.",
    408: "The body did not come in time.",
    409: "The document changed meanwhile.",
    413: "The body is too large.",
    422: "The request, or the document in it, does not fit.",
    429: "The caller asks too much at once; `Retry-After` says when to ask again.",
    503: "Something that is needed does not answer; `Retry-After` says when to ask again.",
}
_RETRY: Final[Mapping[str, Any]] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": when,
        "content": {"application/problem+json": {"schema": dict(_SCHEMA)}},
        **({"headers": dict(_RETRY)} if status in {429, 503} else {}),
    }
    for status, when in _WHEN.items()
}
"""By status, for `FastAPI(responses=…)`; FastAPI's own 422 would describe an answer that is never given."""
