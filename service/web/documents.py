"""`/documents`: what one may read, and a passage in its document."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from authz.directory import Principal
from authz.errors import ResourceError
from authz.resource import entity_id
from retrieval.index import MAX_HITS
from service.api.documents import list_documents, read_document
from service.request import Authenticated, Call
from service.web.access_form import collections, inputs, may_create
from service.web.route import PageRoute
from service.web.visiting import Visiting
from service.writing import Author

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_BEFORE = 8
"""Passages shown before the one that was asked for."""
Ordinal = Annotated[int, Query(ge=0, le=1 << 31)]


@router.get("/documents")
def show_documents(
    visiting: Visiting, call: Authenticated, after: Annotated[str | None, Query(max_length=500)] = None
) -> Response:
    """Show a page of the documents that the person may read, and the form if they may bring one."""
    listed, principal = list_documents(call, after, MAX_HITS), call.principal()
    values = {
        **visiting.frame(principal, "documents"),
        "listed": listed,
        "creates": may_create(call, principal),
        "inputs": inputs(call.policies.attributes.document),
        "collections": collections(call, principal),
    }
    return visiting.web.pages.page("documents.html", values)


@router.get("/document/{document:path}")
def show_document(
    document: str, visiting: Visiting, call: Authenticated, passage: Ordinal = 0, after: Ordinal | None = None
) -> Response:
    """Show a document from a little before `passage`, through both doors like everything else."""
    start = after if after is not None else max(-1, passage - 1 - _BEFORE)
    found, principal = read_document(document, call, start, MAX_HITS), call.principal()
    values = {
        **visiting.frame(principal, "documents"),
        "found": found,
        "passage": passage,
        "start": start,
        "erases": _may_erase(call, principal, found.document),
    }
    return visiting.web.pages.page("document.html", values)


def _may_erase(call: Call, principal: Principal, document: str) -> bool:
    """Return whether to show the way to delete; deleting decides again."""
    if call.on.writing is None:
        return False
    try:
        record = call.on.stores.registry.record(entity_id(principal.tenant, document))
    except ResourceError:
        return False
    return record is not None and Author.of(call, principal).check("erase", [record.resource()])
