"""What the review proves is true of Cedar: a policy reported as never matching determines no decision in any world.

`ANTECHAMBER_SEED` repeats a run; every failure prints the seed and the policies.
"""

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from authz import alternatives, contradiction
from authz.policy_set import PolicySet
from authz.review import review
from authz.schema import read_schema
from tests.conformance.oracle import Oracle
from tests.support.doors import policies_of
from tests.support.grammar import Grammar
from tests.support.worlds import SCHEMA, WALL, documents, person, seeded, wide_schema

SEED = int(os.environ.get("ANTECHAMBER_SEED") or secrets.randbelow(2**32))
SCHEMAS = {"shipped": SCHEMA, "wide": wide_schema()}
SHARDS = 3
SETS = 10
PEOPLE = 5

pytestmark = pytest.mark.timeout(600)


class Narrow(Grammar):
    """Writes conditions about few attributes with few values, so that many contradict themselves."""

    def conjunction(self) -> str:
        """Return two to four conditions, most on one attribute of the document or on the principal."""
        name = self.random.choice([each for each in self.leaves() if ": " in each]).partition(":")[0]
        shapes = [each for each in self.leaves() if each.startswith(f"{name}: ")]
        parts = [self.leaf(self.random.choice(shapes)) for _ in range(self.random.randint(2, 4))]
        parts += [self.guard() for _ in range(self.random.choice((0, 1, 3)))]
        return " && ".join(f"!({each})" if self.random.random() < 0.3 else f"({each})" for each in parts)

    def word(self) -> str:
        """Return one of two texts, or sometimes any."""
        return super().word() if self.random.random() < 0.1 else self.random.choice(('"staff"', '"Staff"', '"st"'))

    def number(self) -> str:
        """Return a small number, or sometimes any."""
        return super().number() if self.random.random() < 0.1 else str(self.random.choice((0, 1, 2)))


def alone(policies: PolicySet, id_: str) -> str:
    """Return the policy `id_` as the only one of a set, a permit."""
    text = next(each for each in policies.sources["policies.cedar"].split("\n\n") if f'@id("{id_}")' in each)
    return text.replace("\nforbid (", "\npermit (")


def written(grammar: Narrow) -> str:
    """Return a random set: the wall, permits and forbids, many of them in vain."""
    read = 'action == Action::"read", resource is Document)'
    texts = [WALL, grammar.policy("whole", "permit", 2), grammar.policy("no", "forbid", 2)]
    for number in range(3):
        texts.append(f'@id("p{number}") @reason("P.")\npermit (principal, {read} when {{ {grammar.conjunction()} }};')
        texts.append(f'@id("f{number}") @reason("F.")\nforbid (principal, {read} when {{ {grammar.conjunction()} }};')
    leaf = grammar.leaf()
    texts.append(f'@id("one") @reason("O.")\npermit (principal, {read} when {{ {leaf} }};')
    for wall in (texts[-1].partition("when ")[2], f"{{ {leaf} }};"):
        name = len(texts)
        texts.append(f'@id("w{name}") @reason("W.")\nforbid (principal, {read} when {wall}')
        texts.append(
            f'@id("c{name}") @reason("C.")\npermit (principal, {read} when {{ {grammar.expression(1)} }} when {wall}'
        )
    return "\n\n".join(texts)


def untruths(random: Random, schema: str, tmp_path: Path, sets: int) -> Iterator[tuple[str, str]]:
    """Yield for each finding in random sets its kind, and what contradicts it, empty if nothing does."""
    attributes = read_schema(schema)
    for number in range(sets):
        people = [person(random, attributes, f"person-{each}") for each in range(PEOPLE)]
        text = written(Narrow(random, attributes))
        policies = policies_of(tmp_path / f"{number}", text, schema)
        oracle = Oracle.of(documents(random, attributes, 40), people, policies)
        for finding in review(policies):
            shut = "opens anything: " in finding.text
            tried = alone(policies, finding.policy.id)
            if shut:
                forbids = [each for each in text.split("\n\n") if "\nforbid (" in each]
                tried = "\n\n".join([tried, *forbids])
            asked = policies_of(tmp_path / f"{number} {finding.policy.id}", tried, schema)
            found = [(each, opened) for each in people if (opened := oracle.allowed(each, asked))]
            yield "shut" if shut else "never", f"{finding}\n{tried}\n{found[0]}" if found else ""


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_what_is_reported_in_vain_opens_and_shuts_nothing(shard: int, schema: str, tmp_path: Path) -> None:
    random = seeded(f"{SEED} review {shard} {schema}")
    kinds: Counter[str] = Counter()
    for kind, trouble in untruths(random, SCHEMAS[schema], tmp_path, SETS):
        assert not trouble, f"ANTECHAMBER_SEED={SEED}\n{trouble}"
        kinds[kind] += 1
    assert min(kinds["never"], kinds["shut"]) > 3, f"ANTECHAMBER_SEED={SEED}: {kinds}"


# The same comparison must find each of these defects, or it proves nothing.


def too_strict(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(alternatives._ORDERS, "less_eq", (False, 3))  # noqa: SLF001 - a planted defect


def swapped(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(alternatives._ORDERS, "greater", (False, 1))  # noqa: SLF001 - likewise


def all_texts_alike(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        contradiction, "_unequal", lambda facts, _: any(isinstance(each, contradiction.Same) for each in facts)
    )


def empty_is_no_subset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contradiction._Elements, "clash", lambda each: each.most is not None and not each.must)  # noqa: SLF001


@pytest.mark.parametrize("defect", [too_strict, swapped, all_texts_alike, empty_is_no_subset])
def test_comparison_finds_a_planted_defect(defect: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(defect)
    defect(monkeypatch)
    random = seeded(f"{SEED} {defect}")
    assert any(trouble for _, trouble in untruths(random, SCHEMA, tmp_path, 400)), f"ANTECHAMBER_SEED={SEED}"
