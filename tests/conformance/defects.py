"""Defects that the comparison must notice, or it proves nothing. Only a test switches them on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from authz import condition as c
from authz.compiler import Compiler
from authz.decision import Decision, decide
from authz.directory import Entitlements
from authz.engine import Residual, pst
from authz.policy_set import PolicySet
from authz.resource import EntityId, Resource
from authz.scope import Scope, condition_for, residuals_for
from retrieval.deadline import Deadline
from retrieval.index import Hit, Hits, Query
from tests.conformance.comparison import Doors
from tests.conformance.kit import LeggedIndex


def dropped_forbid(held: Entitlements, policies: PolicySet, now: datetime) -> c.Condition:
    """Compile as a compiler would that loses the last forbid."""
    residuals = residuals_for(held, policies, now)
    last = max((each.id for each in residuals if each.effect == "forbid"), default="")
    return _combined([each for each in residuals if each.id != last], Compiler(policies.attributes, *_who(held)))


class OrderBlind(Compiler):
    """Reads `3 < x` as if it were `x < 3`."""

    def _binary(self, expr: pst.BinaryOp) -> c.Condition:
        if expr.op in {"less", "less_eq", "greater", "greater_eq"} and isinstance(expr.right, pst.GetAttr):
            return super()._binary(pst.BinaryOp(expr.op, expr.right, expr.left))
        return super()._binary(expr)


def order_blind(held: Entitlements, policies: PolicySet, now: datetime) -> c.Condition:
    """Compile without regard to which side the constant is on."""
    return _combined(residuals_for(held, policies, now), OrderBlind(policies.attributes, *_who(held)))


def or_for_and(held: Entitlements, policies: PolicySet, now: datetime) -> c.Condition:
    """Compile the innermost conjunctions to disjunctions."""
    return _rewritten(condition_for(held, policies, now), _widened)


def empty_is_no_subset(held: Entitlements, policies: PolicySet, now: datetime) -> c.Condition:
    """Compile as `terms_set` alone would, without the count of zero: the empty set is a subset of nothing."""
    return _rewritten(condition_for(held, policies, now), _nonempty)


def without_literals(
    held: Entitlements, batch: Sequence[Resource], policies: PolicySet, now: datetime
) -> list[Decision]:
    """Decide as `decide` would if it forgot the groups that only policies name."""
    return decide(held, "read", batch, replace(policies, literals=frozenset()), now)


@dataclass(frozen=True, slots=True)
class OneLegOpen:
    """An index that sends one leg without the filter."""

    index: LeggedIndex
    leg: str

    def legs(self, query: Query, scope: Scope, deadline: Deadline) -> Mapping[str, Sequence[Hit]]:
        """Return both legs, one of them over everything."""
        kept = scope.condition
        legs = dict(self.index.legs(query, scope, deadline))
        object.__setattr__(scope, "condition", c.ALWAYS)
        legs[self.leg] = list(self.index.legs(query, scope, deadline)[self.leg])
        object.__setattr__(scope, "condition", kept)
        return legs

    def search(self, query: Query, scope: Scope, k: int, deadline: Deadline) -> Hits:
        """Not asked."""
        raise NotImplementedError

    def documents(self, scope: Scope, after: EntityId | None, limit: int, deadline: Deadline) -> Hits:
        """Not asked."""
        raise NotImplementedError

    def passages(self, document: EntityId, scope: Scope, after: int, limit: int, deadline: Deadline) -> Hits:
        """Not asked."""
        raise NotImplementedError


DOOR_ONE: Mapping[str, Doors] = {
    "a dropped forbid": Doors(condition=dropped_forbid),
    "OR for AND": Doors(condition=or_for_and),
    "operand order ignored": Doors(condition=order_blind),
    "a missing count = 0": Doors(condition=empty_is_no_subset),
    "the text leg without its filter": Doors(index=lambda index: OneLegOpen(index, "text")),
    "the vector leg without its filter": Doors(index=lambda index: OneLegOpen(index, "vector")),
}
DOOR_TWO: Mapping[str, Doors] = {"a slice without the policies' literals": Doors(decide=without_literals)}
DEFECTS: Mapping[str, Doors] = {**DOOR_ONE, **DOOR_TWO}


def _who(held: Entitlements) -> tuple[EntityId, frozenset[EntityId]]:
    return held.uid, held.closure.groups


def _combined(residuals: Sequence[Residual], compiler: Compiler) -> c.Condition:
    permits = [compiler.compile(each.body) for each in residuals if each.effect == "permit"]
    forbids = [compiler.compile(each.body) for each in residuals if each.effect == "forbid"]
    return c.all_of([c.any_of(permits), c.not_(c.any_of(forbids))])


def _rewritten(condition: c.Condition, change: Callable[[c.Condition], c.Condition]) -> c.Condition:
    match condition:
        case c.All(items):
            return change(c.all_of(_rewritten(item, change) for item in items))
        case c.Any(items):
            return c.any_of(_rewritten(item, change) for item in items)
        case c.Not(leaf):
            return c.not_(change(leaf))
        case _:
            return change(condition)


def _widened(condition: c.Condition) -> c.Condition:
    return c.any_of(condition.items) if isinstance(condition, c.All) else condition


def _nonempty(condition: c.Condition) -> c.Condition:
    if isinstance(condition, c.SubsetOf):
        return c.all_of([condition, c.not_(c.Empty(condition.attribute))])
    return condition
