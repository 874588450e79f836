"""From the schema to its request environments: what is known of every valid request of one action on one type.

"Request environment" is Cedar's own term: an action with a type of principal and a type of resource that it applies to.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from authz.engine import pst
from authz.schema import AttributeSchema, AttributeTypes

_PRINCIPAL = "User"


@dataclass(frozen=True, slots=True)
class Environment:
    """A kind of request: somebody does `action`, which lies in `groups`, to something of type `resource`."""

    action: str
    groups: frozenset[str]
    """The action itself, and every group of actions that holds it."""
    resource: str
    attributes: AttributeSchema

    def type_of(self, expr: pst.Expr) -> str | None:
        """Return the entity type of a variable, None for any other expression."""
        match expr:
            case pst.Var("principal"):
                return _PRINCIPAL
            case pst.Var("resource"):
                return self.resource
            case _:
                return None

    def has(self, expr: pst.HasAttr) -> bool | None:
        """Return whether every valid request has the attribute (True), or none (False); None if that differs."""
        types, name = self._types(expr.base), expr.attrs[0]
        if types is None or len(expr.attrs) > 1:
            return None
        return False if name not in types else True if types[name].required else None

    def is_number(self, expr: pst.Expr) -> bool:
        """Return whether `expr` is surely a number, or an instant, which is one: an attribute or `context.now`."""
        if expr == pst.GetAttr(pst.Var("context"), "now"):
            return True
        if not isinstance(expr, pst.GetAttr):
            return False
        types = self._types(expr.base) or {}
        type_ = types.get(expr.attr)
        return type_ is not None and not type_.is_set and type_.kind in {"long", "datetime"}

    def _types(self, base: pst.Expr) -> AttributeTypes | None:
        known = {"User": self.attributes.principal, "Document": self.attributes.document}
        return known.get(self.type_of(base) or "")


def environments(schema: str, attributes: AttributeSchema) -> Iterator[Environment]:
    """Yield the environments in the Cedar JSON `schema`, in its order; those of other principals cannot be asked."""
    actions: Mapping[str, Mapping[str, object]] = json.loads(schema)[""]["actions"]
    above = {name: _parents(raw) for name, raw in actions.items()}
    for name, raw in actions.items():
        applies = raw.get("appliesTo")
        if isinstance(applies, dict) and _PRINCIPAL in applies["principalTypes"]:
            for resource in applies["resourceTypes"]:
                yield Environment(name, _closure(name, above), str(resource), attributes)


def _parents(raw: Mapping[str, object]) -> list[str]:
    groups = raw.get("memberOf") or []
    return [str(each["id"]) for each in groups if isinstance(each, dict)] if isinstance(groups, list) else []


def _closure(name: str, above: Mapping[str, list[str]]) -> frozenset[str]:
    found, waiting = {name}, [name]
    while waiting:
        parents = set(above.get(waiting.pop(), ())) - found
        found |= parents
        waiting += parents
    return frozenset(found)
