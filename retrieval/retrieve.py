"""The four steps in order: scope, search, admit, record. Nothing else in the application finds a document's text."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from authz.directory import Principal
from authz.policy_set import PolicySet
from authz.scope import Scope, scope
from retrieval.admission import admit
from retrieval.audit import AuditLog
from retrieval.deadline import Clock
from retrieval.index import Hits
from retrieval.record import Purpose, Retrieval, record, record_event
from retrieval.registry import Registry

Find = Callable[[Scope], Hits]
"""One of the three ways to ask an index, with everything but the scope already given."""


@dataclass(frozen=True, slots=True)
class Stores:
    """What a retrieval reads and writes, once an index has found something."""

    registry: Registry
    audit: AuditLog
    clock: Clock


def retrieve(
    find: Find, principal: Principal, purpose: Purpose, now: datetime, policies: PolicySet, stores: Stores
) -> Retrieval:
    """Return what `find` finds for `principal`, authorized twice and recorded.

    A step that fails is recorded as `failed` and its error goes on: `ScopeError`, `DecisionError`,
    `EmbeddingUnavailableError`, `SearchUnavailableError`, `RegistryUnavailableError`, `DeadlineExceededError`, or
    what nobody foresaw. Raises `AuditUnavailableError` if no record can be made, whatever else happened.
    """
    try:
        allowed = scope(principal, policies, now)
        hits = find(allowed)
        admission = admit(hits, allowed, policies, stores.registry, stores.clock)
    except Exception as error:  # whatever went wrong, the attempt is on record
        record_event(principal, purpose, policies, now, "failed", {"failure": type(error).__name__}, stores.audit)
        raise
    return record(admission, purpose, policies, stores.audit)
