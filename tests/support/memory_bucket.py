"""Bucket, intake and queue in memory, which can be killed before any step, and a worker's parts over them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from authz.policy_set import SHIPPED
from authz.resource import EntityId, TenantId
from authz.schema import read_schema
from authz.tenants import read_tenants
from retrieval.errors import SourceError
from retrieval.ingest.bucket import Stored, place_of
from retrieval.ingest.bucket_folder import BucketFolders
from retrieval.ingest.bucket_ingest import BucketIngest
from retrieval.ingest.events import keys_of
from retrieval.intake import IntakeEntry, State, bounded
from retrieval.queue import Message, QueueLimits
from tests.support.memory_index import Steps, Workshop, now

ACME = TenantId("acme")
BUCKET = "documents"
MANIFEST = """\
tenant: acme
folders:
  .: {classification: 1, audience: staff, readers: [], markings: [], owners: [], quarantined: false,
      legal_hold: false, collections: [company]}
"""


@dataclass
class MemoryBucket:
    """`Bucket` of objects with versions."""

    name: str = BUCKET
    steps: Steps = field(default_factory=Steps)
    objects: dict[str, Stored] = field(default_factory=dict)
    failing: Exception | None = None
    reads: list[str] = field(default_factory=list)
    """The keys whose bodies were read."""
    times: dict[str, int] = field(default_factory=dict)
    """When objects were written, in epoch milliseconds."""
    _versions: Iterator[int] = field(default_factory=lambda: count(1))

    def version(self, key: str) -> str | None:
        self._take("look")
        return self.objects[key].version if key in self.objects else None

    def written(self, key: str) -> int | None:
        """Return when it was written: after everything, unless a test says otherwise."""
        self._take("look")
        return self.times.get(key, 1 << 60) if key in self.objects else None

    def read(self, key: str, most: int) -> Stored | None:
        self._take("read")
        stored = self.objects.get(key)
        if stored is not None and len(stored.content) > most:
            message = f"{len(stored.content):,} bytes; at most {most:,} are read"
            raise SourceError(message)
        self.reads.append(key)
        return stored

    def keys(self, prefix: str) -> Iterator[str]:
        self._take("list")
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def write(self, key: str, content: bytes) -> None:
        self._take("write")
        self.objects[key] = Stored(content, f"v{next(self._versions)}")

    def remove(self, key: str, version: str) -> None:
        self._take("remove")
        if key in self.objects and self.objects[key].version == version:
            del self.objects[key]

    def put(self, key: str, text: str) -> Stored:
        """Write an object as somebody outside does, and return it."""
        self.objects[key] = Stored(text.encode(), f"v{next(self._versions)}")
        return self.objects[key]

    def _take(self, step: str) -> None:
        if self.failing is not None:
            raise self.failing
        self.steps.take(step)


@dataclass
class MemoryIntake:
    """`Intake` in a dictionary."""

    steps: Steps = field(default_factory=Steps)
    entries: dict[tuple[TenantId, str], IntakeEntry] = field(default_factory=dict)
    failing: Exception | None = None

    def note(self, entry: IntakeEntry) -> None:
        if self.failing is not None:
            raise self.failing
        self.steps.take("note")
        assert bounded(entry.reason) == entry.reason or len(entry.reason or "") > 2000
        self.entries[entry.tenant, entry.source] = entry

    def of(self, tenant: TenantId, source: str) -> IntakeEntry | None:
        if self.failing is not None:
            raise self.failing
        return self.entries.get((tenant, source))

    def scan(self, tenant: TenantId) -> Iterator[IntakeEntry]:
        return (entry for (owner, _), entry in list(self.entries.items()) if owner == tenant)


@dataclass
class MemoryQueue:
    """`Queue` whose time a test advances: each delivery hides a message, and says how often it was delivered."""

    visibility: int = 30
    receives: int | None = 3
    clock: float = 0
    failing: Exception | None = None
    bodies: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    buried: dict[str, str] = field(default_factory=dict)
    """Reasons by id."""
    given_up: list[str] = field(default_factory=list)
    hides: list[tuple[str, int]] = field(default_factory=list)
    on_receive: Callable[[], object] = field(default=lambda: None)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def receive(self, most: int, wait: int) -> Sequence[Message]:
        if self.failing is not None:
            raise self.failing
        found = []
        for id_ in [each for each in self.bodies if self.hidden.get(each, 0) <= self.clock][:most]:
            if self.receives is not None and self.counts.get(id_, 0) >= self.receives:
                self.given_up.append(id_)
                del self.bodies[id_]
                continue
            self.counts[id_] = self.counts.get(id_, 0) + 1
            self.hidden[id_] = self.clock + self.visibility
            found.append(Message(id_, f"{id_}#{self.counts[id_]}", self.bodies[id_], self.counts[id_]))
        self.on_receive()
        if not found:
            time.sleep(min(wait, 0.01))
        return found

    def delete(self, message: Message) -> None:
        self.bodies.pop(message.id, None)

    def hide(self, message: Message, seconds: int) -> None:
        self.hides.append((message.id, seconds))
        self.hidden[message.id] = self.clock + seconds

    def bury(self, message: Message, reason: str) -> None:
        self.buried[message.id] = reason
        self.bodies.pop(message.id, None)

    def send(self, bodies: Sequence[str]) -> None:
        self.bodies |= {f"m{next(self._ids)}": body for body in bodies}

    def limits(self) -> QueueLimits:
        return QueueLimits(self.visibility, self.receives)


class Yard:
    """A workshop with a bucket before it; everything takes its steps from one count."""

    def __init__(self) -> None:
        self.shop = Workshop()
        steps = self.shop.steps
        self.bucket, self.intake, self.queue = MemoryBucket(steps=steps), MemoryIntake(steps), MemoryQueue()
        schema = read_schema((SHIPPED / "schema.json").read_text())
        tenants = read_tenants(
            '{"acme": {"groups": [], "collections": {"company": []}}, "globex": {"groups": [], "collections": {}}}'
        )
        self.tenants, self.schema = tenants, schema
        self.restart()

    def restart(self) -> None:
        """Begin anew, as a process does: what it had read is forgotten."""
        send = self.queue.send
        self.folders = BucketFolders(
            self.bucket, self.intake, send, self.schema, lambda: self.tenants, "role:worker", now
        )
        self.ingest = BucketIngest(self.folders, lambda _: self.shop.to, lambda _: _nobody)

    def look_at(self, key: str) -> State:
        """Look at `key`, as for any event of it."""
        place = place_of(key)
        assert place is not None
        return self.ingest(place)

    def drain(self) -> None:
        """Look at all that was enqueued."""
        while self.queue.bodies:
            id_, body = next(iter(self.queue.bodies.items()))
            for key in keys_of(body, BUCKET):
                self.look_at(key)
            del self.queue.bodies[id_]

    def entry(self, key: str, tenant: TenantId = ACME) -> IntakeEntry:
        """Return what was noted of `key`."""
        return self.intake.entries[tenant, f"s3://{BUCKET}/{key}"]


def _nobody(handle: str) -> EntityId:
    message = f'the directory knows nobody called "{handle}"'
    raise SourceError(message)
