"""Both doors side by side: what Cedar decides, what the condition says, what the index finds, for whole worlds."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from authz import condition as c
from authz import engine
from authz.decision import Decision, decide
from authz.directory import Closure, Entitlements, Principal, look_up, principal_id
from authz.holds import holds
from authz.policy_set import PolicySet, load_policies, write_manifest
from authz.resource import AttributeValue, EntityId, Resource, TenantId
from authz.schema import AttributeSchema, AttributeTypes, cedar_attributes, plain_attributes, to_milliseconds
from authz.scope import condition_for
from retrieval.document import DocumentRecord, PassageDigest, PassageId, text_digest
from retrieval.index import IndexedPassage, Labels
from retrieval.sqlite import SQLiteFile
from retrieval.sqlite_filter import SQLFilter, sql_filter
from retrieval.sqlite_writer import SQLiteIndexWriter
from tests.support.gate import judge
from tests.support.memory import MemoryRegistry
from tests.support.tokens import ISSUER, NOW, claims, issuer, rsa_key
from tests.support.worlds import SCHEMA, TENANTS

BATCH = 50
"""How many documents are decided at a time: as many as door two ever decides."""


@dataclass(frozen=True, slots=True)
class OneDirectory:
    """`Directory` of one person."""

    held: Entitlements | None

    def entitlements(self, issuer: str, subject: str) -> Entitlements | None:  # noqa: ARG002 - the port's signature
        """Return what the one person holds."""
        return self.held


def principal_of(held: Entitlements, subject: str) -> Principal:
    """Return the principal with these entitlements, by a signed token and the real look-up."""
    trusted = issuer(tenants=frozenset({TenantId("acme"), TenantId("globex")}))
    return look_up(judge(rsa_key().sign(claims(sub=subject)), trusted, now=NOW), OneDirectory(held))


def write_policies(directory: Path, cedar: dict[str, str], schema: str = SCHEMA, tenants: str = TENANTS) -> Path:
    """Write a policy directory with its manifest, and return it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in {**cedar, "schema.json": schema, "tenants.json": tenants}.items():
        (directory / name).write_bytes(text.encode())
    write_manifest(directory)
    return directory


def policies_of(directory: Path, cedar: str, schema: str = SCHEMA) -> PolicySet:
    """Return the policy set of one file, loaded as any other."""
    return load_policies(write_policies(directory, {"policies.cedar": cedar}, schema))


@dataclass(frozen=True, slots=True)
class Doors:
    """The four ways to one decision; a test may put a defective one in a place."""

    condition: Callable[[Entitlements, PolicySet, datetime], c.Condition] = condition_for
    truth: Callable[[c.Condition, Resource], bool] = holds
    filter: Callable[[c.Condition, AttributeTypes], SQLFilter] = sql_filter
    sliced: Callable[[Entitlements, Sequence[Resource], PolicySet, datetime], list[Decision]] = (
        lambda held, batch, policies, now: decide(held, "read", batch, policies, now)
    )


class Verdict(NamedTuple):
    """What the four say of one document."""

    full: bool
    sliced: bool
    condition: bool
    found: bool


def verdicts(
    held: Entitlements, policies: PolicySet, shelf: "Shelf", now: datetime, doors: Doors
) -> Iterator[tuple[Resource, Verdict]]:
    """Yield each document of `shelf` with what Cedar decides in full, sliced, and what condition and index say."""
    condition = doors.condition(held, policies, now)
    found = shelf.find(doors.filter(condition, policies.attributes.document))
    for start in range(0, len(shelf.documents), BATCH):
        batch = shelf.documents[start : start + BATCH]
        sliced = doors.sliced(held, batch, policies, now)
        for document, part, whole in zip(batch, sliced, full(held, batch, policies, now), strict=True):
            yield document, Verdict(whole, part.allowed, doors.truth(condition, document), document.uid in found)


def full(held: Entitlements, batch: Sequence[Resource], policies: PolicySet, now: datetime) -> list[bool]:
    """Return Cedar's decisions with every group of the person, named or not."""
    parents = tuple(("Group", group) for group in sorted(held.closure.groups))
    attributes = cedar_attributes(policies.attributes.principal, held.attributes)
    who = engine.Entity(("User", held.uid), attributes, parents)
    entities = [
        engine.Entity(
            ("Document", each.uid),
            cedar_attributes(policies.attributes.document, each.attributes),
            tuple(("Collection", collection) for collection in each.collections),
        )
        for each in batch
    ]
    results = engine.decide(who, "read", entities, to_milliseconds(now), policies.handle, policies.schema)
    return [each.allowed for each in results]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Documents, and a real index file that holds them."""

    documents: Sequence[Resource]
    file: SQLiteFile

    def sample(self, random: Random, count: int) -> "Shelf":
        """Return the shelf with `count` of its documents; the index still holds all."""
        return Shelf(random.sample(list(self.documents), count), self.file)

    @classmethod
    def of(cls, documents: Sequence[Resource], schema: AttributeSchema, path: Path) -> "Shelf":
        """Return a shelf of `documents`, indexed by the real writer."""
        file = SQLiteFile(path, schema, model="none", dimensions=2)
        file.prepare()
        writer = SQLiteIndexWriter(file)
        for each in documents:
            title = [IndexedPassage(0, f"Title of {each.uid}", None)]
            writer.put(each.uid, 1, Labels(1, each.attributes, each.collections), title)
        return cls(documents, file)

    def find(self, condition: SQLFilter) -> frozenset[str]:
        """Return the ids of all documents that the filter leaves, by one query."""
        with closing(sqlite3.connect(self.file.path)) as connection:
            rows = connection.execute(
                f"SELECT document.document FROM document WHERE {condition.sql}",  # noqa: S608 - the filter under test
                condition.parameters,
            )
            return frozenset(row[0] for row in rows)


def explain(held: Entitlements, policies: PolicySet, document: Resource, verdict: Verdict) -> str:
    """Return all that is needed to see one disagreement again."""
    return "\n".join(
        (
            f"the doors disagree: {verdict}",
            policies.sources["policies.cedar"],
            f"principal {held.uid} {plain_attributes(policies.attributes.principal, held.attributes)}",
            f"groups {sorted(held.closure.groups)[:30]}",
            f"document {document.uid} {plain_attributes(policies.attributes.document, document.attributes)}",
            f"collections {sorted(document.collections)}",
        )
    )


def without_literals(
    held: Entitlements, batch: Sequence[Resource], policies: PolicySet, now: datetime
) -> list[Decision]:
    """Decide as `decide` would if it forgot the groups that only policies name."""
    return decide(held, "read", batch, replace(policies, literals=frozenset()), now)


ATTRIBUTES: Mapping[str, AttributeValue] = {
    "tenant": "acme",
    "classification": 1,
    "markings": frozenset(),
    "readers": frozenset({"acme/staff"}),
    "owners": frozenset(),
    "audience": "few",
    "quarantined": False,
    "legal_hold": False,
}
"""An unremarkable document of the shipped schema, for the readers of one group."""


def record_of(name: str = "acme/plan", **changed: Any) -> DocumentRecord:  # noqa: ANN401 - fields of several types
    """Return the record of an unremarkable document; `changed` names fields, or attributes."""
    names = {each.name for each in fields(DocumentRecord)}
    attributes = {**ATTRIBUTES, **{key: value for key, value in changed.items() if key not in names}}
    usual = DocumentRecord(
        document=EntityId(name), key="0f" * 16, version=1, revision=1, title="The plan", source="file:plan.md",
        sha256="00" * 32, passages=1, attributes={key: value for key, value in attributes.items() if value is not None},
        collections=frozenset(), status="active", updated=0,
    )  # fmt: skip
    return replace(usual, **{key: value for key, value in changed.items() if key in names})


def register(registry: MemoryRegistry, record: DocumentRecord, *texts: str) -> DocumentRecord:
    """Put `record` into `registry`, its title as passage 0 and `texts` as those from 1 on."""
    digests = {
        PassageId(record.document, record.version, ordinal): PassageDigest(
            record.content, text_digest(text), 0, len(text)
        )
        for ordinal, text in enumerate((record.title, *texts))
    }
    registry.stage(digests)
    registry.records[record.document] = record
    return record


def held_by(*groups: str, tenant: str = "acme", subject: str = "alice", **changed: AttributeValue) -> Entitlements:
    """Return what an employee of `groups` holds; `changed` names attributes."""
    usual: dict[str, AttributeValue] = {
        "tenant": tenant, "clearance": 2, "compartments": frozenset(), "employment": "employee"
    }  # fmt: skip
    uid = principal_id(TenantId(tenant), ISSUER, subject)
    return Entitlements(TenantId(tenant), uid, {**usual, **changed}, Closure.of(EntityId(g) for g in groups), epoch=7)


def someone(*groups: str, tenant: str = "acme", **changed: AttributeValue) -> Principal:
    """Return the principal alice, by a signed token and the real look-up."""
    return principal_of(held_by(*groups, tenant=tenant, subject="alice", **changed), "alice")
