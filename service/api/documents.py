"""`/v1/documents`: list and read, through both doors."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from authz.directory import Principal
from authz.errors import ResourceError
from authz.resource import EntityId, entity_id
from authz.scope import Scope
from retrieval.document import TITLE
from retrieval.index import MAX_HITS, Hits, Index
from retrieval.record import Retrieval
from service.api.bodies import DocumentItem, DocumentList, DocumentView, name_of, views
from service.errors import NotFoundError
from service.request import Authenticated, Call, Waiting
from service.route import BoundedRoute

router = APIRouter(prefix="/v1", route_class=BoundedRoute)

Limit = Annotated[int, Query(ge=1, le=MAX_HITS)]
Ordinal = Annotated[int, Query(ge=-1, le=1 << 31)]


@router.get("/documents")
def list_documents(
    call: Authenticated, after: Annotated[str | None, Query(max_length=500)] = None, limit: Limit = MAX_HITS
) -> DocumentList:
    """Return a page of the documents that the caller may read, in the order of their ids; pass `next` as `after`."""
    index = call.index()
    principal = call.principal()
    start = None if after is None else _document(principal, after)
    while True:
        retrieval, last = _page(call, index, principal, start, limit)
        # A whole page that door two refused is no reason to stop, and its ids are no cursor to hand out.
        if retrieval.passages or last is None:
            break
        start = last
    documents = [
        DocumentItem(document=name_of(each.document), title=each.title, version=each.version)
        for each in retrieval.passages
    ]
    more = documents[-1].document if documents and last is not None else None
    return DocumentList(receipt=retrieval.receipt.id, documents=documents, next=more)


@router.get("/documents/{document:path}")
def read_document(document: str, call: Authenticated, after: Ordinal = -1, limit: Limit = MAX_HITS) -> DocumentView:
    """Return a document's passages after the ordinal `after`; one that is hidden looks like one that is not there."""
    index = call.index()
    principal = call.principal()
    wanted = _document(principal, document)

    last = after + limit
    more = False

    def find(scope: Scope) -> Hits:
        nonlocal more
        hits = index().passages(wanted, scope, after, limit, call.deadline)
        more = any(hit.ordinal == last for hit in hits)
        return hits

    retrieval = call.retrieve(find, principal, call.purpose("view"))
    if not retrieval.passages:
        raise NotFoundError
    first = retrieval.passages[0]
    text = [passage for passage in retrieval.passages if passage.ordinal != TITLE]
    return DocumentView(
        receipt=retrieval.receipt.id,
        document=name_of(first.document),
        title=first.title,
        version=first.version,
        revision=str(first.revision),
        passages=views(text),
        next=last if more else None,
    )


def _page(
    call: Call, index: Waiting[Index], principal: Principal, start: EntityId | None, limit: int
) -> tuple[Retrieval, EntityId | None]:
    """Return one page, and the id after which to go on, None if it was the last."""
    found: Sequence[EntityId] = ()

    def find(scope: Scope) -> Hits:
        nonlocal found
        hits = index().documents(scope, start, limit, call.deadline)
        found = [hit.document for hit in hits]
        return hits

    retrieval = call.retrieve(find, principal, call.purpose("list"))
    return retrieval, found[-1] if len(found) == limit else None


def _document(principal: Principal, name: str) -> EntityId:
    try:
        return entity_id(principal.tenant, name)
    except ResourceError as error:
        raise NotFoundError from error
