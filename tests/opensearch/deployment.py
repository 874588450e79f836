"""An index of a test's own in a real OpenSearch, and a deployment around it: registry, pointer, ingestion."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from authz.policy_set import PolicySet, load_policies
from authz.resource import EntityId, TenantId
from authz.scope import Scope, scope
from retrieval.deadline import Deadline
from retrieval.document import TITLE
from retrieval.embedder import Vectors
from retrieval.index import Hits, IndexedPassage, Labels, Query
from retrieval.ingest.destination import Destination, floor, labels, staged
from retrieval.ingest.ingest import Ingested, ingest
from retrieval.ingest.parse import parse
from retrieval.ingest.rebuild import Event, Rebuild
from retrieval.ingest.retire import retire
from retrieval.ingest.source import SourceItem
from retrieval.ingest.sweep import Finding, Sweep, flaws
from retrieval.ingest.vectors import DirectVectors
from retrieval.opensearch import OpenSearchIndex
from retrieval.opensearch_address import Address
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_client import Engine
from retrieval.opensearch_indices import OpenSearchIndices
from retrieval.opensearch_mapping import IndexDesign, IndexName, index_name
from retrieval.opensearch_rows import Rows
from retrieval.opensearch_writer import OpenSearchIndexWriter
from retrieval.pointer import IndexPointer, IndexPointers, PointedWriter, pointed
from retrieval.registry import Registry
from tests.support.doors import ATTRIBUTES, someone
from tests.support.memory import MemoryRegistry
from tests.support.memory_index import CountingEmbedder
from tests.support.memory_indices import MemoryPointers
from tests.support.worlds import NOW

ACME = TenantId("acme")
SHIPPED = load_policies()
SIZE = 8
DESIGN = IndexDesign(SHIPPED.attributes, CountingEmbedder().model, SIZE)


def new_name() -> IndexName:
    """Return a name that no other test has."""
    return index_name(f"antechamber-test-{secrets.token_hex(8)}")


def vector(seed: str) -> Vectors:
    """Return the unit vector of `seed`."""
    return np.asarray(CountingEmbedder().embed([seed])[0], np.float32)


def query(text: str = "alpha beta") -> Query:
    return Query(text, vector(text))


def allowed(*groups: str, policies: PolicySet = SHIPPED, **held: Any) -> Scope:  # noqa: ANN401 - attributes
    """Return the scope of a real principal of these groups, else of the staff."""
    return scope(someone(*(groups or ("acme/staff",)), **held), policies, NOW)


def labelled(revision: int = 1, *readers: str, **changed: Any) -> Labels:  # noqa: ANN401 - attributes
    attributes = {**ATTRIBUTES, "readers": frozenset(readers or ("acme/staff",)), **changed}
    return Labels(revision, attributes, frozenset({"acme/company"}))


def passages(*texts: str) -> list[IndexedPassage]:
    """Return a title and these texts."""
    found = [IndexedPassage(number, text, vector(text)) for number, text in enumerate(texts, start=1)]
    return [IndexedPassage(TITLE, "A title", None), *found]


def soon() -> Deadline:
    return Deadline.after(60)


@dataclass(frozen=True, slots=True)
class Place:
    """One concrete index."""

    admin: OpenSearchAdmin
    name: IndexName

    @property
    def engine(self) -> Engine:
        """The engine it lies in."""
        return self.admin.engine

    @property
    def rows(self) -> Rows:
        """Its rows."""
        return Rows(self.engine, self.name)

    @property
    def index(self) -> OpenSearchIndex:
        """It, to be searched."""
        return OpenSearchIndex(self.engine, self.name, self.admin.design)

    @property
    def writer(self) -> OpenSearchIndexWriter:
        """It, to be written."""
        return OpenSearchIndexWriter(self.rows, self.admin.design)

    def put(self, name: str, *texts: str, under: Labels | None = None, version: int = 1) -> None:
        self.writer.put(EntityId(name), version, under or labelled(), passages(*texts))

    def found(self, who: Scope | None = None, text: str = "alpha beta") -> Hits:
        return self.index.search(query(text), who or allowed(), 50, soon())

    def listed(self, who: Scope | None = None) -> list[str]:
        return [hit.document for hit in self.index.documents(who or allowed(), None, 50, soon())]

    def setting(self, name: str, value: object) -> None:
        """Change a setting of this index."""
        self.engine.call("PUT", f"/{self.name}/_settings", {name: value})


@contextmanager
def new_place(url: str, design: IndexDesign = DESIGN, **settings: str) -> Iterator[Place]:
    """Yield an empty index of `design`, with `settings` beyond it, and drop it."""
    place = Place(OpenSearchAdmin(Engine.at(Address(url)), design), new_name())
    place.admin.forbid_creation_by_writes()
    body = {"settings": {**design.settings(), **settings}, "mappings": design.mappings()}
    place.engine.call("PUT", f"/{place.name}", body)
    try:
        yield place
    finally:
        if place.name in place.admin.names():
            place.admin.drop(place.name)


@dataclass
class Deployment:
    """Registry and pointer (in memory, unless a test has others), indices in OpenSearch, and all that works on them."""

    admin: OpenSearchAdmin
    registry: Registry = field(default_factory=MemoryRegistry)
    pointers: IndexPointers = field(default_factory=MemoryPointers)

    @property
    def indices(self) -> OpenSearchIndices:
        """The indices, none looked at yet."""
        return OpenSearchIndices(self.admin, self.pointers)

    @property
    def to(self) -> Destination:
        """Where ingestion writes."""
        writer = PointedWriter(self.pointers, self.indices.open)
        vectors = DirectVectors(CountingEmbedder())
        return Destination(self.registry, writer, vectors, parse, lambda _: nullcontext(), _now, capacity=100)

    @property
    def place(self) -> Place:
        """The index that answers."""
        return Place(self.admin, index_name(pointed(self.pointers).reads))

    def ingest(self, name: str, text: str, *readers: str, **changed: object) -> Ingested:
        attributes: Any = {**ATTRIBUTES, "readers": frozenset(readers or ("acme/staff",)), **changed}
        item = SourceItem(
            tenant=ACME,
            name=name,
            content=text.encode(),
            media_type="text/plain",
            title=f"Title of {name}",
            source=f"folder:{name}",
            attributes=attributes,
            collections=frozenset({"acme/company"}),
            actor="role:test",
        )
        return ingest(item, self.to)

    def retire(self, name: str) -> None:
        retire(EntityId(f"acme/{name}"), "role:test", self.to)

    def rebuild(self, grace: float = 0, settle: float = 0) -> list[Event]:
        """Fill another index and flip; by default nobody is waited for."""
        return list(Rebuild(new_name(), self.registry, self.pointers, self.indices, grace, settle)([ACME]))

    def sweep(self, *, repair: bool = False) -> list[Finding]:
        """Hold the index that answers against the registry."""
        run = Sweep(self.registry, self.place.writer, self.place.writer, repair, 0)
        return [each for *_, found in run([ACME]) for each in found]

    def differences(self) -> dict[str, object]:
        """Return what lies in the index that answers otherwise than the registry says, without the sweep's help."""
        found: dict[str, object] = {}
        for record in self.registry.scan(ACME):
            copies = self.place.writer.copies(record.document)
            if record.status == "retired":
                wrong: object = copies
            else:
                held = staged(self.registry, record.document, record.version)
                whole = [(copy.version, copy.labels) for copy in copies] == [(record.version, labels(record))]
                wrong = flaws(record, copies, held) or not whole
            if wrong:
                found[record.document] = wrong, floor(record)
        strangers = {each for each in self.place.writer.documents() if self.registry.record(each) is None}
        return found | dict.fromkeys(strangers, "stranger")


@contextmanager
def new_deployment(url: str, design: IndexDesign = DESIGN) -> Iterator[Deployment]:
    """Yield a deployment with one empty index, and drop whatever it made."""
    with new_place(url, design) as place:
        made = Deployment(place.admin)
        made.pointers.point(IndexPointer(place.name, (place.name,), 1))
        try:
            yield made
        finally:
            drop_all(made)


def drop_all(made: Deployment) -> None:
    """Drop every index that the pointer names."""
    pointer = pointed(made.pointers)
    for name in {*pointer.writes, *pointer.gone} & set(made.admin.names()):
        made.admin.drop(index_name(name))


def texts(hits: Hits) -> list[str]:
    return [hit.untrusted_text for hit in hits]


def read_whole(made: Deployment, document: str, who: Scope | None = None) -> Sequence[str]:
    """Return the texts of `document` that door two would let through, as the document view pages them."""
    uid, found, after = EntityId(document), list[str](), -1
    record = made.registry.record(uid)
    if record is None or record.status != "active":
        return found
    digests = staged(made.registry, uid, record.version)
    while after < max(digests, default=-1):
        hits = made.indices.current().passages(uid, who or allowed(), after, 50, soon())
        found += [hit.untrusted_text for hit in hits if hit.version == record.version]
        after += 50
    return found


def _now() -> datetime:
    return datetime.now(UTC)
