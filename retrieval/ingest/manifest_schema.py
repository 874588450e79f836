"""From the Cedar schema and tenants.json to the JSON Schema of access manifests, for editors.

It accepts whatever `ManifestReader` accepts, so that an editor never marks what ingestion takes. It cannot see what
depends on the folder or the directory: `antechamber manifest check` can.
"""

from collections.abc import Iterator, Mapping

from authz.resource import MAX_BYTES
from authz.schema import MAX_ELEMENTS, TENANT, AttributeType, AttributeTypes
from authz.tenants import Tenant, Tenants
from retrieval.ingest.manifest import NAME

Schema = dict[str, object]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CONTROL = r"[\u0000-\u001f\u007f-\u009f]"
_UNCLEAN_PATH = r"^/|//|/(?![\s\S])|(?:^|/)\.\.?(?:/|(?![\s\S]))"
"""What no relative, normal path holds. `(?![\\s\\S])` is the very end, where `$` would also be before a line's end."""
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z(?![\s\S])"
_SECTIONS = {
    "folder": "Defaults of everything beneath a folder, by its path; `.` is the folder of this file itself.",
    "document": "What a document states beside its folders' defaults, by its path.",
}


def manifest_schema(types: AttributeTypes, tenants: Tenants) -> Schema:
    """Return the JSON Schema (draft 2020-12) of manifests whose documents have `types`, in one of `tenants`."""
    return {
        "$schema": _DIALECT,
        "title": NAME,
        "description": "Who may read which document: the only place where it is stated.",
        "type": "object",
        "required": ["tenant"],
        "additionalProperties": False,
        "properties": {
            "tenant": {"description": "Whose documents these are.", "enum": sorted(tenants)},
            "folders": {"description": _SECTIONS["folder"]},
            "documents": {"description": _SECTIONS["document"]},
        },
        "allOf": [_of_tenant(tenant) for tenant in sorted(tenants)],
        "$defs": dict(_definitions(types, tenants)),
    }


def _of_tenant(tenant: str) -> Schema:
    """Return which names a manifest of `tenant` may use."""
    return {
        "if": {"required": ["tenant"], "properties": {"tenant": {"const": tenant}}},
        "then": {
            "properties": {
                f"{kind}s": {
                    "type": "object",
                    "propertyNames": {"$ref": f"#/$defs/{kind}-path"},
                    "additionalProperties": {"$ref": f"#/$defs/{tenant}.{kind}"},
                }
                for kind in _SECTIONS
            }
        },
    }


def _definitions(types: AttributeTypes, tenants: Tenants) -> Iterator[tuple[str, Schema]]:
    plain: Schema = {"type": "string", "minLength": 1, "not": {"pattern": _UNCLEAN_PATH}}
    yield "document-path", plain
    yield "folder-path", {"anyOf": [{"const": "."}, plain]}
    for name, tenant in sorted(tenants.items()):
        folder = dict(_entry(types, tenant))
        yield f"{name}.folder", {"type": "object", "additionalProperties": False, "properties": folder}
        document = {**folder, **_OF_DOCUMENTS}
        yield f"{name}.document", {"type": "object", "additionalProperties": False, "properties": document}


def _entry(types: AttributeTypes, tenant: Tenant) -> Iterator[tuple[str, Schema]]:
    for name, type_ in types.items():
        if name != TENANT:
            required = "Required of every document" if type_.required else "Optional"
            said = f"{_kind(type_)}. {required}; a deeper folder or the document overrides."
            yield name, {"description": said, **_value(type_, tenant)}
    names = sorted(each.partition("/")[2] for each in tenant.collections)
    yield (
        "collections",
        {
            "description": "The collections that hold it, of those in tenants.json. Required of every document.",
            "type": "array",
            "items": {"enum": names},
        },
    )


def _value(type_: AttributeType, tenant: Tenant) -> Schema:
    one = _scalar(type_, tenant)
    return {"type": "array", "maxItems": MAX_ELEMENTS, "items": one} if type_.is_set else one


def _scalar(type_: AttributeType, tenant: Tenant) -> Schema:
    match type_.kind:
        case "long":
            return {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
        case "boolean":
            return {"type": "boolean"}
        case "datetime":
            return {"type": "string", "pattern": _INSTANT, "examples": ["2027-03-01T09:00:00.000Z"]}
        case "entity" if type_.entity != "User":
            return {**_name(tenant), **_examples(type_, tenant)}
        case _:
            return _TEXT


def _name(tenant: Tenant) -> Schema:
    """Return the schema of a name in `tenant`, written with or without it."""
    prefix = f"^{tenant.id}/"
    unqualified: list[Schema] = [{"not": {"pattern": "/"}}, {"pattern": prefix}]
    blank = {"pattern": rf"^(?:{tenant.id}/)?(?:\s|(?![\s\S]))|\s(?![\s\S])"}
    return {**_TEXT, "minLength": 1, "anyOf": unqualified, "not": {"anyOf": [_TEXT["not"], blank]}}


def _examples(type_: AttributeType, tenant: Tenant) -> Schema:
    """Return the declared groups as examples: the directory holds more, so that no list of them would be whole."""
    groups = sorted(each.partition("/")[2] for each in tenant.groups)
    return {"examples": groups} if type_.entity == "Group" and groups else {}


def _kind(type_: AttributeType) -> str:
    words: Mapping[str, str] = {
        "string": "text",
        "long": "whole number",
        "boolean": "true or false",
        "datetime": "instant in UTC, in quotes",
        "entity": "handle of a person" if type_.entity == "User" else f"name of a {type_.entity}",
    }
    return f"List of: {words[type_.kind]}" if type_.is_set else words[type_.kind].capitalize()


_TEXT: Schema = {"type": "string", "maxLength": MAX_BYTES, "not": {"pattern": _CONTROL}}
_OF_DOCUMENTS: Mapping[str, Schema] = {
    "title": {"description": "Its title; else its first heading, or its name.", **_TEXT, "pattern": r"\S"},
    "id": {"description": "Its id, where it is not its path.", **_TEXT, "pattern": r"\S"},
}
