"""Cedar's evaluation, full and partial, behind calls that cannot be misread. The one importer of cedarpy."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cedarpy
from cedarpy import pst

from authz.errors import DecisionError, MisfitError, PolicyError
from authz.schema import datetime_text

__all__ = [
    "Entity",
    "Evaluation",
    "Policies",
    "Residual",
    "Schema",
    "decide",
    "fits",
    "parse",
    "partially_evaluate",
    "pst",
    "validate",
]

Policies = cedarpy.PolicySet
Schema = cedarpy.Schema

# Cedar ends a comment at a carriage return too: what follows one is policy.
_QUOTED_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\r\n]*')
_NESTING = re.compile(r"[(\[{!+*.<>=-]|&&|\|\||\b(?:if|in|is|has|like)\b")
_MAX_NESTING = 400

_UNKNOWN, _VARIABLE = json.dumps({"unknown": [{"Value": "resource"}]}), json.dumps({"Var": "resource"})

Uid = tuple[str, str]
"""An entity's type and id."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity for one evaluation: attributes in Cedar's JSON, parents by uid."""

    uid: Uid
    attributes: Mapping[str, object]
    parents: tuple[Uid, ...] = ()

    def json(self) -> dict[str, object]:
        """Return Cedar's JSON of this entity."""
        return {"uid": _uid(self.uid), "attrs": self.attributes, "parents": [_uid(parent) for parent in self.parents]}


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left of one policy when all but the resource is known."""

    id: str
    effect: Literal["permit", "forbid"]
    body: pst.Expr


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Cedar's decision on one resource, with the ids of the policies that determined it."""

    allowed: bool
    policies: tuple[str, ...]


def parse_schema(text: str) -> Schema:
    """Return the Cedar schema in JSON `text`. Raises `PolicyError`."""
    try:
        return cedarpy.Schema.from_json_str(text)
    except ValueError as error:
        message = f"schema.json: {error}"
        raise PolicyError(message) from error


def parse(text: str) -> tuple[Policies, pst.PolicySet]:
    """Return Cedar `text` as a handle to evaluate and as typed nodes to read. Raises `PolicyError`."""
    _check_nesting(text)
    try:
        handle = cedarpy.PolicySet.from_str(text)
        return handle, handle.to_pst()
    except ValueError as error:
        raise PolicyError(str(error)) from error


def validate(text: str, schema: Schema) -> list[str]:
    """Return what Cedar's strict validation finds wrong with the policies in `text`."""
    result = cedarpy.validate_policies(text, schema)
    names = result.id_annotations_by_policy_id
    errors = [f'policy "{names.get(error.policy_id, error.policy_id)}": {error.error}' for error in result.errors]
    return errors or ([] if result.validation_passed else ["validation failed without naming an error"])


def partially_evaluate(
    principal: Entity, action: str, now: int, policies: Policies, schema: Schema
) -> tuple[Residual, ...]:
    """Return every policy's residual for `principal` at `now` (epoch milliseconds), the resource being unknown.

    Raises `DecisionError` for Cedar's way of reporting an input error (no decision and no residual), for any
    error that an evaluation met, and for an unconditional allow.
    """
    request = {"principal": _text(principal.uid), "action": _text(("Action", action)), "context": _context(now)}
    try:
        result = cedarpy.is_authorized_partial(request, policies, json.dumps([principal.json()]), schema)
    except ValueError as error:
        message = "the policy engine refused its input"
        raise DecisionError(message) from error
    if result.diagnostics.errors:
        message = "a policy met an error in partial evaluation; Cedar would skip it"
        raise DecisionError(message)
    if result.decision is cedarpy.Decision.Allow:
        message = "partial evaluation allows unconditionally; the tenant wall must always leave a residual"
        raise DecisionError(message)
    if not result.residuals:
        message = "no residuals: this is how an input error is reported, and never means no conditions"
        raise DecisionError(message)
    return _typed(result.residuals)


def decide(
    principal: Entity, action: str, resources: Sequence[Entity], now: int, policies: Policies, schema: Schema
) -> list[Evaluation]:
    """Return Cedar's full evaluation for each of `resources`, in their order.

    All entities must fit the schema and differ in uid: one misfit leaves Cedar without a decision on any.
    Raises `MisfitError` if they do not, and `DecisionError` if Cedar gives no decision or meets an error in any policy.
    """
    context = _context(now)
    requests = [
        {
            "principal": _uid(principal.uid),
            "action": _uid(("Action", action)),
            "resource": _uid(each.uid),
            "context": context,
        }
        for each in resources
    ]
    # What is evaluated is the very handle that was read against the schema.
    entities = _read((principal, *resources), schema)
    try:
        results = cedarpy.is_authorized_batch(requests, policies, entities, schema)
    except ValueError as error:
        message = "the policy engine refused its input"
        raise DecisionError(message) from error
    if len(results) != len(resources):
        message = "the policy engine answered for another number of resources"
        raise DecisionError(message)
    return [_evaluation(result) for result in results]


def fits(entity: Entity, schema: Schema) -> bool:
    """Return whether `entity` conforms to `schema`."""
    try:
        _read([entity], schema)
    except MisfitError:
        return False
    return True


def _read(entities: Sequence[Entity], schema: Schema) -> cedarpy.Entities:
    try:
        return cedarpy.Entities.from_json_str(json.dumps([entity.json() for entity in entities]), schema)
    except (ValueError, TypeError) as error:  # TypeError: a value that JSON does not know
        message = "an entity does not fit the schema"
        raise MisfitError(message) from error


def _check_nesting(text: str) -> None:
    """Refuse a policy with so many operators and brackets that the engine's recursive parser may end the process."""
    for policy in _QUOTED_OR_COMMENT.sub("", text).split(";"):
        if len(_NESTING.findall(policy)) > _MAX_NESTING:
            message = f"a policy has more than {_MAX_NESTING} operators and brackets; write it as several policies"
            raise PolicyError(message)


def _evaluation(result: cedarpy.AuthzResult) -> Evaluation:
    if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
        message = "the policy engine met an error or gave no decision"
        raise DecisionError(message)
    names = result.diagnostics.id_annotations_by_reason
    reasons = tuple(sorted(names.get(reason, reason) for reason in result.diagnostics.reasons))
    return Evaluation(result.allowed, reasons)


def _typed(residuals: Mapping[str, object]) -> tuple[Residual, ...]:
    """Read residuals through Cedar's own parser, with the unknown resource written as the variable it stands for."""
    document = json.dumps({"staticPolicies": residuals, "templates": {}, "templateLinks": []})
    try:
        # Within a string of the document every quote is escaped, so only the unknown itself can be met here.
        policies = (
            cedarpy.PolicySet.from_json_str(document.replace(_UNKNOWN, _VARIABLE)).to_pst().static_policies.values()
        )
    except ValueError as error:
        message = "a residual holds what Cedar itself cannot read back"
        raise DecisionError(message) from error
    if len(policies) != len(residuals):
        message = "residuals were lost while reading them back"
        raise DecisionError(message)
    typed = (Residual(each.annotations["id"], each.effect, body_of(each)) for each in policies)
    return tuple(sorted(typed, key=lambda residual: residual.id))


def body_of(policy: pst.Template) -> pst.Expr:
    """Return the clauses of `policy` as one expression: each `when`, and the negation of each `unless`."""
    body: pst.Expr = pst.BoolLit(value=True)
    for clause in policy.clauses:
        part = clause.expr if isinstance(clause, pst.When) else pst.UnaryOp("not", clause.expr)
        body = pst.BinaryOp("and", body, part)
    return body


def _context(now: int) -> dict[str, object]:
    return {"now": {"__extn": {"fn": "datetime", "arg": datetime_text(now)}}}


def _uid(uid: Uid) -> dict[str, str]:
    return {"type": uid[0], "id": uid[1]}


def _text(uid: Uid) -> str:
    return f"{uid[0]}::{json.dumps(uid[1])}"
