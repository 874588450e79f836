"""Steps out of order: each takes the previous step's type, so that strict mypy refuses a short cut."""

from collections.abc import Sequence
from datetime import datetime

from authz.condition import ALWAYS, Condition
from authz.directory import Directory, Entitlements, Principal, look_up
from authz.identity import BearerToken, Identity
from authz.policy_set import PolicySet
from authz.resource import TenantId
from authz.scope import scope
from retrieval.actor import AbsentAuthor
from retrieval.admission import Admission, Passage, admit
from retrieval.audit import AuditLog
from retrieval.deadline import Clock, Deadline
from retrieval.index import Hits, Index, Query
from retrieval.record import Purpose, record
from retrieval.registry import Registry
from retrieval.retrieve import Stores, retrieve
from service.prompt import Question, build_prompt


def search_with_a_condition(index: Index, query: Query, condition: Condition, deadline: Deadline) -> Hits:
    """Search without a principal."""
    return index.search(query, condition, 10, deadline)  # type: ignore[arg-type]


def search_with_everything(index: Index, query: Query, deadline: Deadline) -> Hits:
    """Search the whole index."""
    return index.search(query, ALWAYS, 10, deadline)  # type: ignore[arg-type]


def search_with_nothing(index: Index, query: Query, deadline: Deadline) -> Hits:
    """Forget the filter."""
    return index.search(query, None, 10, deadline)  # type: ignore[arg-type]


def list_as_an_identity(index: Index, identity: Identity, deadline: Deadline) -> Hits:
    """List documents as somebody whom no directory knows."""
    return index.documents(identity, None, 10, deadline)  # type: ignore[arg-type]


def scope_of_entitlements(held: Entitlements, policies: PolicySet, now: datetime) -> object:
    """Make a scope for plain data, without a look-up."""
    return scope(held, policies, now)  # type: ignore[arg-type]


def scope_of_an_absent_author(author: AbsentAuthor, policies: PolicySet, now: datetime) -> object:
    """Search for somebody whose write is made without a token."""
    return scope(author, policies, now)  # type: ignore[arg-type]


def look_up_a_token(token: BearerToken, directory: Directory) -> Principal:
    """Look up what nobody verified."""
    return look_up(token, directory)  # type: ignore[arg-type]


def admit_for_a_principal(
    hits: Hits, principal: Principal, policies: PolicySet, registry: Registry, clock: Clock
) -> Admission:
    """Admit without the first door."""
    return admit(hits, principal, policies, registry, clock)  # type: ignore[arg-type]


def record_hits(hits: Hits, purpose: Purpose, policies: PolicySet, audit: AuditLog) -> object:
    """Record what nobody admitted."""
    return record(hits, purpose, policies, audit)  # type: ignore[arg-type]


def retrieve_for_a_tenant(tenant: TenantId, purpose: Purpose, now: datetime, policies: PolicySet, on: Stores) -> object:
    """Retrieve for a tenant as a whole."""
    return retrieve(lambda _: [], tenant, purpose, now, policies, on, Deadline.after(1))  # type: ignore[arg-type]


def prompt_from_text(question: Question) -> object:
    """Build a prompt from raw text."""
    return build_prompt(question, ["raw text"])  # type: ignore[arg-type]


def prompt_from_hits(question: Question, hits: Hits) -> object:
    """Build a prompt from what an index says."""
    return build_prompt(question, hits)  # type: ignore[arg-type]


def prompt_from_unrecorded_passages(question: Question, passages: Sequence[Passage]) -> object:
    """Build a prompt from admitted passages without a record."""
    return build_prompt(question, passages)  # type: ignore[arg-type]


def prompt_from_an_admission(question: Question, admission: Admission) -> object:
    """Build a prompt before the record is durable."""
    return build_prompt(question, admission)  # type: ignore[arg-type]
