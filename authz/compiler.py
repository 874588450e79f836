"""From Cedar's typed expression about a resource to a condition that an index can be asked.

The same function compiles a residual, where all but the resource is a literal, and checks a policy before it runs,
where expressions without the resource are still open and anything of the right type stands in for them. What it does
not know it refuses: it never skips.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from authz import condition as c
from authz.engine import pst
from authz.errors import UncompilableError
from authz.operands import RESOURCE, checked, culprit, instant, mentions_resource, parts_of, refusal
from authz.resource import EntityId
from authz.schema import AttributeSchema, AttributeType

MAX_LEVELS = 16
"""Deepest nesting of a policy's condition: SQLite's parser has a stack of 100 entries."""
MAX_LEAVES = 2_000
MAX_WILD = 128
"""Most bytes of a `like` pattern from its first wildcard on: Lucene turns patterns into automata, and refuses one whose
construction costs more than a fixed effort (measured: the shortest refused had 240)."""
_MIRRORED: Mapping[str, c.Comparison] = {"less": ">", "less_eq": ">=", "greater": "<", "greater_eq": "<="}
_COMPARISONS: Mapping[str, c.Comparison] = {"less": "<", "less_eq": "<=", "greater": ">", "greater_eq": ">="}


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles for one principal (`uid`, with all its `groups`), or, as a check of policies, for none."""

    schema: AttributeSchema
    uid: EntityId | None = None
    groups: frozenset[EntityId] = frozenset()

    @property
    def checking(self) -> bool:
        """Whether open expressions are accepted, because no principal is known yet."""
        return self.uid is None

    def compile(self, expr: pst.Expr) -> c.Condition:
        """Return the condition that the boolean `expr` sets on a document. Raises `UncompilableError`."""
        if self.checking and not mentions_resource(expr):
            return c.Present("\0open")
        match expr:
            case pst.BoolLit(value):
                return c.ALWAYS if value else c.NEVER
            case pst.BinaryOp("and", left, right):
                return c.all_of([self.compile(left), self.compile(right)])
            case pst.BinaryOp("or", left, right):
                return c.any_of([self.compile(left), self.compile(right)])
            case pst.UnaryOp("not", arg):
                return c.not_(self.compile(arg))
            case pst.IfThenElse(test, then, otherwise):
                condition = self.compile(test)
                chosen = c.all_of([condition, self.compile(then)])
                # The test stands twice in the condition, so that tests within tests double it each time.
                return bounded(c.any_of([chosen, c.all_of([c.not_(condition), self.compile(otherwise)])]))
            case pst.Is():
                return self._is(expr)
            case pst.HasAttr(pst.Var("resource"), (name,)):
                return c.Present(self._type(name).name)
            case pst.GetAttr(pst.Var("resource"), name):
                return c.one_of(self._scalar(name, "boolean").name, [True])
            case pst.Like(pst.GetAttr(pst.Var("resource"), name), pattern):
                parts = parts_of(pattern)
                checked("*".join(parts))
                _check_wild(parts)
                return c.Matches(self._scalar(name, "string").name, parts)
            case pst.UnaryOp("is_empty", pst.GetAttr(pst.Var("resource"), name)):
                return c.Empty(self._set(name).name)
            case pst.BinaryOp():
                return self._binary(expr)
            case _:
                raise refusal(expr)

    def _is(self, expr: pst.Is) -> c.Condition:
        if expr.base != RESOURCE:
            raise refusal(expr)
        if str(expr.entity_type) != "Document":
            return c.NEVER
        return c.ALWAYS if expr.in_expr is None else self._within(expr.in_expr)

    def _binary(self, expr: pst.BinaryOp) -> c.Condition:
        match expr:
            case pst.BinaryOp("in", pst.Var("resource"), right):
                return self._within(right)
            case pst.BinaryOp("in", left, pst.GetAttr(pst.Var("resource"), name)):
                return self._principal_in(left, self._type(name), expr)
            case pst.BinaryOp("eq", pst.GetAttr(pst.Var("resource"), name), right):
                return self._equals(self._type(name), right)
            case pst.BinaryOp("eq", left, pst.GetAttr(pst.Var("resource"), name)):
                return self._equals(self._type(name), left)
            case pst.BinaryOp("not_eq", left, right):
                return c.not_(self._binary(pst.BinaryOp("eq", left, right)))
            case pst.BinaryOp(op, pst.GetAttr(pst.Var("resource"), name), right) if op in _COMPARISONS:
                return self._compare(name, _COMPARISONS[op], right)
            case pst.BinaryOp(op, left, pst.GetAttr(pst.Var("resource"), name)) if op in _MIRRORED:
                return self._compare(name, _MIRRORED[op], left)
            case pst.BinaryOp("contains" | "contains_all" | "contains_any"):
                return self._contains(expr)
            case _:
                raise refusal(culprit(expr))

    def _contains(self, expr: pst.BinaryOp) -> c.Condition:
        match expr:
            case pst.BinaryOp("contains", pst.GetAttr(pst.Var("resource"), name), right):
                type_ = self._set(name)
                return c.intersects(name, _texts([self._literal(type_, right)]))
            case pst.BinaryOp("contains", left, pst.GetAttr(pst.Var("resource"), name)):
                type_ = self._type(name)
                if type_.is_set:
                    raise refusal(expr)
                return c.one_of(name, self._elements(type_, left))
            case pst.BinaryOp("contains_any", pst.GetAttr(pst.Var("resource"), name), known):
                return c.intersects(name, _texts(self._elements(self._set(name), known)))
            case pst.BinaryOp("contains_any", known, pst.GetAttr(pst.Var("resource"), name)):
                return c.intersects(name, _texts(self._elements(self._set(name), known)))
            case pst.BinaryOp("contains_all", pst.GetAttr(pst.Var("resource"), name), known):
                return c.contains_all(name, _texts(self._elements(self._set(name), known)))
            case pst.BinaryOp("contains_all", known, pst.GetAttr(pst.Var("resource"), name)):
                return c.SubsetOf(name, _texts(self._elements(self._set(name), known)))
            case _:
                raise refusal(expr)

    def _principal_in(self, left: pst.Expr, type_: AttributeType, expr: pst.Expr) -> c.Condition:
        """Expand the principal's ancestors, which Cedar leaves to us: `in` is reflexive and transitive."""
        if type_.kind != "entity":
            raise refusal(expr)
        if self.uid is None:
            if left != pst.Var("principal"):
                raise refusal(expr)
            return c.Present(type_.name)
        if not (isinstance(left, pst.EntityLit) and left.value.id == self.uid and str(left.value.type) == "User"):
            raise refusal(expr)
        values = (
            frozenset({self.uid}) if type_.entity == "User" else self.groups if type_.entity == "Group" else frozenset()
        )
        return c.intersects(type_.name, values) if type_.is_set else c.one_of(type_.name, values)

    def _within(self, target: pst.Expr) -> c.Condition:
        if self.checking and not mentions_resource(target) and not isinstance(target, pst.EntityLit | pst.Set):
            return c.Within(frozenset({"\0open"}))
        targets = target.elements if isinstance(target, pst.Set) else (target,)
        if not all(isinstance(each, pst.EntityLit) and str(each.value.type) == "Collection" for each in targets):
            raise refusal(target, "resource in")
        return c.within(frozenset(each.value.id for each in targets if isinstance(each, pst.EntityLit)))

    def _equals(self, type_: AttributeType, known: pst.Expr) -> c.Condition:
        if not type_.is_set:
            return c.one_of(type_.name, [self._literal(type_, known)])
        elements = _texts(self._elements(type_, known))
        return c.all_of([c.SubsetOf(type_.name, elements), c.contains_all(type_.name, elements)])

    def _compare(self, name: str, operator: c.Comparison, known: pst.Expr) -> c.Condition:
        type_ = self._type(name)
        value = self._literal(type_, known)
        if type_.is_set or type_.kind not in {"long", "datetime"} or not isinstance(value, int):
            raise refusal(known, operator)
        return c.Compare(name, operator, value)

    def _elements(self, type_: AttributeType, known: pst.Expr) -> frozenset[c.Scalar]:
        if self.checking and not mentions_resource(known) and not isinstance(known, pst.Set):
            return frozenset({self._literal(type_, known)})
        if not isinstance(known, pst.Set):
            raise refusal(known)
        return frozenset(self._literal(type_, element) for element in known.elements)

    def _literal(self, type_: AttributeType, known: pst.Expr) -> c.Scalar:
        match known, type_.kind:
            case pst.StringLit(value), "string":
                return checked(value)
            case pst.LongLit(value), "long":
                return value
            case pst.BoolLit(value), "boolean":
                return value
            case pst.EntityLit(value), "entity" if str(value.type) == type_.entity:
                return checked(value.id)
            case pst.UnaryOp("datetime", pst.StringLit()), "datetime":
                return instant(known)
            case pst.BinaryOp("offset"), "datetime" if not self.checking:
                return instant(known)
            case _ if self.checking and not mentions_resource(known):
                return 0 if type_.kind in {"long", "datetime"} else "\0open"
            case _:
                raise refusal(known)

    def _type(self, name: str) -> AttributeType:
        try:
            return self.schema.document[name]
        except KeyError as error:
            message = f'the schema knows no attribute "{name}" of a document'
            raise UncompilableError(message) from error

    def _scalar(self, name: str, kind: str) -> AttributeType:
        type_ = self._type(name)
        if type_.is_set or type_.kind != kind:
            message = f'"{name}" is no single {kind}'
            raise UncompilableError(message)
        return type_

    def _set(self, name: str) -> AttributeType:
        type_ = self._type(name)
        if not type_.is_set:
            message = f'"{name}" is no set'
            raise UncompilableError(message)
        return type_


def bounded(condition: c.Condition) -> c.Condition:
    """Return `condition`. Raises `UncompilableError` if it is too large or too deep for an engine's parser."""
    leaves, levels = c.extent(condition)
    if leaves > MAX_LEAVES or levels > MAX_LEVELS:
        message = (
            f"conditions nested {levels} levels deep, with {leaves} leaves, cannot be asked of an index (at most "
            f'{MAX_LEVELS} and {MAX_LEAVES}); write several policies instead of nesting "if", "&&" and "||"'
        )
        raise UncompilableError(message)
    return condition


def _check_wild(parts: tuple[str, ...]) -> None:
    size = len("*".join(("", *parts[1:])).encode())
    if size > MAX_WILD:
        message = (
            f'operator "like" cannot be asked of an index with {size} bytes from the first wildcard on (at most '
            f"{MAX_WILD}); ask for a part of it"
        )
        raise UncompilableError(message)


def _texts(values: frozenset[c.Scalar] | list[c.Scalar]) -> frozenset[str]:
    return frozenset(value for value in values if isinstance(value, str))
