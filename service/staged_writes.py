"""From a staged object to registry and index, by what its author holds and the policies say when it is written.

(1) It is what was noted when it was uploaded. (2) Its author's entitlements are read anew. (3) Cedar decides on what
is and what will be; who is denied hears nothing of the document. (4) Nothing newer is there. (5) The write is decided
again on exactly what it changes, recorded, then made. (6) It is noted what became of it, and the staged object is
removed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeGuard

from authz.directory import Directory, Entitlements, principal_id
from authz.errors import ResourceError
from authz.policy_set import PolicySet
from authz.resource import TenantId, tenant_id
from authz.schema import TENANT, datetime_text, to_milliseconds
from retrieval.actor import AbsentAuthor, Role
from retrieval.audit import AuditLog, Json, Outcome, Receipt, sha256
from retrieval.deadline import Clock
from retrieval.document import DocumentRecord
from retrieval.errors import ConflictError, RetrievalError, SourceError
from retrieval.ingest.bucket import Bucket, Stored
from retrieval.ingest.destination import Destination
from retrieval.ingest.source import OnWrite, Write
from retrieval.ingest.staged import MAX_STAGED_BYTES, Upload, unframed
from retrieval.intake import Intake, IntakeEntry, State
from retrieval.record import Purpose, record_event
from retrieval.registry import Registry
from service.dependencies import APPLICATION
from service.errors import ForbiddenError
from service.proposal import Proposal, carry_out, document_of, plan
from service.staging import id_of, is_later, source_of
from service.writing import Author

_ATTEMPTS = 5
_DENIED = "no policy lets its author write it any more"
_CHANGED = "the document changed meanwhile: read it again, and repeat the upload"


@dataclass(frozen=True, slots=True)
class StagedWrites:
    """Writes what was staged beneath `prefix`; `to` gives the destination whose writes an author decides on."""

    bucket: Bucket
    intake: Intake
    prefix: str
    directory: Directory
    policies: Callable[[], PolicySet]
    registry: Registry
    audit: AuditLog
    to: Callable[[OnWrite], Destination]
    clock: Clock
    role: str

    def __call__(self, key: str) -> State:
        """Return what became of the upload at `key`; again, once it is settled, removes what is left of it.

        Raises `ConflictError` if others kept writing meanwhile, and what the parts raise that it needs.
        """
        named = self._named(key)
        if named is None:
            return "refused"
        tenant, id_ = named
        entry = self.intake.of(tenant, source_of(id_))
        try:
            stored = self.bucket.read(key, MAX_STAGED_BYTES)
        except SourceError as error:  # larger than anything that is staged
            return self._removed(key, self.bucket.version(key), self._refused(entry, str(error)))
        if stored is None:
            entry = self.intake.of(tenant, source_of(id_))  # another worker may have finished since it was read
            return self._refused(entry, "what was staged is gone: upload it again")
        return self._removed(key, stored.version, self._settled(entry, stored, id_))

    def failed(self, key: str, kind: str, attempts: int, *, final: bool) -> None:
        """Note that what the upload at `key` needs failed, `kind` by name; `final` if nobody tries again."""
        named = self._named(key)
        entry = self.intake.of(named[0], source_of(named[1])) if named is not None else None
        if _is_open(entry):
            self._note(replace(entry, attempts=attempts), "failed" if final else "waiting", kind)

    def _named(self, key: str) -> tuple[TenantId, str] | None:
        found = id_of(self.prefix, key)
        try:
            return (tenant_id(found[0]), found[1]) if found is not None else None
        except ResourceError:
            return None

    def _settled(self, entry: IntakeEntry | None, stored: Stored, id_: str) -> State:
        if not _is_open(entry):
            return entry.state if entry is not None else "refused"
        try:
            return self._note(entry, self._written(entry, stored, id_), None)
        except ForbiddenError:
            return self._refused(entry, _DENIED)
        except SourceError as error:
            return self._refused(entry, str(error))

    def _written(self, entry: IntakeEntry, stored: Stored, id_: str) -> State:
        # (1): whoever can write to the bucket cannot speak in the name of an author.
        if sha256(stored.content) != entry.object:
            message = "what is staged is not what was uploaded: upload it again"
            raise SourceError(message)
        upload = unframed(stored.content)
        # (2): by what the directory says now.
        author, proposal = self._author(upload, entry), _proposal(upload, id_)
        begun = entry.follows

        def by_what_they_hold_now(write: Write) -> AbstractContextManager[None]:
            # Parsing and embedding may have taken minutes since the directory was read.
            return self._author(upload, entry)(write)

        for _ in range(_ATTEMPTS):
            record = self.registry.record(document_of(author, upload.name))
            # (3): by what is there now.
            try:
                planned = plan(proposal, author, self.registry, again=True)
            except ForbiddenError:
                if _is_of(record, proposal):
                    return "taken"
                raise
            except ConflictError as error:
                if _is_of(record, proposal):
                    return "taken"
                _check_that_nothing_is_newer(record, upload, id_)
                raise SourceError(_CHANGED) from error
            # (4): nothing newer, and nothing of an attempt that broke off, is written over.
            _check_that_nothing_is_newer(record, upload, id_)
            if _is_of(record, proposal) and not planned.repeats:
                return "taken"
            if (proposal.attributes is None or proposal.collections is None) and planned.access != upload.access:
                raise SourceError(_CHANGED)
            if begun not in {None, planned.follows} and not planned.repeats:
                raise SourceError(_CHANGED)
            self.intake.note(replace(entry, follows=planned.follows, updated=self._now()))
            # (5): nobody has it before its record.
            try:
                return carry_out(planned, author, self.to(by_what_they_hold_now)).outcome
            except ConflictError:
                begun = None
        message = "the document kept changing while it was written"
        raise ConflictError(message)

    def _author(self, upload: Upload, entry: IntakeEntry) -> Author:
        held = self.directory.entitlements(upload.issuer, upload.subject)
        purpose = Purpose("write", upload.request, APPLICATION)
        policies, now = self.policies(), self.clock()
        details: dict[str, Json] = {"staged": True, "authenticated": _text(upload.authenticated)}
        if held is None or not _is_the_same(held, upload, entry):
            denied: dict[str, Json] = {**details, "action": "create", "decision": "denied"}
            role = Role(entry.tenant, self.role)
            personal: dict[str, Json] = {"author": entry.actor, "target": entry.document}
            record_event(role, purpose, policies, now, "denied", denied, self.audit, personal)
            raise ForbiddenError
        actor = AbsentAuthor(upload.issuer, upload.subject, held)
        return Author(actor, purpose, policies, now, self.audit, self._close, details)

    def _close(self, receipt: Receipt, outcome: Outcome) -> None:
        try:
            self.audit.close(receipt, outcome, {})
        except RetrievalError:
            return  # the opening record stands, and shows as never closed

    def _refused(self, entry: IntakeEntry | None, reason: str) -> State:
        if not _is_open(entry):
            return entry.state if entry is not None else "refused"
        return self._note(entry, "refused", reason)

    def _removed(self, key: str, version: str | None, state: State) -> State:
        if version is not None:
            self.bucket.remove(key, version)
        return state

    def _note(self, entry: IntakeEntry, state: State, reason: str | None) -> State:
        self.intake.note(replace(entry, state=state, reason=reason, updated=self._now()))
        return state

    def _now(self) -> int:
        return to_milliseconds(self.clock())


def _is_of(record: DocumentRecord | None, proposal: Proposal) -> bool:
    """Return whether this very upload was written already, before its worker ended."""
    return record is not None and record.status == "active" and record.source == proposal.source


def _is_open(entry: IntakeEntry | None) -> TypeGuard[IntakeEntry]:
    return entry is not None and entry.state in {"waiting", "failed"}


def _is_the_same(held: Entitlements, upload: Upload, entry: IntakeEntry) -> bool:
    """Return whether the directory answered for the author, in the tenant that the upload was noted in."""
    uid = principal_id(entry.tenant, upload.issuer, upload.subject)
    tenants = {held.tenant, upload.tenant, held.attributes.get(TENANT, entry.tenant)}
    return held.uid == uid == entry.actor and tenants == {entry.tenant}


def _check_that_nothing_is_newer(record: DocumentRecord | None, upload: Upload, id_: str) -> None:
    if record is None:
        return
    if record.status == "retired" and record.revision > upload.seen:
        message = "the document was retired after it was uploaded: upload it again"
        raise SourceError(message)
    if record.status == "active" and is_later(record.source, id_):
        message = "a later upload of this document was taken before it"
        raise SourceError(message)


def _proposal(upload: Upload, id_: str) -> Proposal:
    return Proposal(
        name=upload.name,
        content=upload.content,
        media_type=upload.media_type,
        title=upload.title,
        attributes=upload.attributes,
        collections=upload.collections,
        revision=upload.revision,
        source=source_of(id_),
    )


def _text(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else datetime_text(milliseconds)
