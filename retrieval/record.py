"""From an admission to a retrieval: the record is durable before anything is disclosed."""

import secrets
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal, final

from authz.directory import Entitlements
from authz.policy_set import PolicySet
from authz.schema import datetime_text, plain_attributes, to_milliseconds
from authz.seal import Seal
from retrieval.actor import Actor, Role, person_of
from retrieval.admission import Admission, Passage, Refused
from retrieval.audit import FORMAT, AuditLog, Entry, Json, Outcome, Receipt, canonical, sha256

_SEAL = Seal("Retrieval")

Event = Literal["answer", "search", "view", "list", "write", "directory", "audit-read", "operator-view"]


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why something is retrieved, and for whom the record must be found again."""

    event: Event
    request: str
    """The request's id."""
    application: str
    """This application's name and version."""
    question: str | None = field(default=None, repr=False)
    """Personal: kept in the erasable table only."""
    model: str | None = None
    template: str | None = None
    budget: int | None = None
    """How many characters of text, titles included, may be disclosed; None: no bound but the number of hits."""
    guardrail: str | None = None


@final
@dataclass(frozen=True, slots=True)
class Retrieval:
    """Admitted passages bound to their durable record. Made only by `record`."""

    passages: tuple[Passage, ...]
    refused: tuple[Refused, ...]
    receipt: Receipt
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        """Refuse to be made elsewhere."""
        _SEAL.check(seal)


def record(admission: Admission, purpose: Purpose, policies: PolicySet, audit: AuditLog) -> Retrieval:
    """Return what `admission` lets through within the budget of `purpose`, once `audit` holds the record of it.

    Raises `AuditUnavailableError` if the record is not durable; then nothing may be disclosed.
    """
    decisions = _within(admission.decisions, purpose.budget)
    passages = tuple(each for each in decisions if isinstance(each, Passage))
    refused = tuple(each for each in decisions if isinstance(each, Refused))
    outcome: Outcome = "denied" if not passages else "open" if purpose.event == "answer" else "complete"
    salt = secrets.token_hex(16)
    details: dict[str, Json] = {
        "instant": _text(admission.instant),
        "scope": commitment(salt, admission.scope.digest),
        "hits": [_hit(each, salt) for each in decisions],
    }
    receipt = _append(admission.scope.principal, purpose, policies, admission.scope.now, outcome, details, salt, audit)
    return Retrieval(passages, refused, receipt, _SEAL)


def record_event(
    actor: Actor,
    purpose: Purpose,
    policies: PolicySet,
    now: datetime,
    outcome: Outcome,
    details: Mapping[str, Json],
    audit: AuditLog,
    personal: Mapping[str, Json] | None = None,
) -> Receipt:
    """Append a record that discloses no passage: a write, a failed retrieval, a reading of the audit itself.

    `details` holds no personal value and no document text. What is `personal` is kept where it can be erased; the
    record holds commitments to it. Raises `AuditUnavailableError`.
    """
    salt, values = secrets.token_hex(16), personal or {}
    committed = {name: commitment(salt, canonical(value).decode()) for name, value in values.items()}
    return _append(actor, purpose, policies, now, outcome, {**details, **committed}, salt, audit, values)


def record_id(now: datetime) -> str:
    """Return a new id for a record: 12 hex digits of milliseconds, so that ids sort by time, and 80 random bits."""
    return f"{to_milliseconds(now):012x}{secrets.token_hex(10)}"


def _append(
    actor: Actor,
    purpose: Purpose,
    policies: PolicySet,
    now: datetime,
    outcome: Outcome,
    details: Mapping[str, Json],
    salt: str,
    audit: AuditLog,
    values: Mapping[str, Json] | None = None,
) -> Receipt:
    receipt = Receipt(actor.tenant, record_id(now))
    held = None if isinstance(actor, Role) else actor.entitlements
    plain: dict[str, Json] = {
        **details,  # first, so that none of them can stand in for what follows
        "format": FORMAT,
        "id": receipt.id,
        "event": purpose.event,
        "application": purpose.application,
        "tenant": actor.tenant,
        "request": purpose.request,
        "time": _text(now),
        "subject": commitment(salt, actor.name if isinstance(actor, Role) else actor.uid),
        "policies": policies.digest,
        "epoch": str(held.epoch) if held else None,
        "entitlements": commitment(salt, held.digest) if held else None,
        "model": purpose.model,
        "guardrail": purpose.guardrail,
        "template": purpose.template,
        "outcome": outcome,
    }
    personal = {**(values or {}), "salt": salt, "question": purpose.question, **person_of(actor)}
    kept = {policies.digest: partial(_policies, policies)}
    entitlements = {held.digest: partial(_entitlements, held, policies)} if held else {}
    audit.append(Entry(receipt, plain, personal, kept, entitlements))
    return receipt


def commitment(salt: str, value: str) -> str:
    """Return SHA-256 in hex of `salt` and `value`: it says nothing once the salt is erased."""
    return sha256(f"{salt}\n{value}".encode())


def _within(decisions: tuple[Passage | Refused, ...], budget: int | None) -> tuple[Passage | Refused, ...]:
    """Cut what the budget cannot hold; once one is cut, all that follow are, so that the best stay."""
    kept: list[Passage | Refused] = []
    used = 0
    for each in decisions:
        if isinstance(each, Refused):
            kept.append(each)
            continue
        used += len(each.title) + len(each.text)
        cut = budget is not None and used > budget
        kept.append(Refused("cut", each.key, each.version, each.revision, each.ordinal, each.policies) if cut else each)
    return tuple(kept)


def _hit(each: Passage | Refused, salt: str) -> Json:
    return {
        "document": each.key,
        "version": _number(each.version),
        "revision": _number(each.revision),
        "ordinal": _number(each.ordinal),
        "content": commitment(salt, each.sha256) if isinstance(each, Passage) else None,
        "decision": "admitted" if isinstance(each, Passage) else each.refusal,
        "policies": list(each.policies),
    }


def _policies(policies: PolicySet) -> bytes:
    return canonical(dict(policies.sources))


def _entitlements(held: Entitlements, policies: PolicySet) -> bytes:
    attributes = plain_attributes(policies.attributes.principal, held.attributes)
    return canonical(
        {
            "tenant": held.tenant,
            "uid": held.uid,
            "attributes": attributes,  # type: ignore[dict-item]  # plain JSON by construction
            "groups": sorted(held.closure.groups),
        }
    )


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _text(instant: datetime) -> str:
    return datetime_text(to_milliseconds(instant))
