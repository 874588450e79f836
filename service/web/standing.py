"""From a person to what they stand on: what the directory says they hold, and what the policies leave of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from authz.compiler import Compiler
from authz.condition import NEVER
from authz.directory import Entitlements, Principal
from authz.engine import Residual
from authz.policy_set import PolicySet
from authz.schema import TENANT, plain_attributes
from authz.scope import scope
from service.request import Call
from service.web.words import Line, Names, lines, short


@dataclass(frozen=True, slots=True)
class Applying:
    """A policy, and what it still asks of a document when the person is known."""

    id: str
    effect: str
    reason: str
    place: str
    leaves: Line | None
    """None: nothing is left of it for this person."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What one person stands on at one instant."""

    name: str
    tenant: str
    attributes: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]
    condition: Line
    digest: str
    epoch: int


def standing(call: Call, principal: Principal, name: str) -> Standing:
    """Return what `principal` stands on at this call. Raises `ScopeError`."""
    held = principal.entitlements
    allowed = scope(principal, call.policies, call.now)
    attributes = plain_attributes(call.policies.attributes.principal, held.attributes)
    return Standing(
        name=name,
        tenant=held.tenant,
        attributes=tuple((key, shown(value)) for key, value in attributes.items() if key != TENANT),
        groups=tuple(sorted(short(each) for each in held.closure.groups)),
        condition=lines(allowed.condition, call.policies.attributes.document, {held.uid: name}),
        digest=call.policies.digest,
        epoch=held.epoch,
    )


def applying(
    residuals: Iterable[Residual], held: Entitlements, policies: PolicySet, names: Names
) -> tuple[Applying, ...]:
    """Return the policy of each residual, with what it leaves for who holds `held`."""
    compiler, types = Compiler(policies.attributes, held.uid, held.closure.groups), policies.attributes.document
    found = []
    for each in residuals:
        policy, left = policies.policies[each.id], compiler.compile(each.body)
        leaves = None if left == NEVER else lines(left, types, names)
        found.append(Applying(policy.id, policy.effect, policy.reason, policy.place, leaves))
    return tuple(found)


def shown(value: object) -> str:
    """Return an attribute's plain value as text."""
    if isinstance(value, list):
        return ", ".join(short(str(each)) for each in value) or "none"
    return str(value)
