"""From hits to an admission: every hit is authorized again, against the registry's record of now. Door two."""

import hmac
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Literal, final

from authz.decision import Decision, decide
from authz.errors import DecisionError, ResourceError
from authz.policy_set import PolicySet
from authz.resource import EntityId, TenantId, check_text
from authz.scope import Scope
from authz.seal import Seal
from retrieval.deadline import Clock
from retrieval.document import DocumentRecord, PassageDigest, PassageId, text_digest
from retrieval.index import Hit, Hits
from retrieval.registry import Registry, RegistryView

_SEAL = Seal("Passage")

Refusal = Literal[
    "malformed",  # without tenant, id, version, revision or ordinal
    "foreign",  # of another tenant
    "repeated",  # the same passage twice
    "unregistered",  # the registry has no record, or no digest, of it
    "retired",  # removed from the registry, not yet from the index
    "superseded",  # of another version, or another content, than the registry's
    "altered",  # its text does not match the registry's digest
    "misfit",  # its record does not fit the schema
    "stale",  # denied, and indexed at an older revision: the index lags behind
    "disagreement",  # denied though indexed at this very revision: the doors disagree
    "cut",  # allowed, but beyond what the prompt can hold
]
ALARMS: frozenset[Refusal] = frozenset({"malformed", "foreign", "unregistered", "altered", "misfit", "disagreement"})


@final
@dataclass(frozen=True, slots=True)
class Passage:
    """Text this principal may read, as of the admission. Made only by `admit`."""

    document: EntityId
    key: str
    version: int
    revision: int
    ordinal: int
    start: int
    end: int
    page: int | None
    """The page where it begins, from 1; None where a document has no pages."""
    sha256: str
    policies: tuple[str, ...]
    title: str = field(repr=False)
    text: str = field(repr=False)
    seal: InitVar[Seal]

    def __post_init__(self, seal: Seal) -> None:
        """Refuse to be made elsewhere."""
        _SEAL.check(seal)


@dataclass(frozen=True, slots=True)
class Refused:
    """A hit that is not disclosed, and why; `key` is the document's opaque id where the registry knows it."""

    refusal: Refusal
    key: str | None = None
    version: int | None = None
    revision: int | None = None
    ordinal: int | None = None
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """Door two's decision on every hit, in the hits' order; `instant` is the registry read that they rest on."""

    scope: Scope
    instant: datetime
    decisions: tuple[Passage | Refused, ...]

    @property
    def passages(self) -> tuple[Passage, ...]:
        """What may be disclosed."""
        return tuple(each for each in self.decisions if isinstance(each, Passage))


def admit(hits: Hits, scope: Scope, policies: PolicySet, registry: Registry, clock: Clock) -> Admission:
    """Return the admission of `hits` for the principal of `scope`, by what `registry` holds now.

    Raises `DecisionError` if `scope` was derived under another policy set or the engine gives no decision, and
    `RegistryUnavailableError` if the registry cannot be read in full.
    """
    if scope.policy_digest != policies.digest:
        message = "the scope was derived under another policy set"
        raise DecisionError(message)
    # (1): drop what is malformed, foreign or repeated; two entities of one uid would void the whole batch.
    screened = _screen(hits, scope.principal.tenant)
    wanted = [hit for hit in screened if isinstance(hit, Hit)]
    # (2): read the records and digests, in one consistent batch.
    instant = clock()
    view = registry.get([_id(hit) for hit in wanted]) if wanted else RegistryView({}, {})
    # (3): decide on every document named, by the registry's attributes, not the index's.
    decisions = _decide(wanted, view, scope, policies)
    # (4): judge each hit by its document's decision, its version and its text.
    judged = (_judge(hit, view, decisions) if isinstance(hit, Hit) else hit for hit in screened)
    return Admission(scope, instant, tuple(judged))


def _screen(hits: Hits, tenant: TenantId) -> list[Hit | Refused]:
    seen: set[PassageId] = set()
    screened: list[Hit | Refused] = []
    for hit in hits:
        refusal = _flaw(hit, tenant) or ("repeated" if _id(hit) in seen else None)
        if refusal is None:
            seen.add(_id(hit))
        screened.append(hit if refusal is None else Refused(refusal))
    return screened


def _flaw(hit: Hit, tenant: TenantId) -> Refusal | None:
    # An adapter may hand on whatever its engine sent, so types are looked at here, not believed.
    numbers: Sequence[object] = (hit.version, hit.revision, hit.ordinal)
    texts: Sequence[object] = (hit.tenant, hit.document, hit.untrusted_text)
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
        return "malformed"
    if not all(isinstance(text, str) and text for text in texts):
        return "malformed"
    try:
        check_text(hit.document)
    except ResourceError:
        return "malformed"
    return None if hit.tenant == tenant and hit.document.startswith(f"{tenant}/") else "foreign"


def _decide(hits: Sequence[Hit], view: RegistryView, scope: Scope, policies: PolicySet) -> dict[EntityId, Decision]:
    documents = list(dict.fromkeys(hit.document for hit in hits if hit.document in view.records))
    resources = [view.records[document].resource() for document in documents]
    if not resources:
        return {}
    decisions = decide(scope.principal.entitlements, "read", resources, policies, scope.now)
    return dict(zip(documents, decisions, strict=True))


def _judge(hit: Hit, view: RegistryView, decisions: dict[EntityId, Decision]) -> Passage | Refused:
    record, digest = view.records.get(hit.document), view.passages.get(_id(hit))
    if record is None:
        return Refused("unregistered")
    decision = decisions[hit.document]
    refusal = _refusal(hit, record, digest, decision)
    if refusal is not None or digest is None:
        return Refused(refusal or "unregistered", record.key, hit.version, hit.revision, hit.ordinal, decision.policies)
    return Passage(
        document=record.document,
        key=record.key,
        version=record.version,
        revision=record.revision,
        ordinal=hit.ordinal,
        start=digest.start,
        end=digest.end,
        page=digest.page,
        sha256=digest.sha256,
        policies=decision.policies,
        title=record.title,
        text=hit.untrusted_text,
        seal=_SEAL,
    )


def _refusal(hit: Hit, record: DocumentRecord, digest: PassageDigest | None, decision: Decision) -> Refusal | None:
    if record.status != "active":
        return "retired"
    if decision.misfit:
        return "misfit"
    if not decision.allowed:
        return "stale" if hit.revision != record.revision else "disagreement"
    if hit.version != record.version:
        return "superseded"
    if digest is None:
        return "unregistered"
    if digest.content != record.content:
        return "superseded"
    if not hmac.compare_digest(text_digest(hit.untrusted_text), digest.sha256):
        return "altered"
    return None


def _id(hit: Hit) -> PassageId:
    return PassageId(hit.document, hit.version, hit.ordinal)
