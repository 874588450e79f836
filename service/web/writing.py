"""Documents brought and taken away from a page: by the API's own functions, mounted only where a process may write."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from service.api.bodies import Body, WriteView
from service.api.uploads import StagedView, UploadView, read_upload
from service.api.writing import delete_document, put_document
from service.request import Authenticated, Call
from service.web.access_form import body_of
from service.web.errors import FormError
from service.web.forms import Form
from service.web.route import PageRoute, ScriptRoute
from service.web.visiting import Visiting, Visitor

router = APIRouter(route_class=PageRoute, include_in_schema=False)
scripted = APIRouter(route_class=ScriptRoute, include_in_schema=False)

_STEPS = (
    "A record was written that this is done, and by whom.",
    "The registry holds a tombstone: from that moment nothing of it is disclosed.",
    "Its passages, vectors and digests were removed.",
    "A probe of the index found nothing of it left.",
)
Text = Annotated[str, StringConstraints(max_length=4096)]


class UploadBody(Body):
    """One file with the fields of the form."""

    fields: Annotated[dict[Text, Text], Field(max_length=32)]
    content: str
    """In base64."""


@scripted.put("/documents/upload/{name:path}")
def upload_file(name: str, body: UploadBody, call: Authenticated) -> WriteView | StagedView:
    """Take one file, as `PUT /v1/documents/{id}` does."""
    types = call.policies.attributes.document
    return put_document(name, body_of(body.fields, types, body.content), call, Response())


@scripted.get("/documents/upload/{upload}")
def show_upload(upload: str, call: Authenticated) -> UploadView:
    """Return what became of an upload so far."""
    return read_upload(upload, call)


@router.post("/documents")
def upload_text(visiting: Visiting, call: Authenticated, form: Form) -> Response:
    """Take a text that stands in the form: what the form does where no script runs."""
    name = form.get("name", "").strip()
    if not name:
        message = "a document needs a name"
        raise FormError(message)
    written = put_document(name, body_of(form, call.policies.attributes.document, None), call, Response())
    return _done(visiting, call, name, written)


@router.post("/documents/delete")
def delete(visiting: Visiting, call: Authenticated, form: Form) -> Response:
    """Delete a document, and show the steps that were done."""
    name = form.get("name", "").strip()
    if not name:
        message = "which document?"
        raise FormError(message)
    return _done(visiting, call, name, delete_document(name, call))


def _done(visiting: Visitor, call: Call, name: str, written: WriteView | StagedView) -> Response:
    values = {
        **visiting.frame(call.principal(), "documents"),
        "document": name,
        "written": written,
        "steps": _STEPS if written.outcome == "retired" else (),
    }
    return visiting.web.pages.page("written.html", values)
