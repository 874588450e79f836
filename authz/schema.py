"""From the Cedar schema to attribute types: the single source of what a document's access attributes are."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from authz.errors import PolicyError, ResourceError
from authz.resource import Attributes, AttributeValue, check_text

Kind = Literal["string", "long", "boolean", "datetime", "entity"]

_KINDS: Mapping[str, Kind] = {
    "String": "string",
    "Long": "long",
    "Bool": "boolean",
    "Boolean": "boolean",
    "datetime": "datetime",
}
TENANT = "tenant"
"""The one attribute that the application states itself, of documents and people, where the schema declares it."""
MAX_ELEMENTS = 1_000
"""Most elements of a set attribute: a document with more would slow every search that finds it."""

ASKED: Mapping[str, str] = {
    **dict.fromkeys(("read", "create", "replace", "relabel", "erase"), "Document"),
    **dict.fromkeys(("readAudit", "operate"), "Tenant"),
}
"""Every action that the application asks about, and of which type of resource."""

MAX_SETS = 100_000
"""Most bytes of all set attributes together: DynamoDB holds 400 KB in an item, and a write's record two states."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LONG = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class AttributeType:
    """The type of one attribute: its kind, whether a set, whether required, and for entities of which type."""

    name: str
    kind: Kind
    is_set: bool = False
    required: bool = True
    entity: str | None = None

    def parse(self, raw: object) -> AttributeValue:
        """Return plain JSON `raw` as a value of this type. Raises `ResourceError` if it does not fit."""
        if not self.is_set:
            return self._scalar(raw)
        if not isinstance(raw, list | tuple | set | frozenset):
            raise _misfit(self.name, wanted="a list")
        if len(raw) > MAX_ELEMENTS:
            raise _misfit(self.name, wanted=f"a list of at most {MAX_ELEMENTS}")
        return frozenset(self._scalar_in_set(item) for item in raw)

    def plain(self, value: AttributeValue) -> object:
        """Return `value` as plain JSON, sets as sorted lists, datetimes as text with three fractional digits."""
        if isinstance(value, frozenset):
            return sorted(value)
        return datetime_text(value) if self.kind == "datetime" and isinstance(value, int) else value

    def cedar(self, value: AttributeValue) -> object:
        """Return `value` as Cedar's JSON for entity attributes."""
        if isinstance(value, frozenset):
            return [self._cedar_scalar(item) for item in sorted(value)]
        return self._cedar_scalar(value)

    def _cedar_scalar(self, value: AttributeValue) -> object:
        if self.kind == "entity":
            return {"__entity": {"type": self.entity, "id": value}}
        if self.kind == "datetime" and isinstance(value, int):
            return {"__extn": {"fn": "datetime", "arg": datetime_text(value)}}
        return value

    def _scalar_in_set(self, raw: object) -> str:
        value = self._scalar(raw)
        if not isinstance(value, str):
            raise _misfit(self.name, wanted="a list of strings")
        return value

    def _scalar(self, raw: object) -> bool | int | str:
        if self.kind == "boolean":
            if isinstance(raw, bool):
                return raw
            raise _misfit(self.name, wanted="true or false")
        if self.kind == "long":
            if isinstance(raw, int) and not isinstance(raw, bool) and raw in _LONG:
                return raw
            raise _misfit(self.name, wanted="a whole number of 64 bits")
        if not isinstance(raw, str):
            raise _misfit(self.name, wanted="a text")
        try:
            check_text(raw)
        except ResourceError as error:
            message = f"attribute {self.name}: {error}"
            raise ResourceError(message) from error
        return epoch_milliseconds(raw) if self.kind == "datetime" else raw


def _misfit(name: str, *, wanted: str) -> ResourceError:
    return ResourceError(f"attribute {name} must be {wanted}")


AttributeTypes = Mapping[str, AttributeType]


def epoch_milliseconds(text: str) -> int:
    """Return `text` (`2027-03-01T09:00:00.000Z`) as epoch milliseconds. Raises `ResourceError` if written otherwise."""
    try:
        instant = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        message = "an instant is written like 2027-03-01T09:00:00.000Z, in UTC with three fractional digits"
        raise ResourceError(message) from error
    milliseconds = to_milliseconds(instant)
    if datetime_text(milliseconds) != text:
        message = "an instant is written like 2027-03-01T09:00:00.000Z, in UTC with three fractional digits"
        raise ResourceError(message)
    return milliseconds


def to_milliseconds(instant: datetime) -> int:
    """Return the aware `instant` as epoch milliseconds, cut to whole ones."""
    return (instant - _EPOCH) // _MILLISECOND


def datetime_text(milliseconds: int) -> str:
    """Return epoch `milliseconds` as Cedar reads a datetime: exactly three fractional digits, UTC."""
    instant = _EPOCH + timedelta(milliseconds=milliseconds)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_attributes(types: AttributeTypes, raw: Mapping[str, object]) -> Attributes:
    """Return plain JSON `raw` as attributes of `types`. Raises `ResourceError` if one is unknown, missing or misfit."""
    unknown = sorted(raw.keys() - types.keys())
    if unknown:
        message = f"unknown attributes: {', '.join(unknown)}"
        raise ResourceError(message)
    missing = sorted(name for name, type_ in types.items() if type_.required and name not in raw)
    if missing:
        message = f"missing attributes: {', '.join(missing)}"
        raise ResourceError(message)
    parsed = MappingProxyType({name: types[name].parse(value) for name, value in sorted(raw.items())})
    sets = (value for value in parsed.values() if isinstance(value, frozenset))
    if sum(len(each.encode()) for value in sets for each in value) > MAX_SETS:
        message = f"all sets together hold at most {MAX_SETS:,} bytes: name groups instead of people"
        raise ResourceError(message)
    return parsed


def plain_attributes(types: AttributeTypes, attributes: Attributes) -> dict[str, object]:
    """Return `attributes` as plain JSON."""
    return {name: types[name].plain(value) for name, value in sorted(attributes.items())}


def cedar_attributes(types: AttributeTypes, attributes: Attributes) -> dict[str, object]:
    """Return `attributes` as Cedar's JSON for an entity."""
    return {name: types[name].cedar(value) for name, value in attributes.items()}


@dataclass(frozen=True, slots=True)
class AttributeSchema:
    """The attributes of documents and of principals, read from a Cedar schema in JSON."""

    document: AttributeTypes
    principal: AttributeTypes

    def groups_of_document(self, attributes: Attributes) -> frozenset[str]:
        """Return every group that a document's `attributes` name."""
        return _groups(self.document, attributes)

    def groups_of_principal(self, attributes: Attributes) -> frozenset[str]:
        """Return every group that a principal's `attributes` name (not the groups it is in)."""
        return _groups(self.principal, attributes)


def _groups(types: AttributeTypes, attributes: Attributes) -> frozenset[str]:
    found: set[str] = set()
    for name, value in attributes.items():
        if types[name].entity == "Group":
            found.update(value if isinstance(value, frozenset) else [str(value)])
    return frozenset(found)


def read_schema(text: str) -> AttributeSchema:
    """Return the attribute types in the Cedar JSON schema `text`. Raises `PolicyError` for types no index can hold."""
    try:
        types = json.loads(text)[""]["entityTypes"]
        schema = AttributeSchema(document=_shape(types["Document"], types), principal=_shape(types["User"], types))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = (
            'the schema must declare the entity types "Document" and "User" with record shapes, without a namespace'
        )
        raise PolicyError(message) from error
    for shape in (schema.document, schema.principal):
        if TENANT in shape and (shape[TENANT].kind, shape[TENANT].is_set) != ("string", False):
            message = f'attribute "{TENANT}" of the schema must be a String: the application states it'
            raise PolicyError(message)
    return schema


def _shape(entity: Mapping[str, object], entity_types: Iterable[str]) -> AttributeTypes:
    shape = entity["shape"]
    if not isinstance(shape, dict):
        raise TypeError
    return MappingProxyType(
        {name: _attribute(name, raw, set(entity_types)) for name, raw in shape["attributes"].items()}
    )


def _attribute(name: str, raw: Mapping[str, object], entity_types: set[str]) -> AttributeType:
    is_set = raw["type"] == "Set"
    element = raw["element"] if is_set else raw
    if not isinstance(element, dict):
        raise TypeError
    required = bool(raw.get("required", True))
    type_name = str(element.get("name", element["type"]))
    if not _NAME.fullmatch(name):
        message = f'attribute "{name}" of the schema: use lower-case letters, digits and underscores'
        raise PolicyError(message)
    kind = "entity" if type_name in entity_types else _KINDS.get(type_name)
    if kind is None or (is_set and kind not in {"string", "entity"}):
        message = (
            f'attribute "{name}" of the schema has the type {type_name}{" in a set" if is_set else ""}; '
            "use String, Long, Bool, datetime, an entity, or a set of strings or entities"
        )
        raise PolicyError(message)
    return AttributeType(name, kind, is_set, required, type_name if kind == "entity" else None)
