"""From a difference in a world of hundreds of documents to the smallest case that still differs, ready to paste."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pprint import pformat

from authz.errors import AuthzError
from authz.schema import read_schema
from tests.conformance.case import SCHEMAS, Case, Document
from tests.conformance.comparison import Difference, Doors, World, compare
from tests.conformance.engines import ENGINES
from tests.conformance.kit import fill
from tests.conformance.oracle import Oracle

_POLICY = re.compile(r"(?=^@id\()", re.MULTILINE)
_SINGLY = 8
"""Elements of a set that are left out one by one."""
_STEPS = 200
"""Most cases that are tried while shrinking one."""


def shrunk(world: World, found: Difference, engine: str, doors: Doors) -> Case:
    """Return the smallest case found that differs as `found` does: fewer policies, groups, attributes, elements."""
    case = _case(world, found)
    tries = iter(range(_STEPS))
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(case):
            if next(tries, None) is None:
                return case
            if _differs(candidate, found, engine, doors):
                case, smaller = candidate, True
                break
    return case


def regression(case: Case, found: Difference) -> str:
    """Return `case` as text for `REGRESSIONS` in tests/conformance/cases.py."""
    where = "paste into REGRESSIONS of tests/conformance/cases.py"
    return f"# a {found.kind} by {found.way}; {where}:\n{pformat(case, width=116)},"


def differences(case: Case, engine: str, doors: Doors) -> list[Difference]:
    """Return where the ways differ over the documents of `case`, on a fresh index of `engine`."""
    world, documents = case.world(), case.resources()
    types = read_schema(SCHEMAS[case.schema])
    with ENGINES[engine](types) as opened:
        oracle = Oracle.of(documents, [world.held], world.policies)
        return compare(world, fill(opened, documents, types), oracle, doors).differences


def _differs(case: Case, found: Difference, engine: str, doors: Doors) -> bool:
    try:
        return any((each.kind, each.way) == (found.kind, found.way) for each in differences(case, engine, doors))
    except (AuthzError, ValueError):  # what is smaller may be no valid world
        return False


def _case(world: World, found: Difference) -> Case:
    wide = "home" in world.held.attributes
    return Case(
        name=f"a {found.kind} by {found.way}",
        policies=world.policies.sources["policies.cedar"],
        documents=[Document(found.document.uid, dict(found.document.attributes), found.document.collections)],
        attributes={name: value for name, value in world.held.attributes.items() if name != "tenant"},
        groups=frozenset(world.held.closure.groups),
        tenant=world.held.tenant,
        subject=world.subject,
        schema="wide" if wide else "shipped",
    )


def _smaller(case: Case) -> Iterator[Case]:
    policies = _POLICY.split(case.policies)
    for number, text in enumerate(policies):
        if text.strip() and '"wall"' not in text:
            yield replace(case, policies="".join(policies[:number] + policies[number + 1 :]))
    yield from (replace(case, groups=groups) for groups in _parts(case.groups))
    (document,) = case.documents
    yield from (replace(case, documents=[replace(document, collections=held)]) for held in _parts(document.collections))
    for name, value in document.attributes.items():
        rest = {key: each for key, each in document.attributes.items() if key != name}
        yield replace(case, documents=[replace(document, attributes=rest)])
        if isinstance(value, frozenset):
            for part in _parts(value):
                yield replace(case, documents=[replace(document, attributes={**rest, name: part})])


def _parts(values: frozenset[str]) -> Iterator[frozenset[str]]:
    """Yield smaller sets: none, either half, and without each one of few."""
    ordered = sorted(values)
    if not ordered:
        return
    yield frozenset()
    if len(ordered) > 1:
        yield frozenset(ordered[: len(ordered) // 2])
        yield frozenset(ordered[len(ordered) // 2 :])
    yield from (values - {each} for each in ordered[:_SINGLY])
