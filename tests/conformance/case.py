"""A case as plain data, written by hand or printed by `make prove`: policies, one person, documents."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from authz.directory import Closure, Entitlements, principal_id
from authz.policy_set import PolicySet
from authz.resource import AttributeValue, EntityId, Resource, TenantId
from tests.conformance.comparison import World
from tests.support.doors import policies_of
from tests.support.worlds import ISSUER, SCHEMA, WALL, wide_schema

SCHEMAS = {"shipped": SCHEMA, "wide": wide_schema()}


@dataclass(frozen=True, slots=True)
class Document:
    """A document: its id, its attributes (datetimes in epoch milliseconds), all its collections."""

    uid: str
    attributes: dict[str, AttributeValue]
    collections: frozenset[str] = frozenset()

    def resource(self) -> Resource:
        """Return it as authorization sees it."""
        return Resource(EntityId(self.uid), self.attributes, self.collections)


@dataclass(frozen=True, slots=True)
class Case:
    """One person under some policies before some documents; `policies` are added to the tenant wall."""

    name: str
    policies: str
    documents: Sequence[Document]
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    """Of the person, beside what an employee of acme usually has."""
    groups: frozenset[str] = frozenset()
    tenant: str = "acme"
    subject: str = "person-0"
    schema: str = "wide"

    def world(self) -> World:
        """Return the person and the policies, loaded as any other."""
        usual: dict[str, AttributeValue] = {"clearance": 2, "compartments": frozenset(), "employment": "employee"}
        home: dict[str, AttributeValue] = {"home": "acme/a-b"} if self.schema == "wide" else {}
        held = {**usual, **home, **self.attributes, "tenant": self.tenant}
        tenant = TenantId(self.tenant)
        uid = principal_id(tenant, ISSUER, self.subject)
        closure = Closure.of(EntityId(group) for group in self.groups)
        return World(
            self.subject, Entitlements(tenant, uid, held, closure, epoch=1), loaded(self.policies, self.schema)
        )

    def resources(self) -> list[Resource]:
        """Return the documents."""
        return [each.resource() for each in self.documents]


def loaded(policies: str, schema: str) -> PolicySet:
    """Return the tenant wall with `policies`, each named if it is not."""
    text = policies if re.search(r"@id\(", policies) else _named(policies)
    with TemporaryDirectory() as folder:
        whole = text if '@id("wall")' in text else f"{WALL}\n{text}"
        return policies_of(Path(folder) / "policies", whole, SCHEMAS[schema])


def _named(policies: str) -> str:
    """Give each policy of a short text an id and a reason."""
    numbers = iter(range(1_000))
    return re.sub(
        r"^(permit|forbid)",
        lambda found: f'@id("{found[1]}-{next(numbers)}") @reason("A case.")\n{found[1]}',
        policies,
        flags=re.MULTILINE,
    )
