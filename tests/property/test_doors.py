"""The property that the product rests on: both doors, the index and Cedar itself say the same of every document.

`ANTECHAMBER_SEED` repeats a run; every failure prints the seed, the policies, the principal and the document.
"""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from authz import condition as c
from authz.compiler import Compiler
from authz.directory import Entitlements
from authz.engine import Residual, pst
from authz.policy_set import PolicySet
from authz.resource import EntityId, Resource
from authz.schema import read_schema
from authz.scope import residuals_for, scope
from retrieval.deadline import Deadline
from retrieval.sqlite import SQLiteIndex
from tests.support.doors import Doors, Shelf, Verdict, explain, policies_of, principal_of, verdicts, without_literals
from tests.support.grammar import Grammar
from tests.support.worlds import NOW, SCHEMA, WALL, documents, person, seeded, wide_schema

SEED = int(os.environ.get("ANTECHAMBER_SEED") or secrets.randbelow(2**32))
SCHEMAS = {"shipped": SCHEMA, "wide": wide_schema()}
SHARDS = 6
STOCK = 300
"""Documents in each index."""
SHELF = 110
"""How many of them each principal is tried on."""
SETS = 22
PROBES = 3
PAIRS = {"random": SHARDS * len(SCHEMAS) * SETS * 2 * SHELF, "probes": 130 * PROBES * SHELF}

pytestmark = pytest.mark.timeout(600)
_TEXTS = (
    "permit (principal, action == {read}, resource is Document) when {{ {leaf} }};",
    "permit (principal, action == {read}, resource is Document) unless {{ {leaf} }};",
    """permit (principal, action, resource is Document);
@id("no") @reason("A probe.") forbid (principal, action == {read}, resource is Document) when {{ {leaf} }};""",
)


def probe(leaf: str, form: int) -> str:
    """Return a set that turns on one condition: permitted with it, without it, or forbidden with it."""
    text = _TEXTS[form % len(_TEXTS)].format(read='Action::"read"', leaf=leaf)
    return f'{WALL}\n@id("probe") @reason("A probe.")\n{text}'


@pytest.fixture(scope="session")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shelf]:
    """Return a shelf of hostile documents for each schema."""
    stocked = {}
    for name, text in SCHEMAS.items():
        found = documents(seeded(f"{SEED} {name}"), read_schema(text), STOCK)
        stocked[name] = Shelf.of(found, read_schema(text), tmp_path_factory.mktemp(name) / "index.db")
    return stocked


def compared(
    random: Random, policies: PolicySet, shelf: Shelf, doors: Doors, people: int = 1
) -> Iterator[tuple[Entitlements, Resource, Verdict, str]]:
    """Yield, for some people and every document, the verdict, and what to print should it be split."""
    for _ in range(people):
        held = person(random, policies.attributes, f"person-{random.randrange(6)}")
        for document, verdict in verdicts(held, policies, shelf, NOW, doors):
            split = len(set(verdict)) > 1
            yield held, document, verdict, explain(held, policies, document, verdict) if split else ""


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_policies_decide_the_same_at_both_doors_and_in_the_index(
    shard: int, schema: str, tmp_path: Path, shelves: dict[str, Shelf]
) -> None:
    random = seeded(f"{SEED} random {shard} {schema}")
    outcomes: Counter[bool] = Counter()
    for number in range(SETS):
        shelf = shelves[schema].sample(random, SHELF)
        text = Grammar(random, shelf.file.attributes).policies()
        policies = policies_of(tmp_path / f"{number}", text, SCHEMAS[schema])
        for _, _, verdict, trouble in compared(random, policies, shelf, Doors(), people=2):
            assert not trouble, f"ANTECHAMBER_SEED={SEED}\n{trouble}"
            outcomes[verdict.full] += 1
    assert min(outcomes[True], outcomes[False]) > 100, f"ANTECHAMBER_SEED={SEED}: {outcomes}"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_operator_shape_allows_some_and_denies_some_and_never_splits_the_doors(
    shard: int, tmp_path: Path, shelves: dict[str, Shelf]
) -> None:
    random = seeded(f"{SEED} probes {shard}")
    grammar = Grammar(random, shelves["wide"].file.attributes)
    for number, shape in list(enumerate(sorted(grammar.leaves())))[shard::SHARDS]:
        outcomes: Counter[bool] = Counter()
        for draw in range(60):
            if draw >= PROBES and len(outcomes) == 2:
                break
            shelf = shelves["wide"].sample(random, SHELF)
            policies = policies_of(tmp_path / f"{number}-{draw}", probe(grammar.leaf(shape), draw), SCHEMAS["wide"])
            for held, document, verdict, trouble in compared(random, policies, shelf, Doors()):
                assert not trouble, f"ANTECHAMBER_SEED={SEED}\n{trouble}"
                # Behind an open wall only: there the decision is the probe's.
                if document.attributes["tenant"] == held.tenant:
                    outcomes[verdict.full] += 1
        assert set(outcomes) == {True, False}, f"ANTECHAMBER_SEED={SEED}: {shape} gave only {outcomes}"


def test_default_run_compares_a_hundred_thousand_pairs(shelves: dict[str, Shelf]) -> None:
    assert len(Grammar(seeded(""), shelves["wide"].file.attributes).leaves()) >= 130
    assert sum(PAIRS.values()) >= 100_000


def test_index_lists_exactly_what_cedar_allows_to_a_real_principal(tmp_path: Path, shelves: dict[str, Shelf]) -> None:
    random = seeded(f"{SEED} documents")
    shelf = shelves["shipped"]
    for number in range(6):
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


DEFECTS = {
    "a dropped forbid": Doors(condition=dropped_forbid),
    "OR for AND": Doors(condition=or_for_and),
    "operand order ignored": Doors(condition=order_blind),
    "the empty set no subset": Doors(condition=empty_is_no_subset),
    "a slice without the policies' groups": Doors(sliced=without_literals),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_comparison_finds_a_planted_defect(defect: str, tmp_path: Path, shelves: dict[str, Shelf]) -> None:
    random = seeded(f"{SEED} defect {defect}")
    grammar = Grammar(random, shelves["shipped"].file.attributes)
    for number in range(150):
        text = grammar.policies() if number % 2 else probe(grammar.leaf("markings: subset"), number // 2)
        policies = policies_of(tmp_path / f"{number}", text)
        shelf = shelves["shipped"].sample(random, SHELF)
        if any(trouble for *_, trouble in compared(random, policies, shelf, DEFECTS[defect], people=2)):
            return
    pytest.fail(f"ANTECHAMBER_SEED={SEED}: {defect} went unnoticed")
