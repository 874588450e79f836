"""`GET /v1/uploads/{id}`: what became of an upload, told to its author alone."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from retrieval.intake import State
from service.api.bodies import name_of
from service.errors import NotFoundError
from service.request import Authenticated
from service.route import BoundedRoute

router = APIRouter(prefix="/v1", route_class=BoundedRoute)


class StagedView(BaseModel):
    """A write that is allowed, and yet to be made."""

    document: str
    outcome: Literal["staged"]
    upload: str


class UploadView(BaseModel):
    """What became of an upload so far."""

    upload: str
    document: str | None
    state: State
    reason: str | None


@router.get("/uploads/{upload}")
def read_upload(upload: str, call: Authenticated) -> UploadView:
    """Return what became of an upload; somebody else's looks like one that there never was."""
    writing = call.on.writing
    staging = writing.staging if writing is not None else None
    entry = staging.of(call.principal(), upload) if staging is not None else None
    if entry is None:
        raise NotFoundError
    document = name_of(entry.document) if entry.document else None
    return UploadView(upload=upload, document=document, state=entry.state, reason=entry.reason)
