"""`/reference`: the API as its own description has it, rendered here: no script of somebody else's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from service.web.route import OpenRoute
from service.web.visiting import web

router = APIRouter(route_class=OpenRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body."""

    name: str
    kind: str
    required: bool
    note: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that the API does."""

    method: str
    path: str
    summary: str
    description: str
    parameters: Sequence[Field]
    body: Sequence[Field]
    answers: Sequence[tuple[str, str]]


@router.get("/reference")
def show_reference(request: Request) -> Response:
    """Show every operation of the API."""
    described = request.app.openapi()
    schemas = described.get("components", {}).get("schemas", {})
    operations = [
        _operation(method, path, operation, schemas)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    values = {"operations": operations, "version": described["info"]["version"]}
    return web(request).pages.page("reference.html", values)


def _operation(method: str, path: str, plain: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    parameters = [
        Field(each["name"], _kind(each["schema"], schemas), each.get("required", False), each["in"])
        for each in plain.get("parameters", ())
    ]
    content = plain.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return Operation(
        method=method.upper(),
        path=path,
        summary=plain.get("summary", ""),
        description=plain.get("description", ""),
        parameters=parameters,
        body=_fields(content, schemas),
        answers=[(status, each.get("description", "")) for status, each in plain.get("responses", {}).items()],
    )


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Sequence[Field]:
    found = _resolved(schema, schemas)
    required = set(found.get("required", ()))
    return [
        Field(name, _kind(each, schemas), name in required, each.get("description", ""))
        for name, each in found.get("properties", {}).items()
    ]


def _kind(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(each, schemas) for each in schema["anyOf"])
    if "$ref" in schema:
        return str(_resolved(schema, schemas).get("type", "object"))
    if "enum" in schema:
        return " or ".join(f'"{each}"' for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    return str(schema.get("type", "any"))


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = schemas.get(name, schema) if name else schema
    return found
