"""The loader, continued: what no index can be asked is refused, naming the operator and the mend."""

import json
from pathlib import Path

import pytest

from authz.errors import PolicyError
from authz.policy_set import load_policies
from tests.support.doors import write_policies
from tests.support.worlds import SCHEMA, TENANTS, WALL, wide_schema


def refusal(at: Path) -> str:
    with pytest.raises(PolicyError) as refused:
        load_policies(at)
    return str(refused.value)


def asking(tmp_path: Path, condition: str, schema: str = SCHEMA, tenants: str = TENANTS) -> Path:
    text = (
        f'{WALL}\n\n@id("asks") @reason("Asks.")\npermit (principal, action == Action::"read", resource is Document)\n'
    )
    return write_policies(tmp_path, {"10-all.cedar": f"{text}when {{ {condition} }};"}, schema, tenants)


def _written(tmp_path: Path, cedar: str) -> Path:
    return write_policies(tmp_path, {"10-all.cedar": cedar})


UNCOMPILABLE = [
    ("resource.classification + 1 > 3", '"add"', "compute the sum when the document is labelled"),
    ("resource.classification - 1 > 3", '"sub"', "compute the difference"),
    ("resource.classification * 2 > 3", '"mul"', "compute the product"),
    ("3 < resource.classification + principal.clearance", '"add"', "compute the sum"),
    ("-resource.classification > 3", '"neg"', "compare one attribute"),
    ("resource.quarantined == resource.legal_hold", '"GetAttr"', "copy what you need onto the document"),
    ("resource.markings.contains(resource.audience)", '"GetAttr"', "copy what you need onto the document"),
    ("resource.audience == resource.tenant", '"GetAttr"', "copy what you need onto the document"),
    ('resource == Document::"acme/x"', '"eq"', "name a collection instead of one document"),
    ('resource in Document::"acme/x"', '"resource in"', "only collections hold documents"),
    ('User::"acme/x" in resource.owners', '"in"', 'write "principal in resource.<set of groups>"'),
    ("(if resource.quarantined then principal.tenant else resource.tenant) == resource.audience", "", ""),
    ("[resource.audience].contains(principal.tenant)", '"contains"', "compare one attribute"),
    ("[resource.audience, resource.tenant].containsAll(principal.compartments)", '"contains_all"', "compare one"),
    ("{a: resource.audience}.a == principal.tenant", "", ""),
    ('resource has embargo_until && resource.embargo_until.offset(duration("1d")) > context.now', '"offset"', ""),
    ('resource has embargo_until && context.now.durationSince(resource.embargo_until) > duration("1d")', "", ""),
    ("resource has embargo_until && resource.embargo_until.toDate() == context.now", "", ""),
]


@pytest.mark.parametrize(("condition", "operator", "mend"), UNCOMPILABLE, ids=lambda value: value[:40])
def test_operator_that_no_index_knows_is_refused_with_the_mend(
    condition: str, operator: str, mend: str, tmp_path: Path
) -> None:
    message = refusal(asking(tmp_path, condition))
    assert message.startswith('10-all.cedar:4: policy "asks": ')
    assert "cannot be asked of an index" in message
    assert operator in message
    assert mend in message


@pytest.mark.parametrize(
    ("condition", "operator"),
    [
        ('resource has steward && resource.steward.label == "x"', '"GetAttr"'),
        ('resource has steward && resource.steward.label like "x*"', '"Like"'),
        ('resource.hasTag("a")', '"has_tag"'),
        ('resource.hasTag("a") && resource.getTag("a") == "x"', '"has_tag"'),
        ("resource has steward && resource.steward has nickname", '"HasAttr"'),
    ],
)
def test_dereference_and_tags_are_refused(condition: str, operator: str, tmp_path: Path) -> None:
    schema = json.loads(wide_schema())
    types = schema[""]["entityTypes"]
    text = {"type": "EntityOrCommon", "name": "String"}
    types["Document"]["tags"] = text
    types["Group"] = {
        "shape": {"type": "Record", "attributes": {"label": text, "nickname": {**text, "required": False}}}
    }
    message = refusal(asking(tmp_path, condition, json.dumps(schema)))
    assert message.startswith('10-all.cedar:4: policy "asks": operator ')
    assert operator in message


@pytest.mark.parametrize("literal", ['"a\\u{0}b"', '"a\\nb"', f'"{"x" * 513}"'])
@pytest.mark.parametrize(
    "asked", ["resource.audience == {}", "resource.audience like {}", "[{}].contains(resource.audience)"]
)
def test_text_that_no_attribute_can_hold_is_refused(literal: str, asked: str, tmp_path: Path) -> None:
    assert "a literal cannot be asked of an index" in refusal(asking(tmp_path, asked.format(literal)))


@pytest.mark.parametrize(("pattern", "fits"), [
    (f'"{"x" * 500}*"', True), (f'"{"x" * 500}"', True), (f'"*{"x" * 126}*"', True), (f'"*{"x" * 127}*"', False),
    (f'"{"x" * 300}*{"é" * 64}"', False), (f'"{"*x" * 65}"', False),
])  # fmt: skip
def test_pattern_too_long_behind_a_wildcard_is_refused_at_load_and_not_by_the_engine_at_each_question(
    pattern: str,
    fits: bool,  # noqa: FBT001 - an example
    tmp_path: Path,
) -> None:
    directory = asking(tmp_path, f"resource.audience like {pattern}")
    if fits:
        assert load_policies(directory).policies
    else:
        assert "from the first wildcard on (at most 128); ask for a part of it" in refusal(directory)


def test_instant_that_no_calendar_holds_is_refused_at_load_and_not_at_the_first_question(tmp_path: Path) -> None:
    condition = 'resource has embargo_until && resource.embargo_until > datetime("0000-01-01")'
    assert 'operator "datetime"' in refusal(asking(tmp_path, condition))


def test_condition_too_deep_or_too_large_for_an_engine_is_refused(tmp_path: Path) -> None:
    leaf, chain = 'resource.audience == "{}"', "resource.quarantined"
    for number in range(20):
        chain = f"({leaf.format(number)} {'&&' if number % 2 else '||'} {chain})"
    assert "write several policies instead of nesting" in refusal(asking(tmp_path / "deep", chain))
    tests = "resource.quarantined"
    for number in range(40):
        tests = f"(if {tests} then {leaf.format(number)} else resource.legal_hold)"
    assert "cannot be asked of an index" in refusal(asking(tmp_path / "large", tests))


def test_policy_for_writing_alone_need_not_compile(tmp_path: Path) -> None:
    text = '@id("w") @reason("W.") permit (principal, action == Action::"erase", resource is Document)'
    load_policies(_written(tmp_path, f"{WALL}\n{text} when {{ resource.classification + 1 > 3 }};"))


@pytest.mark.parametrize(
    "action", ["action", 'action in [Action::"read"]', 'action in [Action::"erase", Action::"read"]']
)
def test_policy_that_may_apply_to_reading_must_compile(action: str, tmp_path: Path) -> None:
    text = f'@id("w") @reason("W.") permit (principal, {action}, resource is Document)'
    assert '"add"' in refusal(_written(tmp_path, f"{text} when {{ resource.classification + 1 > 3 }};"))
