"""The composition root of operators' commands: they act with the deployment's own credentials, and are recorded."""

import os
import pwd
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from authz.directory import Directory, Entitlements
from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.enrolment import Person
from authz.policy_set import PolicySet, load_policies
from authz.resource import EntityId, TenantId
from retrieval.actor import Role
from retrieval.audit import AuditLog, Json, Outcome, Receipt
from retrieval.document import DocumentRecord
from retrieval.errors import SourceError
from retrieval.ingest.destination import Destination
from retrieval.ingest.parse import Parse
from retrieval.intake import Intake
from retrieval.record import Event, Purpose, record_event
from retrieval.registry import Registry
from service import aws, compose, compose_index
from service.commands.terminal import settings
from service.dependencies import APPLICATION
from service.settings import Settings
from service.writing import closed_by_outcome, recorded_by


@dataclass(frozen=True, slots=True)
class Operator:
    """What operators' commands reach."""

    settings: Settings
    policies: PolicySet
    directory: Directory
    admin: DynamoDBDirectoryAdmin
    registry: Registry
    audit: AuditLog
    intake: Intake
    parse: Parse
    now: datetime

    def tenant(self, named: str | None) -> TenantId:
        """Return the tenant called so, or the first that tenants.json declares. Raises `SourceError` for another."""
        for tenant in self.policies.tenants:
            if named in {None, tenant}:
                return tenant
        message = f'no tenant is called "{named}"; tenants.json declares {", ".join(self.policies.tenants)}'
        raise SourceError(message)

    def person(self, handle: str) -> Person:
        """Return the one person called `handle`, of any tenant. Raises `SourceError` if there is not exactly one."""
        found = [
            each for tenant in self.policies.tenants for each in self.admin.people(tenant) if each.handle == handle
        ]
        if len(found) != 1:
            message = (
                f'the directory knows {len(found) or "nobody"} called "{handle}"; see `antechamber directory people`'
            )
            raise SourceError(message)
        return found[0]

    def entitlements(self, handle: str) -> Entitlements:
        """Return what the person called `handle` holds. Raises `SourceError` if the directory knows no such person."""
        person = self.person(handle)
        held = self.directory.entitlements(person.issuer, person.subject)
        if held is None:
            message = f'the issuer of "{handle}" may not speak for their tenant; see the settings'
            raise SourceError(message)
        return held

    def uids(self, tenant: TenantId) -> Mapping[str, EntityId]:
        """Return the uid of everybody in `tenant`, by handle."""
        return {each.handle: each.uid for each in self.admin.people(tenant)}

    def destination(self, tenant: TenantId) -> Destination:
        """Return where ingestion writes; every write is recorded with this role as its actor, before it is made."""
        writer, vectors = compose_index.index(self.settings, self.policies).writer, compose.vectors(self.settings)
        on_write = recorded_by(Role(tenant, role()), lambda: self.policies, self.audit, compose.now)
        return Destination(self.registry, writer, vectors, self.parse, on_write, compose.now)

    def viewed(self, held: Entitlements, document: DocumentRecord | None) -> None:
        """Record that an operator looked at what a person may see."""
        details: dict[str, Json] = {"document": document.key if document else None}
        self._record(held.tenant, "operator-view", "complete", details, {"viewed": held.uid})

    @contextmanager
    def changing(self, tenant: TenantId, action: str, what: dict[str, Json]) -> Iterator[None]:
        """Record a change of the directory, before it is made and how it ended; `what` speaks of people and groups."""
        with self._recorded(tenant, "directory", {"action": action}, what):
            yield

    def listed_people(self, tenant: TenantId) -> None:
        """Record that an operator looked at what everybody in `tenant` holds."""
        self._record(tenant, "operator-view", "complete", {"action": "people"}, {})

    def looked_at_status(self, tenant: TenantId) -> None:
        """Record that an operator looked at which documents of `tenant` there are, and what became of others."""
        self._record(tenant, "operator-view", "complete", {"action": "status"}, {})

    def compared_policies(self, tenant: TenantId, old: str, new: str) -> None:
        """Record that an operator looked at who in `tenant` may read what under policies of two digests."""
        self._record(tenant, "operator-view", "complete", {"action": "policy-diff", "old": old, "new": new}, {})

    @contextmanager
    def maintaining(self, action: str) -> Iterator[None]:
        """Record in each tenant that an operator worked on the index, before it is done and how it ended."""
        with ExitStack() as stack:
            for tenant in self.policies.tenants:
                stack.enter_context(self._recorded(tenant, "operator-view", {"action": action}, {}))
            yield

    def read_audit(self, tenant: TenantId) -> None:
        """Record that the audit itself is being read."""
        self._record(tenant, "audit-read", "complete", {}, {})

    @contextmanager
    def _recorded(
        self, tenant: TenantId, event: Event, details: dict[str, Json], personal: dict[str, Json]
    ) -> Iterator[None]:
        receipt = self._record(tenant, event, "open", details, personal)
        with closed_by_outcome(lambda outcome: self.audit.close(receipt, outcome, {})):
            yield

    def _record(
        self, tenant: TenantId, event: Event, outcome: Outcome, details: dict[str, Json], personal: dict[str, Json]
    ) -> Receipt:
        purpose = Purpose(event, secrets.token_hex(8), APPLICATION)
        actor, now = Role(tenant, role()), compose.now()
        return record_event(actor, purpose, self.policies, now, outcome, details, self.audit, personal)


def role() -> str:
    """Return how records call whoever runs this command: the operating system's word, not the environment's."""
    return f"role:command-line:{pwd.getpwuid(os.geteuid()).pw_name}"


def operator() -> Operator:
    """Return what this command reaches, each adapter built once. Raises `PolicyError`."""
    configured = settings()
    policies = load_policies(configured.policies)
    client = aws.dynamodb(configured)
    return Operator(
        settings=configured,
        policies=policies,
        directory=compose.directory(configured, policies.attributes),
        admin=DynamoDBDirectoryAdmin(client, configured.directory_table, policies.attributes.principal),
        registry=compose.registry(configured, policies.attributes),
        audit=compose.audit(configured),
        intake=compose.intake(configured),
        parse=compose.parser(),
        now=compose.now(),
    )
