"""From a goal, an expression with the truth value it must have, to its alternatives: lists of simpler goals and facts.

If the goal is met, all of at least one alternative is. No alternative: it cannot be met. One empty one: it always is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from authz.contradiction import Among, Atom, Bound, Contains, Covers, Fact, Same, Subset, is_constant, matches
from authz.engine import pst
from authz.environment import Environment
from authz.errors import UncompilableError
from authz.operands import instant, parts_of


@dataclass(frozen=True, slots=True)
class Goal:
    """`expr` must evaluate to `truth`."""

    expr: pst.Expr
    truth: bool = True


Branch = list[Goal | Fact]
_MET: list[Branch] = [[]]
_ORDERS = {"less": (False, 1), "less_eq": (False, 0), "greater": (True, 1), "greater_eq": (True, 0)}
"""Whether the operands are to be swapped, and by how much the left one is less at least."""


def alternatives(goal: Goal, environment: Environment) -> list[Branch]:
    """Return the alternatives of `goal` in every valid request of `environment`."""
    truth = goal.truth
    match goal.expr:
        case pst.BoolLit(value):
            return _always(value, truth)
        case pst.UnaryOp("not", arg):
            return [[Goal(arg, not truth)]]
        case pst.BinaryOp("and", left, right):
            both: Branch = [Goal(left), Goal(right)]
            return [both] if truth else [[Goal(left, truth=False)], [Goal(left), Goal(right, truth=False)]]
        case pst.BinaryOp("or", left, right):
            neither: Branch = [Goal(left, truth=False), Goal(right, truth=False)]
            return [[Goal(left)], [Goal(left, truth=False), Goal(right)]] if truth else [neither]
        case pst.IfThenElse(test, then, otherwise):
            return [[Goal(test), Goal(then, truth)], [Goal(test, truth=False), Goal(otherwise, truth)]]
        case pst.Is(base, entity_type, within):
            return _is(goal, environment.type_of(base), str(entity_type), base, within)
        case pst.HasAttr() as expr:
            known = environment.has(expr)
            return [[Atom(expr, truth)]] if known is None else _always(known, truth)
        case pst.Like() as expr:
            return _like(expr, truth)
        case pst.UnaryOp("is_empty", arg):
            return _subset(arg, (), truth)
        case pst.BinaryOp() as expr:
            return _binary(expr, truth, environment)
        case expr:
            return [[Atom(expr, truth)]]


def _always(value: bool, truth: bool) -> list[Branch]:  # noqa: FBT001 - two truth values
    return _MET if value == truth else []


def _each(goals: Iterable[Goal], *, together: bool) -> list[Branch]:
    """Return all `goals` as one alternative, or each as one."""
    return [[*goals]] if together else [[goal] for goal in goals]


def _is(goal: Goal, known: str | None, asked: str, base: pst.Expr, within: pst.Expr | None) -> list[Branch]:
    if known is None:
        return [[Atom(goal.expr, goal.truth)]]
    if known != asked or within is None:
        return _always(known == asked, goal.truth)
    return [[Goal(pst.BinaryOp("in", base, within), goal.truth)]]


def _like(expr: pst.Like, truth: bool) -> list[Branch]:  # noqa: FBT001 - a truth value
    parts = parts_of(expr.pattern)
    if isinstance(expr.base, pst.StringLit):
        return _always(matches(expr.base, expr), truth)
    if not any(parts) and len(parts) > 1:  # nothing but wildcards
        return _always(True, truth)  # noqa: FBT003 - a truth value
    return [[Same(expr.base, pst.StringLit(parts[0]), truth) if len(parts) == 1 else Atom(expr, truth)]]


def _binary(expr: pst.BinaryOp, truth: bool, environment: Environment) -> list[Branch]:  # noqa: FBT001 - a truth value
    match expr:
        case pst.BinaryOp("eq" | "not_eq", left, right):
            return _equal(
                _known(left, environment), _known(right, environment), truth == (expr.op == "eq"), environment
            )
        case pst.BinaryOp("less" | "less_eq" | "greater" | "greater_eq" as op, left, right):
            swapped, gap = _ORDERS[op]
            less, more = (right, left) if swapped else (left, right)
            return [[_bound(less, more, -gap) if truth else _bound(more, less, gap - 1)]]
        case pst.BinaryOp("in", left, pst.Set(elements)):
            return _each((Goal(pst.BinaryOp("in", left, each), truth) for each in elements), together=not truth)
        case pst.BinaryOp("in", left, right):
            return _in(expr, left, right, truth, environment)
        case pst.BinaryOp("contains", pst.Set(elements), right):
            if not is_constant(right) and all(isinstance(each, pst.StringLit | pst.EntityLit) for each in elements):
                different: Branch = [Same(right, each, truth=False) for each in elements]
                return [[Among(right, frozenset(elements))] if truth else different]
            return _each((Goal(pst.BinaryOp("eq", right, each), truth) for each in elements), together=not truth)
        case pst.BinaryOp("contains", left, right):
            return [[Contains(left, right, truth)]]
        case pst.BinaryOp("contains_any", pst.Set(elements), other) | pst.BinaryOp(
            "contains_any", other, pst.Set(elements)
        ):
            return _each((Goal(pst.BinaryOp("contains", other, each), truth) for each in elements), together=not truth)
        case pst.BinaryOp("contains_all", left, pst.Set(elements)):
            return _each((Goal(pst.BinaryOp("contains", left, each), truth) for each in elements), together=truth)
        case pst.BinaryOp("contains_all", pst.Set(elements), right) if all(is_constant(each) for each in elements):
            return _subset(right, elements, truth)
        case pst.BinaryOp("contains_all", left, right):
            return [[Atom(expr, truth), *([Covers(left, right)] if truth else [])]]
        case _:
            return [[Atom(expr, truth)]]


def _equal(left: pst.Expr, right: pst.Expr, truth: bool, environment: Environment) -> list[Branch]:  # noqa: FBT001
    if left == right:
        return _always(True, truth)  # noqa: FBT003 - a truth value
    if isinstance(left, pst.BoolLit):
        left, right = right, left
    if isinstance(right, pst.BoolLit):
        return [[Goal(left, truth == right.value)]]
    if any(_linear(each)[0] is None or environment.is_number(each) for each in (left, right)):
        if truth:
            return [[_bound(left, right, 0), _bound(right, left, 0)]]
        return [[_bound(left, right, -1)], [_bound(right, left, -1)]]
    if isinstance(left, pst.Set):
        left, right = right, left
    if isinstance(right, pst.Set):
        inside = pst.BinaryOp("contains_all", right, left)
        return _each([Goal(inside, truth), Goal(pst.BinaryOp("contains_all", left, right), truth)], together=truth)
    if is_constant(left) and is_constant(right):
        return _always(False, truth)  # noqa: FBT003 - a truth value
    return [[Same(left, right, truth)]]


def _in(expr: pst.BinaryOp, left: pst.Expr, right: pst.Expr, truth: bool, environment: Environment) -> list[Branch]:  # noqa: FBT001
    if left == right:  # everything is in itself
        return _always(True, truth)  # noqa: FBT003 - a truth value
    if left == pst.Var("action") and isinstance(right, pst.EntityLit):
        return _always(right.value.id in environment.groups, truth)
    return [[Atom(expr, truth)]]


def _subset(of: pst.Expr, elements: tuple[pst.Expr, ...], truth: bool) -> list[Branch]:  # noqa: FBT001 - a truth value
    if isinstance(of, pst.Set):
        goals = (Goal(pst.BinaryOp("contains", pst.Set(elements), each), truth) for each in of.elements)
        return _each(goals, together=truth)
    return [[Subset(of, frozenset(elements), truth)]]


def _known(expr: pst.Expr, environment: Environment) -> pst.Expr:
    if expr != pst.Var("action"):
        return expr
    return pst.EntityLit(pst.EntityUid(pst.EntityType("Action"), environment.action))


def _bound(less: pst.Expr, more: pst.Expr, gap: int) -> Bound:
    """Return `less - more <= gap` with what is constant of both moved into the gap."""
    (left, offset), (right, other) = _linear(less), _linear(more)
    return Bound(left, right, gap + other - offset)


def _linear(expr: pst.Expr) -> tuple[pst.Expr | None, int]:
    """Return a number as a term and what is added to it. Whatever evaluates without overflow has this value."""
    match expr:
        case pst.LongLit(value):
            return None, value
        case pst.UnaryOp("neg", pst.LongLit(value)):
            return None, -value
        case pst.UnaryOp("datetime", pst.StringLit()):
            try:
                return None, instant(expr)
            except UncompilableError:
                return expr, 0
        case pst.BinaryOp("add" | "sub" as op, left, right):
            (term, offset), (other, more) = _linear(left), _linear(right)
            if other is None:
                return term, offset + (more if op == "add" else -more)
            return (other, offset + more) if term is None and op == "add" else (expr, 0)
        case _:
            return expr, 0
