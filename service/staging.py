"""From an allowed write to one staged object, which the bucket's own event brings to the worker."""

from dataclasses import dataclass, replace
from re import compile as pattern

from authz.directory import Principal
from authz.resource import EntityId, TenantId
from authz.schema import to_milliseconds
from retrieval.audit import sha256
from retrieval.deadline import Clock
from retrieval.errors import BucketUnavailableError, SourceError
from retrieval.ingest.bucket import Bucket
from retrieval.ingest.source import MAX_SOURCE_BYTES
from retrieval.ingest.staged import Upload, framed
from retrieval.intake import Intake, IntakeEntry
from retrieval.record import record_id

_ID = pattern(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Staging:
    """Where a process that takes uploads leaves them."""

    bucket: Bucket
    intake: Intake
    prefix: str
    """What the keys of staged objects begin with; only this process may write there."""
    clock: Clock

    def __call__(self, upload: Upload, document: EntityId, collections: frozenset[str], actor: EntityId) -> str:
        """Stage `upload`, which `actor` may write as `document` in `collections` now, and return its id.

        It is noted first: what nobody noted is written by nobody. Raises `IntakeUnavailableError`,
        `BucketUnavailableError`, and `SourceError` if it is too large.
        """
        if len(upload.content) > MAX_SOURCE_BYTES:
            message = f"{len(upload.content):,} bytes; at most {MAX_SOURCE_BYTES:,} are read"
            raise SourceError(message)
        now, body = self.clock(), framed(upload)
        id_ = record_id(now)  # sorts by time, so that of two uploads the later is known
        entry = IntakeEntry(
            upload.tenant,
            source_of(id_),
            "waiting",
            actor,
            to_milliseconds(now),
            document=document,
            collections=collections,
            object=sha256(body),
        )
        self.intake.note(entry)
        try:
            self.bucket.write(key_of(self.prefix, upload.tenant, id_), body)
        except BucketUnavailableError:
            # It may be there all the same: what is noted as refused is written by nobody.
            self.intake.note(replace(entry, state="refused", reason="it could not be staged: upload it again"))
            raise
        return id_

    def of(self, principal: Principal, id_: str) -> IntakeEntry | None:
        """Return what became of the upload `id_` if it is this principal's own. Raises `IntakeUnavailableError`."""
        if not _ID.fullmatch(id_):
            return None
        entry = self.intake.of(principal.tenant, source_of(id_))
        return entry if entry is not None and entry.actor == principal.uid else None


def source_of(id_: str) -> str:
    """Return the URI of the upload `id_`, as the registry and the intake name it."""
    return f"upload:{id_}"


def key_of(prefix: str, tenant: TenantId, id_: str) -> str:
    """Return where the upload `id_` lies."""
    return f"{prefix}{tenant}/{id_}"


def id_of(prefix: str, key: str) -> tuple[str, str] | None:
    """Return tenant and id that the `key` of a staged object names, or None."""
    tenant, slash, id_ = key.removeprefix(prefix).partition("/")
    return (tenant, id_) if key.startswith(prefix) and slash and _ID.fullmatch(id_) else None


def is_later(source: str, id_: str) -> bool:
    """Return whether `source` is an upload that was staged after the upload `id_`."""
    scheme, _, other = source.partition(":")
    return scheme == "upload" and bool(_ID.fullmatch(other)) and other > id_
