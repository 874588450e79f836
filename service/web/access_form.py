"""From a form to a document as its author proposes it: one field for each attribute that the schema declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from authz.directory import Principal
from authz.errors import ResourceError
from authz.resource import Resource, entity_id
from authz.schema import TENANT, AttributeType, AttributeTypes, parse_attributes
from service.api.bodies import DocumentBody
from service.request import Call
from service.web.errors import FormError
from service.web.words import short
from service.writing import Author

_PREFIX = "attribute-"


@dataclass(frozen=True, slots=True)
class Input:
    """A field of the form."""

    name: str
    label: str
    kind: str
    hint: str
    required: bool


def inputs(types: AttributeTypes) -> Sequence[Input]:
    """Return a field for each attribute that an author states; the tenant is the application's to state."""
    return [_input(each) for each in types.values() if each.name != TENANT]


def collections(call: Call, principal: Principal) -> Sequence[str]:
    """Return the collections that the principal's tenant declares."""
    tenant = call.policies.tenants.get(principal.tenant)
    return sorted(short(each) for each in tenant.collections) if tenant else ()


def may_create(call: Call, principal: Principal) -> bool:
    """Return whether a plain document would be taken, so that the form is worth showing; the write is decided anew."""
    tenant = call.policies.tenants.get(principal.tenant)
    if call.on.writing is None or tenant is None:
        return False
    types = call.policies.attributes.document
    plain = {each.name: _least(each, principal) for each in types.values() if each.required}
    try:
        attributes = parse_attributes(types, plain)
        uid = entity_id(principal.tenant, "a document that may be created")
    except ResourceError:
        return False
    author = Author.of(call, principal)
    places = [above | {collection} for collection, above in tenant.collections.items()] or [frozenset()]
    return any(author.check("create", [Resource(uid, attributes, frozenset(each))]) for each in places)


def body_of(fields: Mapping[str, str], types: AttributeTypes, content: str | None) -> DocumentBody:
    """Return the document that `fields` describe; `content` is base64 of a file, None if the text is in the form.

    Raises `FormError`.
    """
    attributes = {
        each.name: value
        for each in types.values()
        if each.name != TENANT and (value := _value(each, fields.get(f"{_PREFIX}{each.name}", ""))) is not None
    }
    text = None if content is not None else fields.get("text", "")
    named = [each for each in (fields.get("collection", "").strip(),) if each]
    title = fields.get("title", "").strip() or None
    try:
        return DocumentBody(text=text, content=content, title=title, attributes=attributes, collections=named)
    except ValidationError as error:
        message = "the document lacks a text, or one of its fields does not fit"
        raise FormError(message) from error


def _input(type_: AttributeType) -> Input:
    kind = "checkbox" if type_.kind == "boolean" else "number" if type_.kind == "long" else "text"
    hints = {"datetime": "UTC, like 2027-01-31T09:00:00.000Z", "long": "a whole number"}
    hint = "separated by commas; may be empty" if type_.is_set else hints.get(type_.kind, "")
    hint = f"{hint}; “me” for yourself" if type_.entity == "User" else hint
    required = type_.required and not type_.is_set and kind != "checkbox"
    label = type_.name.replace("_", " ").capitalize()
    return Input(f"{_PREFIX}{type_.name}", label, kind, hint, required)


def _value(type_: AttributeType, text: str) -> bool | int | str | list[str] | None:
    """Return a field's text as plain JSON of its type; None, if it is optional and empty. Raises `FormError`."""
    text = text.strip()
    if type_.is_set:
        return [each.strip() for each in text.split(",") if each.strip()]
    if type_.kind == "boolean":
        return text == "true"
    if not text and not type_.required:
        return None
    if type_.kind != "long":
        return text
    try:
        return int(text)
    except ValueError as error:
        message = "a number is no number"
        raise FormError(message) from error


def _least(type_: AttributeType, principal: Principal) -> object:
    if type_.name == TENANT:
        return principal.tenant
    if type_.is_set:
        return []
    return {"boolean": False, "long": 0, "datetime": "1970-01-01T00:00:00.000Z"}.get(type_.kind, "none")
