"""From what an author proposes to a write that Cedar has decided: in a request, and again for what was staged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from authz.errors import ResourceError
from authz.resource import Attributes, EntityId, Resource, entity_id, tenant_of
from authz.schema import TENANT, AttributeType, parse_attributes
from retrieval.document import DocumentRecord, text_digest
from retrieval.errors import ConflictError, SourceError
from retrieval.ingest.destination import Destination
from retrieval.ingest.ingest import Ingested, ingest
from retrieval.ingest.source import MediaType, SourceItem, WriteAction
from retrieval.registry import Registry
from service.errors import ForbiddenError
from service.writing import Author


@dataclass(frozen=True, slots=True)
class Proposal:
    """A document as its author states it: nothing of it is authority."""

    name: str
    content: bytes = field(repr=False)
    media_type: MediaType | None
    title: str | None = field(repr=False)
    attributes: Mapping[str, object] | None
    """None keeps those of the document that is there."""
    collections: Sequence[str] | None
    """Likewise."""
    revision: int | None
    """The registry's revision that the write follows, if the author says so."""
    source: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A write that is allowed by what is there now; `follows` is the revision that this was decided on."""

    item: SourceItem
    action: WriteAction
    follows: int
    repeats: bool
    """It says what is there already."""

    @property
    def access(self) -> str:
        """SHA-256 in hex of the access that was decided on."""
        plain = {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in self.item.attributes.items()
        }
        return text_digest(json.dumps([plain, sorted(self.item.collections)], sort_keys=True))


def plan(proposal: Proposal, author: Author, registry: Registry, *, again: bool = False) -> Plan:
    """Return how `proposal` is written. `again`: saying what is there already is no conflict.

    Raises `ForbiddenError`, once that is recorded, if no policy lets `author` do so; then nothing says whether the
    document exists. Raises `SourceError`, and `ConflictError` if it is at another revision than stated.
    """
    document = document_of(author, proposal.name)
    record = registry.record(document)
    active = record if record and record.status == "active" else None
    item = _item(proposal, author, active)
    wanted = _actions(item, active) if item else ("create",)
    action = next((each for each in wanted if item and author.check(each, _states(item, active))), None)
    if item is None or action is None:
        author.refused(wanted[0], document)
        raise ForbiddenError
    follows = record.revision if record else 0
    repeats = active is not None and _is_there(item, active)
    if proposal.revision not in {None, follows} and not (again and repeats):
        message = "the document is at another revision"
        raise ConflictError(message)
    return Plan(item, action, follows, repeats)


def carry_out(planned: Plan, author: Author, to: Destination) -> Ingested:
    """Write what is `planned`, decided again on exactly what is and will be, and recorded.

    Raises what `ingest` raises, and `ForbiddenError`.
    """
    ingested = ingest(planned.item, to, planned.follows)
    if ingested.outcome in {"unchanged", "restored"}:
        author.repeated(planned.action, ingested.record)
    return ingested


def document_of(author: Author, name: str) -> EntityId:
    """Return the id of `name` in the author's tenant. Raises `ResourceError` if it cannot be one."""
    if not {"", ".", ".."}.isdisjoint(name.split("/")):  # an address that browsers would read as another
        message = "a document's name has no empty part, and none that is . or .."
        raise ResourceError(message)
    return entity_id(author.held.tenant, name)


def _actions(item: SourceItem, active: DocumentRecord | None) -> Sequence[WriteAction]:
    """Return what the write mainly is; what it then changes is decided again, on exactly what is and will be.

    One that changes nothing is both: whoever may do either may say it again, to learn what became of it.
    """
    if active is None:
        return ("create",)
    if _is_there(item, active):
        return ("relabel", "replace")
    return ("relabel",) if _has_content(item, active) else ("replace",)


def _has_content(item: SourceItem, active: DocumentRecord) -> bool:
    return item.sha256 == active.sha256 and item.title in {None, active.title}


def _is_there(item: SourceItem, active: DocumentRecord) -> bool:
    same_access = (item.attributes, item.collections) == (active.attributes, active.collections)
    return same_access and _has_content(item, active)


def _states(item: SourceItem, active: DocumentRecord | None) -> list[Resource]:
    proposed = Resource(item.document, item.attributes, item.collections)
    return [active.resource(), proposed] if active else [proposed]


def _item(proposal: Proposal, author: Author, active: DocumentRecord | None) -> SourceItem | None:
    """Return what is to be written, None if its access is neither stated in full nor there to be kept."""
    try:
        attributes = _attributes(proposal.attributes, author, active)
        collections = _ancestors(proposal.collections, author, active)
    except ResourceError as error:
        raise SourceError(str(error)) from error
    if attributes is None or collections is None:
        return None
    return SourceItem(
        tenant=author.held.tenant,
        name=proposal.name,
        content=proposal.content,
        media_type=proposal.media_type,
        title=proposal.title,
        source=proposal.source,
        attributes=attributes,
        collections=collections,
        actor=author.held.uid,
    )


def _attributes(
    stated: Mapping[str, object] | None, author: Author, active: DocumentRecord | None
) -> Attributes | None:
    if stated is None:
        return active.attributes if active else None
    types = author.policies.attributes.document
    if stated.keys() - types.keys():
        message = "an attribute is named that the schema does not have"  # not which: the name is the caller's
        raise ResourceError(message)
    qualified = {key: _qualified(value, types[key], author) for key, value in stated.items()}
    if TENANT in types:
        qualified.setdefault(TENANT, author.held.tenant)
    return parse_attributes(types, qualified)


def _qualified(value: object, type_: AttributeType, author: Author) -> object:
    """Return entity names as ids: of groups those of this tenant, of people `me` or a full id."""
    if type_.entity is None:
        return value
    if isinstance(value, list):
        return [_qualified(each, type_, author) for each in value]
    if type_.entity == "User" and value == "me":
        return author.held.uid
    if not isinstance(value, str):
        return value
    uid = value if "/" in value else entity_id(author.held.tenant, value)
    if tenant_of(uid) != author.held.tenant:
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
    tenant = author.policies.tenants.get(author.held.tenant)
    declared = tenant.collections if tenant else {}
    held: set[str] = set()
    for name in names:
        collection = entity_id(author.held.tenant, name)
        if collection not in declared:
            return None
        held |= declared[collection]
    return frozenset(held)
