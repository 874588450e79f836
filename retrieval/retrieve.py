"""The four steps in order: scope, search, admit, record. Nothing else in the application finds a document's text."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from authz.directory import Principal
from authz.policy_set import PolicySet
from authz.scope import Scope, scope
from retrieval.admission import Admission, admit
from retrieval.audit import AuditLog
from retrieval.deadline import Clock, Deadline
from retrieval.index import Hits
from retrieval.record import Purpose, Retrieval, record, record_event
from retrieval.registry import Registry
from retrieval.tracing import PREFIX, step

Find = Callable[[Scope], Hits]
"""One of the three ways to ask an index, with everything but the scope already given."""


@dataclass(frozen=True, slots=True)
class Stores:
    """What a retrieval reads and writes, once an index has found something."""

    registry: Registry
    audit: AuditLog
    clock: Clock


def retrieve(
    find: Find,
    principal: Principal,
    purpose: Purpose,
    now: datetime,
    policies: PolicySet,
    stores: Stores,
    deadline: Deadline,
) -> Retrieval:
    """Return what `find` finds for `principal`, authorized twice and recorded; no step begins after `deadline`.

    A step that fails is recorded as `failed` and its error goes on: `ScopeError`, `DecisionError`,
    `EmbeddingUnavailableError`, `SearchUnavailableError`, `RegistryUnavailableError`, `DeadlineExceededError`, or
    what nobody foresaw. Raises `AuditUnavailableError` if no record can be made, whatever else happened.
    """
    try:
        allowed = _scope(principal, policies, now, deadline)
        hits = _found(find, allowed, deadline)
        admission = _admitted(hits, allowed, policies, stores, deadline)
        deadline.left()
    except Exception as error:  # whatever went wrong, the attempt is on record
        with step("record"):
            record_event(principal, purpose, policies, now, "failed", {"failure": type(error).__name__}, stores.audit)
        raise
    with step("record"):
        return record(admission, purpose, policies, stores.audit)


def _scope(principal: Principal, policies: PolicySet, now: datetime, deadline: Deadline) -> Scope:
    with step("scope") as span:
        deadline.left()
        span.set_attribute("antechamber.policies", policies.digest[:PREFIX])
        return scope(principal, policies, now)


def _found(find: Find, allowed: Scope, deadline: Deadline) -> Hits:
    with step("search") as span:
        deadline.left()
        hits = find(allowed)
        span.set_attribute("antechamber.hits", len(hits))
        return hits


def _admitted(hits: Hits, allowed: Scope, policies: PolicySet, stores: Stores, deadline: Deadline) -> Admission:
    with step("admit") as span:
        deadline.left()
        admission = admit(hits, allowed, policies, stores.registry, stores.clock)
        span.set_attribute("antechamber.admitted", len(admission.passages))
        return admission
