"""People, policies and records for tests of the two doors, made by the real steps."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from authz.directory import Closure, Entitlements, Principal, look_up, principal_id
from authz.policy_set import PolicySet, load_policies, write_manifest
from authz.resource import AttributeValue, EntityId, TenantId
from retrieval.document import DocumentRecord, PassageDigest, PassageId, text_digest
from tests.support.gate import judge
from tests.support.memory import MemoryRegistry
from tests.support.tokens import ISSUER, NOW, claims, issuer, rsa_key
from tests.support.worlds import SCHEMA, TENANTS


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
