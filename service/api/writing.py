"""`PUT` and `DELETE` of `/v1/documents`: mounted only where a process may write; Cedar decides on every change."""

from contextlib import AbstractContextManager

from fastapi import APIRouter, Response

from authz.directory import Principal
from authz.errors import ResourceError
from authz.resource import EntityId
from authz.schema import to_milliseconds
from retrieval.ingest.destination import Destination
from retrieval.ingest.retire import retire
from retrieval.ingest.source import Write
from retrieval.ingest.staged import Upload
from service.api.bodies import DocumentBody, WriteView
from service.api.uploads import StagedView
from service.dependencies import Writing
from service.errors import NotFoundError
from service.proposal import Plan, Proposal, carry_out, document_of, plan
from service.request import Authenticated, Call
from service.route import BoundedRoute
from service.writing import Author

router = APIRouter(prefix="/v1", route_class=BoundedRoute)


@router.put("/documents/{document:path}")
def put_document(document: str, body: DocumentBody, call: Authenticated, response: Response) -> WriteView | StagedView:
    """Create or replace a document, or change its access: whatever differs is decided, action by action.

    Where uploads are staged, it is decided now and again when it is written, and 202 says that this is yet to come.
    Refused is refused: to whom no policy lets write it, the answer does not say whether the document exists.
    """
    principal, writing = call.principal(), _writing(call)
    author = Author.of(call, principal)
    _id(author, document)
    proposal = _proposal(document, body)
    planned = plan(proposal, author, call.on.stores.registry)
    if writing.staging is not None:
        upload = _upload(proposal, planned, principal, call.id)
        id_ = writing.staging(upload, planned.item.document, planned.item.collections, principal.uid)
        response.status_code = 202
        return StagedView(document=document, outcome="staged", upload=id_)
    ingested = carry_out(planned, author, _destination(call, author))
    return WriteView(document=document, outcome="stored", revision=str(ingested.record.revision))


@router.delete("/documents/{document:path}")
def delete_document(document: str, call: Authenticated) -> WriteView:
    """Retire a document: registry first, then index, then a probe. Hidden, absent and denied look the same.

    One that is retired already is removed again, so that a removal that broke off can be completed.
    """
    author = Author.of(call, call.principal())
    wanted = _id(author, document)
    record = call.on.stores.registry.record(wanted)
    if record is None or not author.check("erase", [record.resource()]):
        author.refused("erase", wanted)
        raise NotFoundError
    retirement = retire(wanted, author.held.uid, _destination(call, author))
    if record.status == "retired":
        author.repeated("erase", record)
    return WriteView(document=document, outcome="retired", revision=str(retirement.record.revision))


def _writing(call: Call) -> Writing:
    if call.on.writing is None:
        message = "these routes are mounted only where writing is"
        raise TypeError(message)
    return call.on.writing


def _destination(call: Call, author: Author) -> Destination:
    writing, stores = _writing(call), call.on.stores

    def by_what_they_hold_now(write: Write) -> AbstractContextManager[None]:
        # Parsing and embedding may have taken long since the directory was read.
        return author.anew(call, write)(write)

    return Destination(
        stores.registry, writing.index, writing.vectors, writing.parse, by_what_they_hold_now, stores.clock
    )


def _proposal(name: str, body: DocumentBody) -> Proposal:
    return Proposal(
        name=name,
        content=body.source,
        media_type=body.hint,
        title=body.title,
        attributes=body.attributes,
        collections=body.collections,
        revision=None if body.revision is None else int(body.revision),
        source=f"upload:{name}",
    )


def _upload(proposal: Proposal, planned: Plan, principal: Principal, request: str) -> Upload:
    signed_in = principal.identity.authenticated_at
    return Upload(
        tenant=principal.tenant,
        name=proposal.name,
        content=proposal.content,
        media_type=proposal.media_type,
        title=proposal.title,
        attributes=proposal.attributes,
        collections=proposal.collections,
        revision=proposal.revision,
        access=planned.access,
        seen=planned.follows,
        issuer=principal.identity.issuer,
        subject=principal.identity.subject,
        authenticated=to_milliseconds(signed_in) if signed_in else None,
        request=request,
    )


def _id(author: Author, name: str) -> EntityId:
    try:
        return document_of(author, name)
    except ResourceError as error:
        raise NotFoundError from error
