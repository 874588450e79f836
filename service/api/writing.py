"""`PUT` and `DELETE` of `/v1/documents`: mounted only where a process may write; Cedar decides on every change."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter

from authz.directory import Principal
from authz.errors import ResourceError
from authz.resource import Attributes, EntityId, Resource, entity_id, tenant_of
from authz.schema import TENANT, AttributeType, parse_attributes
from retrieval.document import DocumentRecord
from retrieval.errors import ConflictError, SourceError
from retrieval.ingest.destination import Destination
from retrieval.ingest.ingest import ingest
from retrieval.ingest.retire import retire
from retrieval.ingest.source import SourceItem, WriteAction
from service.api.bodies import DocumentBody, WriteView
from service.errors import ForbiddenError, NotFoundError
from service.request import Authenticated
from service.writing import Author

router = APIRouter(prefix="/v1")


@router.put("/documents/{document:path}")
def put_document(document: str, body: DocumentBody, call: Authenticated) -> WriteView:
    """Create or replace a document, or change its access: whatever differs is decided, action by action.

    Refused is refused: to whom no policy lets write it, the answer does not say whether the document exists.
    """
    author = Author(call, call.principal())
    record = call.on.stores.registry.record(_id(author.principal, document))
    active = record if record and record.status == "active" else None
    item = _item(document, body, author, active)
    action = _action(item, body, active) if item else "create"
    if item is None or not author.check(action, _states(item, active)):
        author.refused(action, _id(author.principal, document))
        raise ForbiddenError
    follows = record.revision if record else 0
    if body.revision is not None and int(body.revision) != follows:
        message = "the document is at another revision"
        raise ConflictError(message)
    ingested = ingest(item, _destination(author), follows)
    if ingested.outcome in {"unchanged", "restored"}:
        author.repeated(action, ingested.record)
    return WriteView(document=document, outcome="stored", revision=str(ingested.record.revision))


@router.delete("/documents/{document:path}")
def delete_document(document: str, call: Authenticated) -> WriteView:
    """Retire a document: registry first, then index, then a probe. Hidden, absent and denied look the same.

    One that is retired already is removed again, so that a removal that broke off can be completed.
    """
    author = Author(call, call.principal())
    wanted = _id(author.principal, document)
    record = call.on.stores.registry.record(wanted)
    if record is None or not author.check("erase", [record.resource()]):
        author.refused("erase", wanted)
        raise NotFoundError
    retirement = retire(wanted, author.principal.uid, _destination(author))
    if record.status == "retired":
        author.repeated("erase", record)
    return WriteView(document=document, outcome="retired", revision=str(retirement.record.revision))


def _action(item: SourceItem, body: DocumentBody, active: DocumentRecord | None) -> WriteAction:
    """Return what the write mainly is; what it then changes is decided again, on exactly what is and will be."""
    if active is None:
        return "create"
    same_title = body.title is None or body.title == active.title
    return "relabel" if item.sha256 == active.sha256 and same_title else "replace"


def _states(item: SourceItem, active: DocumentRecord | None) -> list[Resource]:
    proposed = Resource(item.document, item.attributes, item.collections)
    return [active.resource(), proposed] if active else [proposed]


def _destination(author: Author) -> Destination:
    on = author.call.on
    if on.writing is None:
        message = "these routes are mounted only where writing is"
        raise TypeError(message)
    return Destination(on.stores.registry, on.writing.index, on.writing.vectors, author, on.stores.clock)


def _item(name: str, body: DocumentBody, author: Author, active: DocumentRecord | None) -> SourceItem | None:
    """Return what is to be written, None if its access is neither stated in full nor there to be kept."""
    tenant = author.principal.tenant
    try:
        attributes = _attributes(body.attributes, author, active)
        collections = _ancestors(body.collections, author, active)
    except ResourceError as error:
        raise SourceError(str(error)) from error
    if attributes is None or collections is None:
        return None
    content, uri, actor = body.text.encode(), f"upload:{name}", author.principal.uid
    return SourceItem(tenant, name, content, body.media_type, body.title, uri, attributes, collections, actor)


def _attributes(
    stated: Mapping[str, object] | None, author: Author, active: DocumentRecord | None
) -> Attributes | None:
    if stated is None:
        return active.attributes if active else None
    types = author.call.policies.attributes.document
    if stated.keys() - types.keys():
        message = "an attribute is named that the schema does not have"  # not which: the name is the caller's
        raise ResourceError(message)
    qualified = {key: _qualified(value, types[key], author.principal) for key, value in stated.items()}
    if TENANT in types:
        qualified.setdefault(TENANT, author.principal.tenant)
    return parse_attributes(types, qualified)


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


def _ancestors(names: Sequence[str] | None, author: Author, active: DocumentRecord | None) -> frozenset[str] | None:
    """Return the collections with their ancestors, None if one is not declared: that is refused, not explained."""
    if names is None:
        return active.collections if active else None
    if not names:
        message = "name at least one collection: what lies in none escapes every policy on collections"
        raise ResourceError(message)
    tenant = author.call.policies.tenants.get(author.principal.tenant)
    declared = tenant.collections if tenant else {}
    held: set[str] = set()
    for name in names:
        collection = entity_id(author.principal.tenant, name)
        if collection not in declared:
            return None
        held |= declared[collection]
    return frozenset(held)


def _id(principal: Principal, name: str) -> EntityId:
    try:
        return entity_id(principal.tenant, name)
    except ResourceError as error:
        raise NotFoundError from error
