"""The engine's wrapper: every way of not deciding is an error."""

import pytest

from authz.engine import Entity, body_of, decide, fits, parse, partially_evaluate, pst, validate
from authz.errors import DecisionError, PolicyError
from authz.policy_set import load_policies
from authz.schema import cedar_attributes, read_schema
from tests.support.doors import ATTRIBUTES
from tests.support.worlds import MILLISECONDS, SCHEMA, WALL

SHIPPED = load_policies()
ALICE = Entity(
    ("User", "acme/alice"),
    {"tenant": "acme", "clearance": 2, "compartments": [], "employment": "employee"},
    (("Group", "acme/staff"),),
)
TYPES = read_schema(SCHEMA).document


def document(name: str = "acme/a", **changed: object) -> Entity:
    return Entity(("Document", name), {**cedar_attributes(TYPES, ATTRIBUTES), **changed})


def test_one_decision_for_each_resource_in_their_order() -> None:
    several = [document("acme/a"), document("acme/b", classification=3), document("acme/c")]
    decisions = decide(ALICE, "read", several, MILLISECONDS, SHIPPED.handle, SHIPPED.schema)
    assert [(each.allowed, each.policies) for each in decisions] == [
        (True, ("readers",)),
        (False, ("clearance",)),
        (True, ("readers",)),
    ]
    assert decide(ALICE, "read", [], MILLISECONDS, SHIPPED.handle, SHIPPED.schema) == []


@pytest.mark.parametrize(
    "several",
    [
        [document(classification="high")],
        [document(), document(classification=2)],
        [document(), document("acme/b", extra=1)],
    ],
)
def test_input_that_leaves_cedar_without_a_decision_is_an_error(several: list[Entity]) -> None:
    with pytest.raises(DecisionError):
        decide(ALICE, "read", several, MILLISECONDS, SHIPPED.handle, SHIPPED.schema)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"tenant": "acme"},
        {**ALICE.attributes, "clearance": "high"},
        {**ALICE.attributes, "x": 1},
        {**ALICE.attributes, "employment": "\ud800"},
    ],
)
def test_principal_that_does_not_fit_is_an_error_at_both_doors(attributes: dict[str, object]) -> None:
    misfit = Entity(ALICE.uid, attributes)
    with pytest.raises(DecisionError):
        decide(misfit, "read", [document()], MILLISECONDS, SHIPPED.handle, SHIPPED.schema)
    with pytest.raises(DecisionError):
        partially_evaluate(misfit, "read", MILLISECONDS, SHIPPED.handle, SHIPPED.schema)


@pytest.mark.parametrize("uid", ["", "acme/\ud800", 'acme/"quote', "acme/\u200b"])
def test_uid_is_read_as_one_or_refused(uid: str) -> None:
    try:
        partially_evaluate(
            Entity(("User", uid), ALICE.attributes), "read", MILLISECONDS, SHIPPED.handle, SHIPPED.schema
        )
    except DecisionError:
        return


def test_overflow_in_a_forbid_is_an_error_and_does_not_skip_it() -> None:
    text = f"""{WALL}
@id("open") @reason("O.") permit (principal, action, resource);
@id("no") @reason("N.") forbid (principal, action == Action::"read", resource)
when {{ principal.clearance + 9223372036854775807 > resource.classification }};"""
    handle, _ = parse(text)
    assert validate(text, SHIPPED.schema) == []
    with pytest.raises(DecisionError, match="met an error"):
        partially_evaluate(ALICE, "read", MILLISECONDS, handle, SHIPPED.schema)
    with pytest.raises(DecisionError, match="met an error"):
        decide(ALICE, "read", [document()], MILLISECONDS, handle, SHIPPED.schema)


def test_unconditional_allow_is_an_error() -> None:
    handle, _ = parse('@id("open") @reason("O.") permit (principal, action, resource);')
    with pytest.raises(DecisionError, match="allows unconditionally"):
        partially_evaluate(ALICE, "read", MILLISECONDS, handle, SHIPPED.schema)


def test_no_residuals_are_an_error_and_never_no_conditions() -> None:
    handle, _ = parse("")
    with pytest.raises(DecisionError, match="never means no conditions"):
        partially_evaluate(ALICE, "read", MILLISECONDS, handle, SHIPPED.schema)


def test_forbid_that_already_holds_stays_among_the_residuals() -> None:
    text = WALL + '@id("no") @reason("N.") forbid (principal, action, resource) when { principal.clearance == 2 };'
    residuals = partially_evaluate(ALICE, "read", MILLISECONDS, parse(text)[0], SHIPPED.schema)
    assert {each.id: each.effect for each in residuals} == {"no": "forbid", "wall": "forbid"}
    assert residuals[0].body == pst.BinaryOp("and", pst.BoolLit(value=True), pst.BoolLit(value=True))


def test_word_resource_in_a_text_is_not_the_resource() -> None:
    text = (
        WALL
        + '@id("r") @reason("R.") permit (principal, action == Action::"read", resource)'
        + 'when { resource.audience == "resource" };'
    )
    permit = partially_evaluate(ALICE, "read", MILLISECONDS, parse(text)[0], SHIPPED.schema)[0]
    assert "StringLit(value='resource')" in repr(permit.body)


@pytest.mark.parametrize(
    "entity",
    [
        document(classification=None),
        document(extra=1),
        document(readers=["acme/staff"]),
        document(audience="\ud800"),
        document(audience=object()),
        document(classification=1.5),
        document(classification=float("nan")),
        Entity(("Document", "a"), {}),
        Entity(("Ghost", "a"), {}),
        Entity(("Document", "acme/a"), document().attributes, (("Group", "acme/x"),)),
    ],
)
def test_misfit_does_not_fit(entity: Entity) -> None:
    assert not fits(entity, SHIPPED.schema)
    assert fits(document(), SHIPPED.schema)


def test_unless_is_a_negated_when() -> None:
    _, nodes = parse("permit (principal, action, resource) when { true } unless { false };")
    (policy,) = nodes.static_policies.values()
    no = pst.UnaryOp("not", pst.BoolLit(value=False))
    yes = pst.BoolLit(value=True)
    assert body_of(policy) == pst.BinaryOp("and", pst.BinaryOp("and", yes, yes), no)


@pytest.mark.parametrize("text", ["permit", "permit (principal, action, resource) when { ", '"', "\x00", "🔒"])
def test_text_that_is_no_policy_is_a_policy_error(text: str) -> None:
    with pytest.raises(PolicyError):
        parse(text)


def test_brackets_in_texts_and_comments_are_no_nesting() -> None:
    filler = "(" * 5_000
    parse(f'// {filler} "\npermit (principal, action, resource) when {{ resource.a == "{filler}\\"{filler}" }};')
    with pytest.raises(PolicyError, match="operators and brackets"):
        parse(f"permit (principal, action, resource) when {{ {'(' * 500}true{')' * 500} }};")
