"""`PUT` and `DELETE` of `/v1/documents`: mounted only where a process may write; Cedar decides on every change."""

from collections.abc import Sequence

from fastapi import APIRouter

from authz.directory import Principal
from authz.errors import ResourceError
from authz.resource import EntityId, Resource, entity_id, tenant_of
from authz.schema import AttributeType, parse_attributes
from retrieval.document import DocumentRecord
from retrieval.errors import SourceError
from retrieval.ingest.destination import Destination
from retrieval.ingest.ingest import ingest
from retrieval.ingest.retire import retire
from retrieval.ingest.source import SourceItem
from service.api.bodies import DocumentBody, WriteView
from service.errors import ForbiddenError, NotFoundError
from service.request import Authenticated
from service.writing import Author

router = APIRouter(prefix="/v1")


@router.put("/documents/{document:path}")
def put_document(document: str, body: DocumentBody, call: Authenticated) -> WriteView:
    """Create or replace a document, or change its access: whatever differs is decided, action by action.

    Refused is refused: the answer does not say whether the document exists.
    """
    author = Author(call, call.principal())
    item = _item(document, body, author)
    record = call.on.stores.registry.record(item.document)
    if not _may_put(author, record, Resource(item.document, item.attributes, item.collections)):
        author.refused("replace", item.document)
        raise ForbiddenError
    ingested = ingest(item, _destination(author))
    return WriteView(document=document, outcome=ingested.outcome, revision=str(ingested.record.revision))


@router.delete("/documents/{document:path}")
def delete_document(document: str, call: Authenticated) -> WriteView:
    """Retire a document: registry first, then index, then a probe. Hidden, absent and denied look the same."""
    author = Author(call, call.principal())
    wanted = _id(author.principal, document)
    record = call.on.stores.registry.record(wanted)
    if record is None or record.status != "active" or not author.check("erase", [record.resource()]):
        author.refused("erase", wanted)
        raise NotFoundError
    retirement = retire(wanted, author.principal.uid, _destination(author))
    return WriteView(document=document, outcome="retired", revision=str(retirement.record.revision))


def _may_put(author: Author, record: DocumentRecord | None, proposed: Resource) -> bool:
    """Return whether the write may begin: what it then changes is decided again, on exactly what is and will be."""
    if record is None or record.status != "active":
        return author.check("create", [proposed])
    current = record.resource()
    relabels = (current.attributes, current.collections) != (proposed.attributes, proposed.collections)
    return author.check("replace", [current, proposed]) and (
        not relabels or author.check("relabel", [current, proposed])
    )


def _destination(author: Author) -> Destination:
    on = author.call.on
    if on.writing is None:
        message = "these routes are mounted only where writing is"
        raise TypeError(message)
    return Destination(on.stores.registry, on.writing.index, on.writing.vectors, author, on.stores.clock)


def _item(name: str, body: DocumentBody, author: Author) -> SourceItem:
    tenant = author.principal.tenant
    types = author.call.policies.attributes.document
    if body.attributes.keys() - types.keys():
        message = "an attribute is named that the schema does not have"  # not which: the name is the caller's
        raise SourceError(message)
    try:
        stated: dict[str, object] = {
            key: _qualified(value, types[key], author.principal) for key, value in body.attributes.items()
        }
        if "tenant" in types:
            stated.setdefault("tenant", tenant)
        attributes = parse_attributes(types, stated)
        collections = _ancestors(body.collections, author)
    except ResourceError as error:
        raise SourceError(str(error)) from error
    content = body.text.encode()
    uri = f"upload:{name}"
    return SourceItem(
        tenant, name, content, body.media_type, body.title, uri, attributes, collections, author.principal.uid
    )


def _qualified(value: object, type_: AttributeType, principal: Principal) -> object:
    """Return entity names as ids: of groups those of this tenant, of people `me` or a full id."""
    if type_.entity is None:
        return value
    if isinstance(value, list):
        return [_qualified(each, type_, principal) for each in value]
    if type_.entity == "User" and value == "me":
        return principal.uid
    if not isinstance(value, str):
        return value
    uid = value if "/" in value else entity_id(principal.tenant, value)
    if tenant_of(uid) != principal.tenant:
        message = f"attribute {type_.name} names another tenant"
        raise ResourceError(message)
    return uid


def _ancestors(names: Sequence[str], author: Author) -> frozenset[str]:
    tenant = author.call.policies.tenants.get(author.principal.tenant)
    if tenant is None or not names:
        message = "name at least one collection of this tenant"
        raise ResourceError(message)
    held: set[str] = set()
    for name in names:
        collection = entity_id(tenant.id, name)
        if collection not in tenant.collections:
            message = "a collection is named that this tenant does not declare"
            raise ResourceError(message)
        held |= tenant.collections[collection]
    return frozenset(held)


def _id(principal: Principal, name: str) -> EntityId:
    try:
        return entity_id(principal.tenant, name)
    except ResourceError as error:
        raise NotFoundError from error
