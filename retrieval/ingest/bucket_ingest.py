"""From a key of the bucket to registry and index: whatever the key's event said, by what is there now.

(1) Look which versions of object and manifest are there. (2) Bring the registry in line with them: take, relabel, or
retire. (3) Look again: if either changed meanwhile, begin anew, so that a deletion wins over a creation that comes
late. (4) Note in the intake what became of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from authz.errors import ResourceError
from authz.resource import EntityId, TenantId, entity_id
from authz.schema import to_milliseconds
from retrieval.document import DocumentRecord, text_digest
from retrieval.errors import ConflictError, SourceError
from retrieval.ingest.bucket import Bucket, Place
from retrieval.ingest.bucket_folder import BucketFolders
from retrieval.ingest.destination import MARK, Destination, traces
from retrieval.ingest.folder import check_name
from retrieval.ingest.ingest import ingest
from retrieval.ingest.manifest import Access, Resolve
from retrieval.ingest.relabel import complete, relabel
from retrieval.ingest.retire import retire
from retrieval.ingest.source import MAX_SOURCE_BYTES, SourceItem, hint
from retrieval.intake import TAKEN, Intake, IntakeEntry, State

_ATTEMPTS = 5
"""How often it begins anew, where others write at the same time, before it is left to a later delivery."""
_RETIRED = "it was retired after it had been taken: write the object anew to have it back"
Seen = tuple[str | None, str | None]
"""The versions of object and manifest."""


@dataclass(frozen=True, slots=True)
class BucketIngest:
    """Brings registry and index in line with the objects of one bucket."""

    folders: BucketFolders
    to: Callable[[TenantId], Destination]
    resolve: Callable[[TenantId], Resolve]

    def __call__(self, place: Place) -> State:
        """Return what became of the document at `place`.

        Raises `ConflictError` if others kept writing meanwhile, and what the parts raise that it needs.
        """
        if place.is_manifest:
            return self.folders.look_at(place)
        for _ in range(_ATTEMPTS):
            seen = self._seen(place)
            try:
                after = self._bring(place, seen)
            except SourceError as error:
                after = replace(self._noted(place), state="refused", reason=str(error))
            except ConflictError:
                continue
            if self._seen(place) == seen:
                self._intake.note(replace(after, updated=self._now()))
                return after.state
        message = "the document kept changing while it was taken"
        raise ConflictError(message)

    def refused(self, key: str, reason: str) -> None:
        """Note that `key` can be no document's, if it names a tenant that there is."""
        tenant = TenantId(key.partition("/")[0])
        if tenant in self.folders.tenants() and self._bucket.version(key) is not None:
            source = self.folders.source(key)
            self._intake.note(IntakeEntry(tenant, source, "refused", self.folders.actor, self._now(), reason))

    def failed(self, place: Place, kind: str, attempts: int, *, final: bool) -> None:
        """Note that what the document at `place` needs failed, `kind` by name; `final` if nobody tries again."""
        state: State = "failed" if final else "waiting"
        noted = replace(self._noted(place), state=state, reason=kind, attempts=attempts, updated=self._now())
        self._intake.note(noted)

    def _bring(self, place: Place, seen: Seen) -> IntakeEntry:
        if seen[0] is None:
            return self._withdraw(place, seen)
        check_name(place.path)
        access = self.folders.manifest(place, seen[1]).access(place.path, self.resolve(place.tenant))
        document = _document(place.tenant, access.name)
        to = self.to(place.tenant)
        record = to.registry.record(document)
        noted = self._noted(place)  # after the registry: whoever wrote that has noted before how it came about
        if record is not None and record.status == "active" and record.source != noted.source:
            message = f'the id "{access.name}" is taken by another source: give it an "id:" of its own'
            raise SourceError(message)
        if noted.document not in {None, document}:
            self._retire(noted.document, noted.source, to)  # the manifest gives it another id now
        entry = replace(
            noted, document=document, collections=access.collections, reason=None, attempts=0, title=_title(access)
        )
        if record is not None and self._retired_since(place, record, seen, noted):
            return replace(entry, state="retired", reason=_RETIRED)
        if record is not None and (state := self._in_place(record, access, seen, noted, to)) is not None:
            return replace(entry, state=state)
        follows = record.revision if record else 0
        entry = replace(entry, state="waiting", object=seen[0], follows=follows, updated=self._now())
        self._intake.note(entry)
        return replace(entry, state=ingest(self._item(place, access, seen), to, follows).outcome)

    def _retired_since(self, place: Place, record: DocumentRecord, seen: Seen, noted: IntakeEntry) -> bool:
        """Return whether somebody retired the document after this object was written, or had begun to be taken.

        An object of the very second of the retirement counts as written before it: a deletion wins.
        """
        if record.status != "retired":
            return False
        begun = noted.document == record.document and noted.object == seen[0] and noted.follows is not None
        written = self._bucket.written(place.key)
        return (begun and record.revision > (noted.follows or 0)) or (written or 0) <= record.updated

    def _in_place(
        self, record: DocumentRecord, access: Access, seen: Seen, noted: IntakeEntry, to: Destination
    ) -> State | None:
        """Return what became of the document without reading the object, or None if it must be read."""
        same = (noted.state in TAKEN, noted.document, noted.object, noted.title)
        if same != (True, record.document, seen[0], _title(access)) or record.status != "active":
            return None
        left = traces(to, record)
        if left - {MARK} or not to.index.holds(record.document):
            return None
        if MARK in left:
            complete(record, to)
        if (access.attributes, access.collections) == (record.attributes, record.collections):
            return "unchanged"
        relabel(record, access.attributes, access.collections, self.folders.actor, to)
        return "relabelled"

    def _withdraw(self, place: Place, seen: Seen) -> IntakeEntry:
        to, noted = self.to(place.tenant), self._noted(place)
        candidates = {noted.document, *self._named(place, seen)} - {None}
        for document in sorted(candidates, key=str):
            self._retire(document, noted.source, to)
        return replace(noted, state="retired", reason=None, object=None, attempts=0)

    def _named(self, place: Place, seen: Seen) -> set[EntityId]:
        """Return the ids that the source may have had, if the intake does not know."""
        names = {place.path}
        try:
            entry = self.folders.manifest(place, seen[1]).documents.get(place.path)
            names |= {entry.id} if entry is not None and entry.id else set()
        except SourceError:
            pass  # a manifest that is gone or wrong keeps nobody from deleting
        return {_document(place.tenant, name) for name in names if _fits(place.tenant, name)}

    def _retire(self, document: EntityId | None, source: str, to: Destination) -> None:
        record = to.registry.record(document) if document is not None else None
        # What somebody else has put in its place since stays; a retirement that broke off is completed.
        if document is not None and record is not None and record.source == source:
            retire(document, self.folders.actor, to)

    def _item(self, place: Place, access: Access, seen: Seen) -> SourceItem:
        stored = self._bucket.read(place.key, MAX_SOURCE_BYTES)
        if stored is None or stored.version != seen[0]:
            message = "the object changed while it was read"
            raise ConflictError(message)
        return SourceItem(
            tenant=place.tenant,
            name=access.name,
            content=stored.content,
            media_type=hint(place.path),
            title=access.title,
            source=self.folders.source(place.key),
            attributes=access.attributes,
            collections=access.collections,
            actor=self.folders.actor,
        )

    def _seen(self, place: Place) -> Seen:
        return self._bucket.version(place.key), self._bucket.version(place.manifest)

    def _noted(self, place: Place) -> IntakeEntry:
        source = self.folders.source(place.key)
        held = self._intake.of(place.tenant, source)
        return held or IntakeEntry(place.tenant, source, "waiting", self.folders.actor, self._now())

    @property
    def _bucket(self) -> Bucket:
        return self.folders.bucket

    @property
    def _intake(self) -> Intake:
        return self.folders.intake

    def _now(self) -> int:
        return to_milliseconds(self.folders.clock())


def _document(tenant: TenantId, name: str) -> EntityId:
    try:
        return entity_id(tenant, name)
    except ResourceError as error:
        message = f"the name cannot be an id: {error}"
        raise SourceError(message) from error


def _fits(tenant: TenantId, name: str) -> bool:
    try:
        entity_id(tenant, name)
    except ResourceError:
        return False
    return True


def _title(access: Access) -> str:
    return text_digest(access.title or "")
