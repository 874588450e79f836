"""From facts about a request to a proof that they contradict one another, if there is one.

Equal expressions have equal values within one request, since Cedar's evaluation has no effects; different ones may have
any values of their type. What counts as a proof:
- equalities are closed by union-find; a class with two constants, or with an inequality inside, contradicts itself;
- orders are difference constraints `left - right <= gap` over 64-bit whole numbers; they contradict one another exactly
  if their graph has a negative cycle (Cormen et al., Introduction to Algorithms, "Difference constraints");
- of each set are gathered the elements that it must have, must not have, and may have at most, also from a set that
  covers another; they must leave room for it.
No proof means nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from authz.engine import pst
from authz.operands import parts_of

_LEAST, _MOST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Bound:
    """`left - right <= gap`; None stands for zero."""

    left: pst.Expr | None
    right: pst.Expr | None
    gap: int


@dataclass(frozen=True, slots=True)
class Same:
    """Whether both are equal: texts, entities, or of a kind that is not known."""

    left: pst.Expr
    right: pst.Expr
    truth: bool


@dataclass(frozen=True, slots=True)
class Among:
    """`term` is one of these constants."""

    term: pst.Expr
    values: frozenset[pst.Expr]


@dataclass(frozen=True, slots=True)
class Contains:
    """Whether `set` has `element`."""

    set: pst.Expr
    element: pst.Expr
    truth: bool


@dataclass(frozen=True, slots=True)
class Subset:
    """Whether all elements of `set` are among these constants; none of them: whether it is empty."""

    set: pst.Expr
    values: frozenset[pst.Expr]
    truth: bool


@dataclass(frozen=True, slots=True)
class Covers:
    """`outer` has all elements of `inner`."""

    outer: pst.Expr
    inner: pst.Expr


@dataclass(frozen=True, slots=True)
class Atom:
    """`expr`, of which nothing else is known, evaluates to `truth`."""

    expr: pst.Expr
    truth: bool


Fact = Bound | Same | Among | Contains | Subset | Covers | Atom


def contradictory(facts: Sequence[Fact]) -> bool:
    """Return whether it is proven that no request meets all `facts`."""
    classes = _Classes()
    for each in facts:
        if isinstance(each, Same) and each.truth:
            classes.join(each.left, each.right)
    return (
        _opposed(facts)
        or classes.clash
        or _unequal(facts, classes)
        or _without_a_value(facts, classes)
        or _sets_clash(facts, classes)
        or _out_of_order([each for each in facts if isinstance(each, Bound)])
    )


def is_constant(expr: pst.Expr) -> bool:
    """Return whether `expr` is a constant that equals another only if both are written alike."""
    return isinstance(expr, pst.StringLit | pst.EntityLit | pst.LongLit | pst.BoolLit)


class _Classes:
    """Classes of equal expressions; the representative is the constant, if there is one."""

    def __init__(self) -> None:
        self._above: dict[pst.Expr, pst.Expr] = {}
        self.clash = False
        """Whether two different constants came into one class."""

    def of(self, expr: pst.Expr) -> pst.Expr:
        while expr in self._above:
            expr = self._above[expr]
        return expr

    def join(self, left: pst.Expr, right: pst.Expr) -> None:
        left, right = self.of(left), self.of(right)
        if left == right:
            return
        if is_constant(left):
            self.clash |= is_constant(right)
            left, right = right, left
        self._above[left] = right


def _opposed(facts: Iterable[Fact]) -> bool:
    truths: dict[pst.Expr, bool] = {}
    return any(truths.setdefault(each.expr, each.truth) != each.truth for each in facts if isinstance(each, Atom))


def _unequal(facts: Iterable[Fact], classes: _Classes) -> bool:
    different = (each for each in facts if isinstance(each, Same) and not each.truth)
    return any(classes.of(each.left) == classes.of(each.right) for each in different)


def _without_a_value(facts: Iterable[Fact], classes: _Classes) -> bool:
    """Return whether a class has none of the constants left that it must be one of."""
    left: dict[pst.Expr, set[pst.Expr]] = {}
    for each in facts:
        if isinstance(each, Among):
            term = classes.of(each.term)
            left.setdefault(term, {term} if is_constant(term) else set(each.values)).intersection_update(each.values)
        elif isinstance(each, Atom) and isinstance(each.expr, pst.Like) and is_constant(classes.of(each.expr.base)):
            term = classes.of(each.expr.base)
            left.setdefault(term, {term})
    for each in facts:
        if isinstance(each, Same) and not each.truth:
            for term, other in ((each.left, each.right), (each.right, each.left)):
                left.get(classes.of(term), set()).discard(classes.of(other))
        elif isinstance(each, Atom) and isinstance(each.expr, pst.Like):
            values = left.get(classes.of(each.expr.base), set())
            values -= {value for value in values if matches(value, each.expr) != each.truth}
    return any(not values for values in left.values())


def matches(value: pst.Expr, like: pst.Like) -> bool:
    """Return whether the text `value` fits the pattern of `like`."""
    pattern = ".*".join(re.escape(part) for part in parts_of(like.pattern))
    return isinstance(value, pst.StringLit) and re.fullmatch(pattern, value.value, re.DOTALL) is not None


@dataclass(slots=True)
class _Elements:
    """What one set must have, must not have, and may have at most (None: anything)."""

    must: set[pst.Expr] = field(default_factory=set)
    must_not: set[pst.Expr] = field(default_factory=set)
    most: frozenset[pst.Expr] | None = None

    def limit(self, values: frozenset[pst.Expr] | None) -> None:
        if values is not None:
            self.most = values if self.most is None else self.most & values

    def clash(self) -> bool:
        known = {each for each in self.must if is_constant(each)}
        return bool(self.must & self.must_not) or (self.most is not None and not known <= self.most)


def _sets_clash(facts: Sequence[Fact], classes: _Classes) -> bool:
    sets = _gathered(facts, classes)
    if any(each.clash() for each in sets.values()):
        return True
    outside = (each for each in facts if isinstance(each, Subset) and not each.truth)
    return any(_nothing_outside(sets[classes.of(each.set)], each.values) for each in outside)


def _nothing_outside(elements: _Elements, values: frozenset[pst.Expr]) -> bool:
    return elements.most is not None and not elements.most - values - elements.must_not


def _gathered(facts: Sequence[Fact], classes: _Classes) -> dict[pst.Expr, _Elements]:
    sets: dict[pst.Expr, _Elements] = defaultdict(_Elements)
    for each in facts:
        if isinstance(each, Contains):
            elements = sets[classes.of(each.set)]
            (elements.must if each.truth else elements.must_not).add(classes.of(each.element))
        elif isinstance(each, Subset) and each.truth:
            sets[classes.of(each.set)].limit(each.values)
    covers = [each for each in facts if isinstance(each, Covers)]
    for _ in covers:  # along a chain of covers, what is known travels one of them a round, at least
        for each in covers:
            outer, inner = sets[classes.of(each.outer)], sets[classes.of(each.inner)]
            outer.must |= inner.must
            inner.must_not |= outer.must_not
            inner.limit(outer.most)
    return sets


def _out_of_order(bounds: Sequence[Bound]) -> bool:
    """Return whether the difference constraints have a negative cycle, every term being a 64-bit whole number."""
    terms = {term for each in bounds for term in (each.left, each.right)} - {None}
    limits = [each for term in terms for each in (Bound(term, None, _MOST), Bound(None, term, -_LEAST))]
    distance = dict.fromkeys((None, *terms), 0)
    for _ in range(len(distance) + 1):
        changed = False
        for each in (*bounds, *limits):
            reached = distance[each.right] + each.gap
            if reached < distance[each.left]:
                distance[each.left], changed = reached, True
        if not changed:
            return False
    return True
