"""The whole web application over fakes of its ports: real tokens, real policies, a real index file, scripted models."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from authz.enrolment import Enrolment
from authz.policy_set import PolicySet
from authz.resource import EntityId, TenantId
from authz.scope import Scope
from retrieval.audit import Json, Receipt
from retrieval.deadline import Deadline
from retrieval.index import Hits, Query
from retrieval.ingest.parse import parse
from retrieval.ingest.vectors import DirectVectors
from retrieval.retrieve import Stores
from retrieval.sqlite import SQLiteIndex
from retrieval.sqlite_writer import SQLiteIndexWriter
from service.app import create_app
from service.capacity import Capacity
from service.dependencies import Bounds, Dependencies, Writing
from service.limits import PersonLimits
from service.metrics import Metrics
from tests.support.corpus import (
    ACME,
    ENGINEERING,
    GLOBEX,
    SOURCES,
    HashingEmbedder,
    Source,
    canary,
    disclosed,
    index_file,
    ingest_source,
    shelf,
    shipped,
)
from tests.support.memory import MemoryAuditLog, MemoryDirectory, MemoryRegistry
from tests.support.scripted import ScriptedModel
from tests.support.tokens import ISSUER, StaticKeys, claims, issuer, rsa_key

__all__ = [
    "ACME",
    "BOUNDS",
    "ENGINEERING",
    "GLOBEX",
    "ISSUERS",
    "SOURCES",
    "Application",
    "HashingEmbedder",
    "Source",
    "canary",
    "disclosed",
    "events",
    "said",
    "shipped",
]

ISSUERS: Mapping[TenantId, str] = {ACME: ISSUER, GLOBEX: "https://login.globex.test"}
PEOPLE: Sequence[tuple[TenantId, str, str, int, tuple[str, ...]]] = (
    (ACME, "alice", "employee", 2, ("engineering",)),
    (ACME, "bob", "employee", 1, ()),
    (ACME, "carol", "employee", 3, ("librarians",)),
    (ACME, "dora", "contractor", 2, ("engineering",)),
    (GLOBEX, "alice", "employee", 2, ("engineering",)),
    (GLOBEX, "gwen", "employee", 1, ()),
)
"""Tenant, subject, employment, clearance, groups. Both tenants have an alice, and an engineering."""


@dataclass(slots=True)
class WatchedIndex:
    """`Index` that can fail, wait, or hand on other hits than the real one found."""

    real: SQLiteIndex
    failing: Exception | None = None
    change: Callable[[Hits], Hits] = tuple
    scopes: list[Scope] = field(default_factory=list)

    def search(self, query: Query, scope: Scope, k: int, deadline: Deadline) -> Hits:
        """Search."""
        return self._changed(scope, lambda: self.real.search(query, scope, k, deadline))

    def documents(self, scope: Scope, after: EntityId | None, limit: int, deadline: Deadline) -> Hits:
        """List."""
        return self._changed(scope, lambda: self.real.documents(scope, after, limit, deadline))

    def passages(self, document: EntityId, scope: Scope, after: int, limit: int, deadline: Deadline) -> Hits:
        """View."""
        return self._changed(scope, lambda: self.real.passages(document, scope, after, limit, deadline))

    def _changed(self, scope: Scope, find: Callable[[], Hits]) -> Hits:
        self.scopes.append(scope)
        if self.failing is not None:
            raise self.failing
        return self.change(find())


@dataclass(slots=True)
class Watch:
    """A clock that a test sets; it ticks when looked at, so that records are in the order of their making."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    ticks: Iterator[int] = field(default_factory=count)

    def __call__(self) -> datetime:
        """Return the instant, a millisecond later each time."""
        return self.now + timedelta(milliseconds=next(self.ticks))


BOUNDS = Bounds(hits=8, budget=12_000, deadline=10, answer_timeout=20)


class Application:
    """The application of one test, and all that it is made of."""

    def __init__(
        self,
        path: Path,
        bounds: Bounds = BOUNDS,
        *,
        streams: int = 8,
        requests: int = 16,
        **changed: Any,  # noqa: ANN401 - fields of several types
    ) -> None:
        self.policies = shipped()
        self.directory = _directory(self.policies)
        self.registry, self.audit = MemoryRegistry(), MemoryAuditLog()
        self.embedder, self.model, self.keys = HashingEmbedder(), ScriptedModel(), StaticKeys.of(rsa_key())
        self.watch = Watch()
        corpus = shelf()
        file = index_file(path / "index.sqlite")
        file.path.write_bytes(corpus.index)
        self.registry.records.update(corpus.registry.records)
        self.registry.passages.update(corpus.registry.passages)
        self.index, self.writer = WatchedIndex(SQLiteIndex(file)), SQLiteIndexWriter(file)
        usual = Dependencies(
            issuers={name: issuer(issuer=name, tenants=frozenset({tenant})) for tenant, name in ISSUERS.items()},
            keys=self.keys,
            directory=self.directory,
            embedder=self.embedder,
            model=self.model,
            index=lambda: self.index,
            stores=Stores(self.registry, self.audit, self.watch),
            writing=Writing(self.writer, DirectVectors(self.embedder), parse),
            policies=lambda: self.policies,
            now=self.watch,
            streams=Capacity(streams, "answer"),
            requests=Capacity(requests, "request"),
            limits=PersonLimits("10000/minute", 64),
            metrics=Metrics(),
            bounds=bounds,
            probes={},
        )
        self.on = replace(usual, **changed)
        self.app: FastAPI = create_app(self.on)

    def ingest(self, source: Source) -> None:
        """Ingest `source` as the deployment would."""
        ingest_source(source, self.registry, self.writer)

    def token(self, subject: str = "alice", tenant: TenantId = ACME, **changed: object) -> str:
        """Return a good token of `subject`."""
        return rsa_key().sign(claims(self.watch(), **{"iss": ISSUERS[tenant], "sub": subject, **changed}))

    def headers(self, subject: str = "alice", tenant: TenantId = ACME) -> dict[str, str]:
        """Return the headers of a request of `subject`."""
        return {"Authorization": f"Bearer {self.token(subject, tenant)}"}

    def client(self, subject: str | None = "alice", tenant: TenantId = ACME) -> TestClient:
        """Return a client that acts for `subject`; for None, one without a token."""
        headers = self.headers(subject, tenant) if subject else {}
        return TestClient(self.app, headers=headers, raise_server_exceptions=True)

    def records(self, tenant: TenantId = ACME) -> list[Mapping[str, Json]]:
        """Return all records of `tenant`, oldest first, each with its closing outcome under `closed`."""
        self.audit.failing = None
        logged = self.audit.read(tenant, None, 10_000)
        return [{**each.record, "closed": each.closing["outcome"] if each.closing else None} for each in logged]

    def closed(self, tenant: TenantId = ACME, within: float = 5) -> str | None:
        """Return how the latest record was closed, once it is."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            records = self.records(tenant)
            if records and records[-1]["closed"]:
                return str(records[-1]["closed"])
            time.sleep(0.01)
        return None

    def question_of(self, record: Mapping[str, Json]) -> object:
        """Return the question that is kept beside `record`."""
        personal = self.audit.personal(Receipt(TenantId(str(record["tenant"])), str(record["id"])))
        return personal["question"] if personal else None

    def metric(self, name: str, **labels: str) -> float:
        """Return the value of a counter, 0 if it never counted."""
        return self.on.metrics.registry.get_sample_value(name, labels) or 0


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the server-sent events in `text`, each with its data."""
    return list(_events(text))


def said(text: str) -> str:
    """Return the answer that the events in `text` carry."""
    return "".join(data["text"] for name, data in events(text) if name == "token")


def _events(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if lines:
            yield lines["event"], json.loads(lines["data"])


def _directory(policies: PolicySet) -> MemoryDirectory:
    directory = MemoryDirectory(policies.attributes.principal)
    for tenant in (ACME, GLOBEX):
        people = [
            Enrolment(
                ISSUERS[tenant],
                subject,
                subject,
                {"clearance": clearance, "compartments": [], "employment": employment},
                groups,
            )
            for at, subject, employment, clearance, groups in PEOPLE
            if at == tenant
        ]
        names: dict[str, tuple[str, ...]] = dict.fromkeys(("engineering", "board", "librarians"), ())
        directory.load(tenant, names, people)
    return directory
