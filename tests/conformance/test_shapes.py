"""Every operator of Cedar with every kind of attribute, on every engine: each shape allows some and denies some."""

from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.case import SCHEMAS
from tests.conformance.comparison import Doors, World, compare
from tests.conformance.kit import Shelf
from tests.conformance.oracle import Oracle
from tests.conformance.seed import SEED
from tests.support.doors import policies_of
from tests.support.grammar import Grammar
from tests.support.worlds import WALL, person, seeded

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(900)]

PROBES = 3
"""Worlds that each shape is tried in, at least."""
_MOST = 60
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


def test_every_operator_shape_allows_some_and_denies_some_and_never_splits_the_doors(
    shelves: dict[str, Shelf], tmp_path: Path
) -> None:
    random, shelf = seeded(f"{SEED} shapes"), shelves["wide"]
    grammar = Grammar(random, shelf.schema)
    assert len(grammar.leaves()) >= 130
    for number, shape in enumerate(sorted(grammar.leaves())):
        outcomes: Counter[bool] = Counter()
        for draw in range(_MOST):
            if draw >= PROBES and min(outcomes[True], outcomes[False]) > 0:
                break
            policies = policies_of(tmp_path / f"{number}-{draw}", probe(grammar.leaf(shape), draw), SCHEMAS["wide"])
            held = person(random, shelf.schema, "person-1")
            oracle = Oracle.of(shelf.documents, [held], policies)
            compared = compare(World("person-1", held, policies), shelf, oracle, Doors(), shelf.documents[:50])
            assert compared.differences == [], f"ANTECHAMBER_SEED={SEED}\n{policies.sources}\n{held}"
            # Behind an open wall only: there the decision is the probe's.
            behind = sum(each.attributes["tenant"] == held.tenant for each in shelf.documents)
            outcomes += Counter({True: compared.allowed, False: max(0, behind - compared.allowed)})
        assert min(outcomes[True], outcomes[False]) > 0, f"ANTECHAMBER_SEED={SEED}: {shape} gave only {outcomes}"
