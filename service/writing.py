"""Writing a document: Cedar decides each change on what is and what will be, and it is recorded before it is made."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from authz.decision import decide
from authz.directory import Entitlements, Principal, look_up
from authz.errors import UnknownPrincipalError
from authz.policy_set import PolicySet
from authz.resource import EntityId, Resource
from authz.schema import AttributeTypes, plain_attributes
from retrieval.actor import AbsentAuthor, Role
from retrieval.audit import AuditLog, Json, Outcome, Receipt
from retrieval.deadline import Clock
from retrieval.document import DocumentRecord
from retrieval.ingest.source import OnWrite, Write, WriteAction
from retrieval.record import Purpose, record_event
from service.dependencies import APPLICATION
from service.errors import ForbiddenError
from service.request import Call

Close = Callable[[Receipt, Outcome], None]
"""Closes a record; if it cannot, it says so elsewhere, and the opening record stands."""


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody who writes: entered before each change of the registry, it decides and records, or raises.

    In a request a principal; afterwards, for what was staged, whoever it was, by what the directory holds of them then.
    """

    actor: Principal | AbsentAuthor
    purpose: Purpose
    policies: PolicySet
    now: datetime
    audit: AuditLog
    close: Close
    details: Mapping[str, Json] = field(default_factory=dict)
    """What each of the records says beside."""

    @classmethod
    def of(cls, call: Call, principal: Principal) -> Self:
        """Return the author of `call`."""
        return cls(principal, call.purpose("write"), call.policies, call.now, call.on.stores.audit, call.close)

    def anew(self, call: Call, write: Write) -> "Author":
        """Return the author of `call` by what the directory and the policies say now.

        Raises `ForbiddenError`, once that is recorded, if the directory does not know them any more, and as `look_up`.
        """
        try:
            principal = look_up(call.identity, call.on.directory)
        except UnknownPrincipalError as error:
            self.refused(write.action, write.after.document)
            raise ForbiddenError from error
        return Author.of(replace(call, now=call.on.now(), policies=call.on.policies()), principal)

    @property
    def held(self) -> Entitlements:
        """What the directory says that they hold."""
        return self.actor.entitlements

    @contextmanager
    def __call__(self, write: Write) -> Iterator[None]:
        """Let `write` be made, recorded. Raises `ForbiddenError` if denied, and `AuditUnavailableError`."""
        # What is retired has no access to lose, but what an interrupted write left of it may be erased again.
        is_there = write.before is not None and (write.before.status == "active" or write.action == "erase")
        before = write.before if is_there else None
        after = write.after if write.after.status == "active" else None
        states = [each.resource() for each in (before, after) if each is not None]
        allowed, policies = self._decide(actions(write.action, *states), states)
        details = write_details(write, policies, allowed=allowed)
        receipt = self._record("open" if allowed else "denied", details, write_labels(write, self.policies))
        if not allowed:
            raise ForbiddenError
        with closed_by_outcome(lambda outcome: self.close(receipt, outcome)):
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
        details = {**self.details, **details}
        return record_event(self.actor, self.purpose, self.policies, self.now, outcome, details, self.audit, personal)

    def _decide(self, wanted: Sequence[WriteAction], states: Sequence[Resource]) -> tuple[bool, list[str]]:
        # Old and proposed state share their id, and a batch decides each id once: so one call for each.
        pairs = [(action, state) for action in wanted for state in states]
        decisions = [decide(self.held, action, [state], self.policies, self.now)[0] for action, state in pairs]
        policies = sorted({policy for decision in decisions for policy in decision.policies})
        return bool(decisions) and all(decision.allowed for decision in decisions), policies


def recorded_by(role: Role, policies: Callable[[], PolicySet], audit: AuditLog, clock: Clock) -> OnWrite:
    """Return what records the writes that the deployment's own `role` makes, each before it is made."""

    @contextmanager
    def on_write(write: Write) -> Iterator[None]:
        running, purpose = policies(), Purpose("write", secrets.token_hex(8), APPLICATION)
        details, personal = write_details(write, (), allowed=True), write_labels(write, running)
        receipt = record_event(role, purpose, running, clock(), "open", details, audit, personal)
        with closed_by_outcome(lambda outcome: audit.close(receipt, outcome, {})):
            yield

    return on_write


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
