"""Writing a document: Cedar decides each change on what is and what will be, and it is recorded before it is made."""

from collections.abc import Sequence
from dataclasses import dataclass

from authz.decision import decide
from authz.directory import Principal
from authz.resource import EntityId, Resource
from retrieval.audit import Json, Outcome
from retrieval.ingest.source import Write, WriteAction
from retrieval.record import record_event
from service.errors import ForbiddenError
from service.request import Call


@dataclass(frozen=True, slots=True)
class Author:
    """A principal who writes: called before each change of the registry, it decides and records, or raises."""

    call: Call
    principal: Principal

    def __call__(self, write: Write) -> None:
        """Let `write` be made, recorded. Raises `ForbiddenError` if denied, and `AuditUnavailableError`."""
        states = [
            each.resource() for each in (write.before, write.after) if each is not None and each.status == "active"
        ]
        allowed, policies = self._decide(write.action, states)
        details = write_details(write, policies, allowed=allowed)
        outcome: Outcome = "complete" if allowed else "denied"
        call = self.call
        record_event(
            self.principal, call.purpose("write"), call.policies, call.now, outcome, details, call.on.stores.audit
        )
        if not allowed:
            raise ForbiddenError

    def check(self, action: WriteAction, states: Sequence[Resource]) -> bool:
        """Return whether `action` on all of `states` would be allowed now, before any work is done for it."""
        return self._decide(action, states)[0]

    def refused(self, action: WriteAction, document: EntityId) -> None:
        """Record an attempt that is refused before any work is done for it: the document's id is kept as personal."""
        call = self.call
        details: dict[str, Json] = {"action": action, "decision": "denied"}
        purpose = call.purpose("write", document)
        record_event(self.principal, purpose, call.policies, call.now, "denied", details, call.on.stores.audit)

    def _decide(self, action: WriteAction, states: Sequence[Resource]) -> tuple[bool, list[str]]:
        # Old and proposed state share their id, and a batch decides each id once: so one call for each.
        call, held = self.call, self.principal.entitlements
        decisions = [decide(held, action, [state], call.policies, call.now)[0] for state in states]
        policies = sorted({policy for decision in decisions for policy in decision.policies})
        return bool(decisions) and all(decision.allowed for decision in decisions), policies


def write_details(write: Write, policies: Sequence[str], *, allowed: bool) -> dict[str, Json]:
    """Return what a record says of a write: which document, from which revision to which, and what decided it."""
    return {
        "action": write.action,
        "document": write.after.key,
        "version": str(write.after.version),
        "from": str(write.before.revision) if write.before else None,
        "revision": str(write.after.revision),
        "decision": "allowed" if allowed else "denied",
        "policies": list(policies),
    }
