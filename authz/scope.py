"""From a principal to a scope: what this principal may find. Door one."""

import hashlib
import json
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import final

from authz import condition as c
from authz import engine
from authz.compiler import Compiler
from authz.directory import Entitlements, Principal
from authz.errors import DecisionError, ScopeError, UncompilableError
from authz.policy_set import PolicySet
from authz.schema import cedar_attributes, to_milliseconds
from authz.seal import Seal

_SEAL = Seal("Scope")


@final
@dataclass(frozen=True, slots=True)
class Scope:
    """What a principal may find at one instant, under one policy set. Made only by `scope`."""

    principal: Principal
    condition: c.Condition = field(repr=False)
    policy_digest: str
    now: datetime
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        """Refuse to be made elsewhere."""
        _SEAL.check(seal)

    @property
    def epoch(self) -> int:
        """The directory epoch of the principal."""
        return self.principal.entitlements.epoch

    @property
    def digest(self) -> str:
        """SHA-256 in hex over all that the condition derives from: policies, entitlements, instant."""
        parts = [self.policy_digest, self.principal.entitlements.digest, to_milliseconds(self.now)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def scope(principal: Principal, policies: PolicySet, now: datetime) -> Scope:
    """Return what `principal` may find under `policies` at `now`. Raises `ScopeError` as `condition_for` does."""
    condition = condition_for(principal.entitlements, policies, now)
    return Scope(principal, condition, policies.digest, now, _SEAL)


def condition_for(entitlements: Entitlements, policies: PolicySet, now: datetime) -> c.Condition:
    """Return the condition under which who holds `entitlements` may read a document; `NEVER` in an unknown tenant.

    Raises `ScopeError` if the engine reports an error, allows unconditionally, or leaves what cannot be compiled.
    """
    if entitlements.tenant not in policies.tenants:
        return c.NEVER
    try:
        condition = combine(residuals_for(entitlements, policies, now), entitlements, policies)
    except (DecisionError, UncompilableError) as error:
        message = f"no scope can be derived: {error}"
        raise ScopeError(message) from error
    if condition == c.ALWAYS:
        message = "the policies open every document to this principal; the tenant wall must always leave a condition"
        raise ScopeError(message)
    return condition


def residuals_for(entitlements: Entitlements, policies: PolicySet, now: datetime) -> tuple[engine.Residual, ...]:
    """Return what Cedar leaves of each policy for reading an unknown document. Raises `DecisionError`."""
    principal = principal_entity(entitlements, policies.literals, policies)
    return engine.partially_evaluate(principal, "read", to_milliseconds(now), policies.handle, policies.schema)


def combine(residuals: tuple[engine.Residual, ...], entitlements: Entitlements, policies: PolicySet) -> c.Condition:
    """Return (any permit) and not (any forbid), each compiled. Raises `UncompilableError`."""
    compiler = Compiler(policies.attributes, entitlements.uid, entitlements.closure.groups)
    compiled = [(residual.effect, compiler.compile(residual.body)) for residual in residuals]
    permits = c.any_of(condition for effect, condition in compiled if effect == "permit")
    forbids = c.any_of(condition for effect, condition in compiled if effect == "forbid")
    return c.all_of([permits, c.not_(forbids)])


def principal_entity(entitlements: Entitlements, groups: frozenset[str], policies: PolicySet) -> engine.Entity:
    """Return the principal with those of its ancestors that are among `groups` or that its own attributes name."""
    named = policies.attributes.groups_of_principal(entitlements.attributes)
    parents = tuple(("Group", group) for group in sorted(entitlements.closure.groups & (groups | named)))
    attributes = cedar_attributes(policies.attributes.principal, entitlements.attributes)
    return engine.Entity(("User", entitlements.uid), attributes, parents)
