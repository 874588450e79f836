"""The ports with fixed latencies: each waits as a backend would and computes only what is ours to compute."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import sleep

import numpy as np

from authz.directory import Entitlements
from authz.resource import EntityId, TenantId
from authz.schema import AttributeTypes
from authz.scope import Scope
from bench.world import Shelf
from retrieval.audit import Entry, Json, Logged, Outcome, Receipt, canonical
from retrieval.deadline import Deadline
from retrieval.document import PassageId
from retrieval.embedder import Vectors
from retrieval.index import Hits, Query
from retrieval.registry import RegistryView
from retrieval.sqlite_filter import sql_filter
from service.model import Stop
from service.prompt import Prompt
from tests.support.memory import MemoryRegistry

EMBED, DIRECTORY, SEARCH, REGISTRY, RECORD = 0.020, 0.005, 0.020, 0.005, 0.005
"""Seconds that each backend takes."""
_SPOKEN = ("As the plan says [1], ", "it is written down [2].", Stop("end"))


@dataclass(frozen=True, slots=True)
class SlowEmbedder:
    """`Embedder`."""

    model: str = "stub"
    dimensions: int = 8

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text."""
        sleep(EMBED)
        return np.full((len(texts), self.dimensions), self.dimensions**-0.5, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class SlowDirectory:
    """`Directory` of one person, whose closure is cached as the real one's is."""

    held: Entitlements

    def entitlements(self, issuer: str, subject: str) -> Entitlements | None:  # noqa: ARG002 - the port's signature
        """Return what the person holds."""
        sleep(DIRECTORY)
        return self.held


@dataclass(frozen=True, slots=True)
class SlowIndex:
    """`Index` that renders the scope's filter, as each of ours does, and then answers with what was prepared."""

    shelf: Shelf
    types: AttributeTypes

    def search(self, query: Query, scope: Scope, k: int, deadline: Deadline) -> Hits:  # noqa: ARG002 - the port's
        """Return the prepared hits."""
        sql_filter(scope.condition, self.types)
        sleep(SEARCH)
        return self.shelf.hits[:k]

    def documents(self, scope: Scope, after: EntityId | None, limit: int, deadline: Deadline) -> Hits:  # noqa: ARG002
        """Return nothing: not measured."""
        return ()

    def passages(self, document: EntityId, scope: Scope, after: int, limit: int, deadline: Deadline) -> Hits:  # noqa: ARG002
        """Return nothing: not measured."""
        return ()


@dataclass(slots=True)
class SlowRegistry(MemoryRegistry):
    """`Registry`."""

    seconds: float = REGISTRY

    def get(self, passages: Sequence[PassageId]) -> RegistryView:
        """Return records and digests."""
        sleep(self.seconds)
        return MemoryRegistry.get(self, passages)


@dataclass(slots=True)
class SlowAuditLog:
    """`AuditLog` that renders what it is given, as the real one does, and keeps none of it but the digests."""

    known: set[str] = field(default_factory=set)

    def append(self, entry: Entry) -> None:
        """Render an entry."""
        canonical(entry.record)
        canonical(entry.personal)
        kept = {**entry.kept, **entry.held}
        for digest in kept.keys() - self.known:
            kept[digest]()
            self.known.add(digest)
        sleep(RECORD)

    def close(self, receipt: Receipt, outcome: Outcome, detail: Mapping[str, Json]) -> None:
        """Do nothing: it comes after the answer."""

    def read(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[Logged]:  # noqa: ARG002 - the port's
        """Return nothing: not measured."""
        return ()


@dataclass(frozen=True, slots=True)
class Words:
    """`ModelStream`: the first word comes after `seconds`."""

    seconds: float

    def __iter__(self) -> Iterator[str | Stop]:
        """Yield the answer."""
        sleep(self.seconds)
        yield from _SPOKEN

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class SlowModel:
    """`Model`."""

    seconds: float
    id: str = "stub"
    policy: str | None = None

    def stream(self, prompt: Prompt) -> Words:  # noqa: ARG002 - the port's signature
        """Return the answer."""
        return self.speak()

    def speak(self) -> Words:
        """Return the answer to a prompt that nobody sealed: what the unsecured contenders ask."""
        return Words(self.seconds)


def log_line(request: str, documents: Sequence[str]) -> None:
    """Write what an application that authorizes nothing would log."""
    json.dumps({"request": request, "documents": list(documents)})
    sleep(RECORD)
