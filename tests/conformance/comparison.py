"""One question asked every way: the oracle, the condition, each leg of an index, door two.

Found but denied is a leak; allowed but not found is a loss.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from authz import condition as c
from authz.decision import Decision, decide
from authz.directory import Entitlements
from authz.holds import holds
from authz.policy_set import PolicySet
from authz.resource import Resource
from authz.scope import Scope, condition_for, scope
from tests.conformance.kit import LeggedIndex, Shelf
from tests.conformance.oracle import Oracle
from tests.support.doors import principal_of
from tests.support.worlds import NOW

BATCH = 50
"""Documents that door two decides on at a time, as many as it ever does."""


@dataclass(frozen=True, slots=True)
class World:
    """Who asks, under which policies."""

    subject: str
    held: Entitlements
    policies: PolicySet


@dataclass(frozen=True, slots=True)
class Doors:
    """The ways to a decision; a test may put a defective one in a place, and nothing else can."""

    condition: Callable[[Entitlements, PolicySet, datetime], c.Condition] = condition_for
    index: Callable[[LeggedIndex], LeggedIndex] = lambda index: index
    decide: Callable[[Entitlements, Sequence[Resource], PolicySet, datetime], list[Decision]] = (
        lambda held, batch, policies, now: decide(held, "read", batch, policies, now)
    )


class Difference(NamedTuple):
    """A way that says of one document something else than the oracle."""

    kind: Literal["leak", "loss"]
    way: str
    document: Resource


class Compared(NamedTuple):
    """How many documents the oracle allows, and where the ways differ from it."""

    allowed: int
    differences: list[Difference]


def compare(
    world: World, shelf: Shelf, oracle: Oracle, doors: Doors, sample: Sequence[Resource] | None = None
) -> Compared:
    """Return how each way compares with the oracle over all of `shelf`; door two decides on `sample`, or on all."""
    allowed = oracle.allowed(world.held, world.policies)
    condition = doors.condition(world.held, world.policies, NOW)
    asked = scope_under(world, condition)
    ways = {
        "condition": frozenset(each.uid for each in shelf.documents if holds(condition, each)),
        **Shelf(shelf.documents, doors.index(shelf.index), shelf.schema).find(asked),
    }
    differences = [each for way, found in ways.items() for each in _differ(way, found, allowed, shelf.documents)]
    tried = shelf.documents if sample is None else sample
    said = frozenset(each.uid for each in _admitted(world, tried, doors))
    differences += _differ("door two", said, allowed & {each.uid for each in tried}, tried)
    return Compared(len(allowed), differences)


def scope_under(world: World, condition: c.Condition) -> Scope:
    """Return the real scope of `world`, made by `scope` for a principal with a signed token.

    A defective `condition` is planted in it: nothing but a test that breaks the seal on purpose could.
    """
    real = scope(principal_of(world.held, world.subject), world.policies, NOW)
    if real.condition != condition:
        object.__setattr__(real, "condition", condition)
    return real


def _admitted(world: World, documents: Sequence[Resource], doors: Doors) -> Iterator[Resource]:
    for start in range(0, len(documents), BATCH):
        batch = documents[start : start + BATCH]
        decisions = doors.decide(world.held, batch, world.policies, NOW)
        yield from (each for each, decision in zip(batch, decisions, strict=True) if decision.allowed)


def _differ(
    way: str, found: frozenset[str], allowed: frozenset[str], documents: Sequence[Resource]
) -> Iterator[Difference]:
    by_id = {each.uid: each for each in documents}
    if found - by_id.keys():
        message = f"{way} found what was never put on the shelf"
        raise AssertionError(message)
    yield from (Difference("leak", way, document) for uid, document in by_id.items() if uid in found - allowed)
    yield from (Difference("loss", way, document) for uid, document in by_id.items() if uid in allowed - found)
