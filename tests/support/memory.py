"""In-memory directory, registry and audit log: real semantics, state to look at, and `failing` to break them."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from authz.directory import Closure, Entitlements, principal_id
from authz.enrolment import Enrolment, Person, enrol, nest
from authz.errors import DirectoryUnavailableError, ResourceError
from authz.nesting import Nesting, closure_of
from authz.resource import EntityId, TenantId, entity_id
from authz.schema import AttributeTypes, parse_attributes
from retrieval.audit import Entry, Json, Logged, Outcome, Receipt, canonical
from retrieval.document import DocumentRecord, PassageDigest, PassageId
from retrieval.errors import AuditUnavailableError, ConflictError
from retrieval.registry import RegistryView


@dataclass(slots=True)
class MemoryDirectory:
    """`Directory`, with the methods that operators' tools use to write."""

    principal_types: AttributeTypes
    failing: Exception | None = None
    persons: dict[tuple[str, str], tuple[TenantId, Person]] = field(default_factory=dict)
    nestings: dict[TenantId, Nesting] = field(default_factory=dict)
    epochs: dict[TenantId, int] = field(default_factory=dict)
    asked: int = 0
    """How often entitlements were asked for."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def entitlements(self, issuer: str, subject: str) -> Entitlements | None:
        """Return what this person holds."""
        with self._lock:
            self.asked += 1
            _break(self.failing)
            if (issuer, subject) not in self.persons:
                return None
            tenant, person = self.persons[issuer, subject]
            if tenant not in self.epochs:
                message = "the directory has no epoch"
                raise DirectoryUnavailableError(message)
            groups = closure_of(person.groups, self.nestings.get(tenant, {}))
            return Entitlements(tenant, person.uid, person.attributes, Closure.of(groups), self.epochs[tenant])

    def load(self, tenant: TenantId, groups: Mapping[str, Iterable[str]], people: Iterable[Enrolment]) -> int:
        """Declare groups and write people; return the new epoch."""
        with self._lock:
            _break(self.failing)
            nesting = nest(
                tenant, self.nestings.get(tenant, {}), {name: tuple(above) for name, above in groups.items()}
            )
            added = [self._person(tenant, each) for each in people]
            for person in added:
                closure_of(person.groups, nesting)
                if self.persons.get((person.issuer, person.subject), (tenant, person))[0] != tenant:
                    message = f'"{person.handle}" is a person of another tenant'
                    raise ResourceError(message)
            enrol(
                {each.handle: each.uid for each in self.people(tenant)}, {person.handle: person.uid for person in added}
            )
            self.nestings[tenant] = nesting
            self.persons.update({(person.issuer, person.subject): (tenant, person) for person in added})
            return self._advance(tenant)

    def put_group(self, tenant: TenantId, group: str, parents: Iterable[str]) -> int:
        """Declare a group."""
        return self.load(tenant, {group: parents}, ())

    def put_person(
        self,
        tenant: TenantId,
        issuer: str,
        subject: str,
        handle: str,
        attributes: Mapping[str, object],
        groups: Iterable[str],
    ) -> int:
        """Write a person."""
        return self.load(tenant, {}, [Enrolment(issuer, subject, handle, attributes, tuple(groups))])

    def grant(self, tenant: TenantId, handle: str, group: str) -> int:
        """Put a person into a group."""
        return self._regroup(tenant, handle, lambda direct: direct | {entity_id(tenant, group)})

    def revoke(self, tenant: TenantId, handle: str, group: str) -> int:
        """Take a person out of a group."""
        return self._regroup(tenant, handle, lambda direct: direct - {entity_id(tenant, group)})

    def people(self, tenant: TenantId) -> list[Person]:
        """Return everybody in `tenant`."""
        with self._lock:
            _break(self.failing)
            found = [person for at, person in self.persons.values() if at == tenant]
            return sorted(found, key=lambda person: person.handle)

    def _regroup(
        self, tenant: TenantId, handle: str, change: Callable[[frozenset[EntityId]], frozenset[EntityId]]
    ) -> int:
        with self._lock:
            person = next((each for each in self.people(tenant) if each.handle == handle), None)
            if person is None:
                message = f'nobody in {tenant} is known as "{handle}"'
                raise ResourceError(message)
            changed = replace(person, groups=change(person.groups))
            closure_of(changed.groups, self.nestings.get(tenant, {}))
            self.persons[person.issuer, person.subject] = (tenant, changed)
            return self._advance(tenant)

    def _person(self, tenant: TenantId, person: Enrolment) -> Person:
        own = {"tenant": tenant} if "tenant" in self.principal_types else {}
        attributes = parse_attributes(self.principal_types, {**own, **person.attributes})
        if attributes.get("tenant", tenant) != tenant:
            message = f'"{person.handle}": another tenant'
            raise ResourceError(message)
        uid = principal_id(tenant, person.issuer, person.subject)
        direct = frozenset(entity_id(tenant, group) for group in person.groups)
        return Person(person.handle, uid, person.issuer, person.subject, attributes, direct)

    def _advance(self, tenant: TenantId) -> int:
        self.epochs[tenant] = self.epochs.get(tenant, 0) + 1
        return self.epochs[tenant]


@dataclass(slots=True)
class MemoryRegistry:
    """`Registry`."""

    failing: Exception | None = None
    records: dict[EntityId, DocumentRecord] = field(default_factory=dict)
    passages: dict[PassageId, PassageDigest] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def get(self, passages: Sequence[PassageId]) -> RegistryView:
        """Return records and digests."""
        with self._lock:
            _break(self.failing)
            documents = {each.document for each in passages}
            return RegistryView(
                {at: record for at, record in self.records.items() if at in documents},
                {each: self.passages[each] for each in passages if each in self.passages},
            )

    def record(self, document: EntityId) -> DocumentRecord | None:
        """Return a record."""
        with self._lock:
            _break(self.failing)
            return self.records.get(document)

    def stage(self, digests: Mapping[PassageId, PassageDigest]) -> None:
        """Write digests."""
        with self._lock:
            _break(self.failing)
            self.passages.update(digests)

    def put(self, record: DocumentRecord, expected: int | None) -> None:
        """Write a record at an expected revision."""
        if record.revision <= (expected or 0):
            message = f"a record of revision {record.revision} cannot follow revision {expected}"
            raise ValueError(message)
        with self._lock:
            _break(self.failing)
            former = self.records.get(record.document)
            if (former.revision if former else None) != expected:
                message = "the document changed meanwhile"
                raise ConflictError(message)
            self.records[record.document] = record

    def unstage(self, document: EntityId, versions: Sequence[int]) -> None:
        """Drop digests."""
        with self._lock:
            _break(self.failing)
            for each in [each for each in self.passages if each.document == document and each.version in versions]:
                del self.passages[each]

    def scan(self, tenant: TenantId) -> Iterator[DocumentRecord]:
        """Yield the records of a tenant."""
        with self._lock:
            _break(self.failing)
            found = [record for record in self.records.values() if record.tenant == tenant]
        yield from found


@dataclass(slots=True)
class MemoryAuditLog:
    """`AuditLog`, which holds records as the canonical bytes that a real one stores."""

    failing: Exception | None = None
    records: dict[tuple[TenantId, str], bytes] = field(default_factory=dict)
    closings: dict[tuple[TenantId, str], bytes] = field(default_factory=dict)
    personals: dict[tuple[TenantId, str], bytes] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    """What is kept by digest."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def append(self, entry: Entry) -> None:
        """Hold an entry."""
        with self._lock:
            _break(self.failing)
            at = entry.receipt.tenant, entry.receipt.id
            if at in self.records or not all(at) or "#" in entry.receipt.id:
                message = "the record is not durable"
                raise AuditUnavailableError(message)
            record, personal = _canonical(entry.record), _canonical(entry.personal)
            new = {
                digest: render()
                for digest, render in {**entry.kept, **entry.held}.items()
                if digest not in self.contents
            }
            self.records[at], self.personals[at] = record, personal
            self.contents.update(new)

    def close(self, receipt: Receipt, outcome: Outcome, detail: Mapping[str, Json]) -> None:
        """Hold a closing, once."""
        with self._lock:
            _break(self.failing)
            self.closings.setdefault((receipt.tenant, receipt.id), _canonical({**detail, "outcome": outcome}))

    def read(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[Logged]:
        """Return records, oldest first."""
        with self._lock:
            _break(self.failing)
            ids = sorted(name for at, name in self.records if at == tenant and name > (after or ""))
            return [self._logged(tenant, name) for name in ids[: max(limit, 0)]]

    def kept(self, digest: str) -> bytes | None:
        """Return what is kept under a digest."""
        with self._lock:
            _break(self.failing)
            return self.contents.get(digest)

    def personal(self, receipt: Receipt) -> Mapping[str, Json] | None:
        """Return personal values."""
        with self._lock:
            _break(self.failing)
            content = self.personals.get((receipt.tenant, receipt.id))
            return None if content is None else _object(content)

    def _logged(self, tenant: TenantId, name: str) -> Logged:
        closing = self.closings.get((tenant, name))
        record = _object(self.records[tenant, name])
        return Logged(Receipt(tenant, name), record, None if closing is None else _object(closing))


def _break(failing: Exception | None) -> None:
    if failing is not None:
        raise failing


def _canonical(plain: Mapping[str, Json]) -> bytes:
    try:
        return canonical(plain)
    except ValueError as error:
        message = "the record is not durable"
        raise AuditUnavailableError(message) from error


def _object(content: bytes) -> Mapping[str, Json]:
    plain: Mapping[str, Json] = json.loads(content)
    return plain
