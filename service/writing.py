"""Writing a document: Cedar decides each change on what is and what will be, and it is recorded before it is made."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from authz.decision import decide
from authz.directory import Principal
from authz.policy_set import PolicySet
from authz.resource import EntityId, Resource
from authz.schema import AttributeTypes, plain_attributes
from retrieval.audit import Json, Outcome, Receipt
from retrieval.document import DocumentRecord
from retrieval.ingest.source import Write, WriteAction
from retrieval.record import record_event
from service.errors import ForbiddenError
from service.request import Call


@dataclass(frozen=True, slots=True)
class Author:
    """A principal who writes: entered before each change of the registry, it decides and records, or raises."""

    call: Call
    principal: Principal

    @contextmanager
    def __call__(self, write: Write) -> Iterator[None]:
        """Let `write` be made, recorded. Raises `ForbiddenError` if denied, and `AuditUnavailableError`."""
        before = write.before if write.before and write.before.status == "active" else None
        after = write.after if write.after.status == "active" else None
        states = [each.resource() for each in (before, after) if each is not None]
        allowed, policies = self._decide(actions(write.action, *states), states)
        details = write_details(write, policies, allowed=allowed)
        receipt = self._record("open" if allowed else "denied", details, write_labels(write, self.call.policies))
        if not allowed:
            raise ForbiddenError
        with closed_by_outcome(lambda outcome: self.call.close(receipt, outcome)):
            yield

    def check(self, action: WriteAction, states: Sequence[Resource]) -> bool:
        """Return whether `action` on all of `states` would be allowed now, before any work is done for it."""
        return self._decide(actions(action, *states), states)[0]

    def refused(self, action: WriteAction, document: EntityId) -> None:
        """Record an attempt that is refused before any work is done for it."""
        self._record("denied", {"action": action, "decision": "denied"}, {"target": document})

    def repeated(self, action: WriteAction, record: DocumentRecord) -> None:
        """Record a write that changes nothing in the registry, because it says what is there already."""
        details: dict[str, Json] = {"action": action, "document": record.key, "revision": str(record.revision)}
        self._record("complete", {**details, "decision": "allowed", "repeated": True}, {})

    def _record(self, outcome: Outcome, details: dict[str, Json], personal: dict[str, Json]) -> Receipt:
        call = self.call
        purpose, audit = call.purpose("write"), call.on.stores.audit
        return record_event(self.principal, purpose, call.policies, call.now, outcome, details, audit, personal)

    def _decide(self, wanted: Sequence[WriteAction], states: Sequence[Resource]) -> tuple[bool, list[str]]:
        # Old and proposed state share their id, and a batch decides each id once: so one call for each.
        call, held = self.call, self.principal.entitlements
        decisions = [decide(held, action, [state], call.policies, call.now)[0] for action in wanted for state in states]
        policies = sorted({policy for decision in decisions for policy in decision.policies})
        return bool(decisions) and all(decision.allowed for decision in decisions), policies


def actions(action: WriteAction, *states: Resource) -> list[WriteAction]:
    """Return what must be allowed for `action` on `states`: a replacement with other access is a relabel too."""
    labels = {(tuple(sorted(each.attributes.items(), key=str)), each.collections) for each in states}
    return [action, "relabel"] if action == "replace" and len(labels) > 1 else [action]


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


def write_labels(write: Write, policies: PolicySet) -> dict[str, Json]:
    """Return the access before and after a write: it names people, so it is kept where it can be erased."""
    types = policies.attributes.document
    states = {"before": write.before, "after": write.after}
    return {name: None if each is None else _labels(each, types) for name, each in states.items()}


def _labels(record: DocumentRecord, types: AttributeTypes) -> dict[str, Json]:
    plain: dict[str, Json] = {"collections": sorted(record.collections)}
    for name, value in plain_attributes(types, record.attributes).items():
        plain[name] = list(value) if isinstance(value, list) else str(value) if isinstance(value, int) else value  # type: ignore[assignment]
    return plain


@contextmanager
def closed_by_outcome(close: Callable[[Outcome], None]) -> Iterator[None]:
    """Call `close` with how the block ended."""
    try:
        yield
    except BaseException:
        close("failed")
        raise
    close("complete")
