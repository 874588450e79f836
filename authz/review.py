"""From a policy set to what its policies say in vain: those that never match, permits that never open anything.

Only what is proven is reported, by the tableau in each request environment of the schema. A permit is shut if each
request that it matches is one that a forbid matches too, or one that a policy meets an error on, which both doors
refuse. Whether a group has anybody in it, or which documents there are, is not looked at.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from authz import engine
from authz.alternatives import Goal
from authz.engine import pst
from authz.environment import Environment, environments
from authz.policy_file import Policy, scope_of
from authz.policy_set import PolicySet
from authz.tableau import impossible


@dataclass(frozen=True, slots=True)
class Finding:
    """What a policy says in vain."""

    policy: Policy
    text: str


@dataclass(frozen=True, slots=True)
class _Reviewed:
    policy: Policy
    node: pst.Template

    def applies(self, environment: Environment) -> bool:
        """Return whether the policy's head names the action of `environment`, or any."""
        return _named(self.node.action) is None or bool(environment.groups & set(_named(self.node.action) or ()))

    @property
    def asks(self) -> pst.Expr:
        """All that the policy asks of a request but its action, as one expression."""
        who, what = scope_of("principal", self.node.principal), scope_of("resource", self.node.resource)
        return pst.BinaryOp("and", pst.BinaryOp("and", who, what), engine.body_of(self.node))


def review(policies: PolicySet) -> list[Finding]:
    """Return what is proven to be said in vain in `policies`, in their order."""
    read = list(_read(policies))
    asked = list(environments(policies.sources["schema.json"], policies.attributes))
    forbids = [each for each in read if each.policy.effect == "forbid"]
    return [finding for each in read for finding in _findings(each, forbids, asked)]


def _read(policies: PolicySet) -> Iterator[_Reviewed]:
    for name, text in policies.sources.items():
        if name.endswith(".cedar"):
            _, nodes = engine.parse(text)
            for node in nodes.static_policies.values():
                yield _Reviewed(policies.policies[node.annotations["id"]], node)


def _named(action: pst.ActionConstraint) -> tuple[str, ...] | None:
    """Return the actions that a head names, None if it leaves them open."""
    match action:
        case pst.ActionEq(entity):
            return (entity.id,)
        case pst.ActionIn(entities):
            return tuple(entity.id for entity in entities)
        case _:
            return None


def _findings(policy: _Reviewed, forbids: Sequence[_Reviewed], asked: Iterable[Environment]) -> Iterator[Finding]:
    applicable = [each for each in asked if policy.applies(each)]
    alive = [each for each in applicable if not impossible([Goal(policy.asks)], each)]
    if not alive:
        effect = "it never forbids anything" if policy.policy.effect == "forbid" else "it never opens anything"
        yield Finding(policy.policy, f"no request can match what it asks, so {effect}")
        return
    yield from _idle(policy, applicable, alive, "no request with that action can match what it asks")
    if policy.policy.effect == "permit":
        yield from _shut(policy, forbids, alive)


def _shut(policy: _Reviewed, forbids: Sequence[_Reviewed], alive: Sequence[Environment]) -> Iterator[Finding]:
    """Yield what a permit never opens because of the forbids."""
    opened = [each for each in alive if not _is_shut(policy, forbids, each)]
    if opened:
        yield from _idle(policy, alive, opened, "whatever it permits there is forbidden")
        return
    alone = [each.policy.id for each in forbids if all(_is_shut(policy, [each], where) for where in alive)]
    by = f'"{alone[0]}" forbids' if alone else "the forbids together forbid"
    yield Finding(policy.policy, f"it never opens anything: {by} whatever it permits")


def _is_shut(policy: _Reviewed, forbids: Sequence[_Reviewed], where: Environment) -> bool:
    spared = [Goal(each.asks, truth=False) for each in forbids if each.applies(where)]
    return impossible([Goal(policy.asks), *spared], where)


def _idle(
    policy: _Reviewed, before: Sequence[Environment], after: Sequence[Environment], why: str
) -> Iterator[Finding]:
    """Yield a finding for each action that the head names and of which nothing is left."""
    for name in _named(policy.node.action) or ():
        if any(name in each.groups for each in before) and not any(name in each.groups for each in after):
            yield Finding(policy.policy, f'Action::"{name}" stands in its head in vain: {why}')
