"""The property that the product rests on: both doors, the index and Cedar itself say the same of every document.

`ANTECHAMBER_SEED` repeats a run; every failure prints the seed, the policies, the principal and the document.
"""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from authz import condition as c
from authz.compiler import Compiler
from authz.directory import Entitlements
from authz.engine import pst
from authz.policy_set import PolicySet
from authz.resource import EntityId
from authz.schema import read_schema
from authz.scope import residuals_for, scope
from retrieval.deadline import Deadline
from retrieval.sqlite import SQLiteIndex
from tests.support.doors import Doors, Shelf, Verdict, explain, policies_of, principal_of, verdicts, without_literals
from tests.support.worlds import NOW, SCHEMA, WALL, Grammar, documents, person, wide_schema

SEED = int(os.environ.get("ANTECHAMBER_SEED") or secrets.randbelow(2**32))
SCHEMAS = {"shipped": SCHEMA, "wide": wide_schema()}
SHARDS = 6
SHELF = 120
SETS = 32
PROBES = 3

pytestmark = pytest.mark.timeout(600)
_TEXTS = (
    "permit (principal, action == {read}, resource is Document) when {{ {leaf} }};",
    "permit (principal, action == {read}, resource is Document) unless {{ {leaf} }};",
    "permit (principal, action, resource is Document);\n"
    '@id("no") @reason("A probe.") forbid (principal, action == {read}, resource is Document) when {{ {leaf} }};',
)


def probe(leaf: str, form: int) -> str:
    """Return a set that turns on one condition: permitted with it, without it, or forbidden with it."""
    text = _TEXTS[form % len(_TEXTS)].format(read='Action::"read"', leaf=leaf)
    return f'{WALL}\n@id("probe") @reason("A probe.")\n{text}'


def world(random: Random, schema: str, path: Path) -> Shelf:
    """Return a shelf of hostile documents of `schema`."""
    attributes = read_schema(schema)
    return Shelf.of(documents(random, attributes, SHELF), attributes, path)


def compared(
    random: Random, policies: PolicySet, shelf: Shelf, doors: Doors, people: int = 1
) -> Iterator[tuple[Entitlements, EntityId, Verdict, str]]:
    """Yield, for some people and every document, the verdict, and what to print should it be split."""
    for _ in range(people):
        held = person(random, policies.attributes, f"person-{random.randrange(6)}")
        for document, verdict in verdicts(held, policies, shelf, NOW, doors):
            split = len(set(verdict)) > 1
            yield held, document.uid, verdict, explain(held, policies, document, verdict) if split else ""


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_policies_decide_the_same_at_both_doors_and_in_the_index(
    shard: int, schema: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    random = Random(f"{SEED} random {shard} {schema}")
    print(f"ANTECHAMBER_SEED={SEED}")
    shelf = world(random, SCHEMAS[schema], tmp_path / "index.db")
    outcomes: Counter[bool] = Counter()
    for number in range(SETS):
        text = Grammar(random, shelf.file.attributes).policies()
        policies = policies_of(tmp_path / f"{number}", text, SCHEMAS[schema])
        for _, _, verdict, trouble in compared(random, policies, shelf, Doors(), people=2):
            assert not trouble, f"ANTECHAMBER_SEED={SEED}\n{trouble}"
            outcomes[verdict.full] += 1
    assert outcomes[True] > 100
    assert outcomes[False] > 100
    record_property("pairs", outcomes.total())


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_operator_shape_allows_some_and_denies_some_and_never_splits_the_doors(
    shard: int, schema: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    random = Random(f"{SEED} probes {shard} {schema}")
    print(f"ANTECHAMBER_SEED={SEED}")
    shelf = world(random, SCHEMAS[schema], tmp_path / "index.db")
    grammar = Grammar(random, shelf.file.attributes)
    pairs = 0
    for number, shape in enumerate(sorted(grammar.leaves())):
        if number % SHARDS != shard:
            continue
        outcomes: Counter[bool] = Counter()
        for draw in range(40):
            if draw >= PROBES and len(outcomes) == 2:
                break
            policies = policies_of(tmp_path / f"{number}-{draw}", probe(grammar.leaf(shape), draw), SCHEMAS[schema])
            for held, document, verdict, trouble in compared(random, policies, shelf, Doors()):
                assert not trouble, f"ANTECHAMBER_SEED={SEED}\n{trouble}"
                outcomes[verdict.full] += _own(held, document, shelf)
                pairs += 1
            outcomes += Counter()
        assert set(outcomes) == {True, False}, f"ANTECHAMBER_SEED={SEED}: {shape} gave only {outcomes}"
    record_property("pairs", pairs)


def _own(held: Entitlements, document: EntityId, shelf: Shelf) -> bool:
    """Return whether the tenant wall is open, so that the decision is the probe's."""
    found = next(each for each in shelf.documents if each.uid == document)
    return found.attributes["tenant"] == held.tenant


def test_index_lists_exactly_what_cedar_allows_to_a_real_principal(tmp_path: Path) -> None:
    random = Random(f"{SEED} documents")
    shelf = world(random, SCHEMA, tmp_path / "index.db")
    for number in range(8):
        policies = policies_of(tmp_path / f"{number}", Grammar(random, shelf.file.attributes).policies())
        held = person(random, policies.attributes, "person-0")
        allowed = scope(principal_of(held, "person-0"), policies, NOW)
        hits = SQLiteIndex(shelf.file).documents(allowed, None, 1_000, Deadline.after(60))
        wanted = [each.uid for each, verdict in verdicts(held, policies, shelf, NOW, Doors()) if verdict.full]
        assert [hit.document for hit in hits] == sorted(wanted), f"ANTECHAMBER_SEED={SEED}\n{held}\n{policies.sources}"


# The same comparison must find each of these defects, or it proves nothing.


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
    return _rewritten(Doors().condition(held, policies, now), _widened)


def empty_is_no_subset(held: Entitlements, policies: PolicySet, now: datetime) -> c.Condition:
    """Compile as `terms_set` alone would: the empty set is a subset of nothing."""
    return _rewritten(Doors().condition(held, policies, now), _nonempty)


def _who(held: Entitlements) -> tuple[EntityId, frozenset[EntityId]]:
    return held.uid, held.closure.groups


def _combined(residuals: object, compiler: Compiler) -> c.Condition:
    permits, forbids = [], []
    for each in residuals:  # type: ignore[attr-defined]  # residuals, in any collection
        (permits if each.effect == "permit" else forbids).append(compiler.compile(each.body))
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


DEFECTS = {
    "a dropped forbid": Doors(condition=dropped_forbid),
    "OR for AND": Doors(condition=or_for_and),
    "operand order ignored": Doors(condition=order_blind),
    "the empty set no subset": Doors(condition=empty_is_no_subset),
    "a slice without the policies' groups": Doors(sliced=without_literals),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_comparison_finds_a_planted_defect(defect: str, tmp_path: Path) -> None:
    random = Random(f"{SEED} defect {defect}")
    shelf = replace(world(random, SCHEMA, tmp_path / "index.db"))
    grammar = Grammar(random, shelf.file.attributes)
    for number in range(120):
        text = grammar.policies() if number % 2 else probe(grammar.leaf("markings: subset"), number // 2)
        policies = policies_of(tmp_path / f"{number}", text)
        if any(trouble for *_, trouble in compared(random, policies, shelf, DEFECTS[defect], people=2)):
            return
    pytest.fail(f"ANTECHAMBER_SEED={SEED}: {defect} went unnoticed")
