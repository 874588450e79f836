"""From a person to the head item that names what they hold, and back."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from authz.directory import principal_id
from authz.dynamodb_table import PK, SK, Item, Key
from authz.dynamodb_value import Value
from authz.resource import EntityId, TenantId, tenant_id
from authz.schema import TENANT

HEAD = "head"
DIRECT, GROUPS = "direct", "groups"


@dataclass(frozen=True, slots=True)
class Head:
    """A person's head item. Its generation is random and never used twice; chunks of a generation never change."""

    tenant: TenantId
    issuer: str = field(repr=False)
    subject: str = field(repr=False)
    handle: str
    attributes: Mapping[str, object]
    """Plain JSON."""
    generation: str
    direct: Value
    """The groups that this person was put in."""
    groups: Value
    """These and all their ancestors."""

    @property
    def uid(self) -> EntityId:
        """The person's uid."""
        return principal_id(self.tenant, self.issuer, self.subject)

    @property
    def pk(self) -> str:
        """The first key of this item and of its chunks."""
        return person_key(self.issuer, self.subject)[0]

    def chunks(self) -> list[Key]:
        """Return where all chunks of this generation lie."""
        return [
            *self.direct.keys(self.pk, self.generation, DIRECT),
            *self.groups.keys(self.pk, self.generation, GROUPS),
        ]

    def item(self) -> Item:
        """Return the item."""
        return {
            PK: {"S": self.pk},
            SK: {"S": HEAD},
            "tenant": {"S": self.tenant},
            "issuer": {"S": self.issuer},
            "subject": {"S": self.subject},
            "handle": {"S": self.handle},
            "attributes": {"S": json.dumps(self.attributes, ensure_ascii=False, sort_keys=True)},
            "generation": {"S": self.generation},
            **self.direct.item(DIRECT),
            **self.groups.item(GROUPS),
        }


def read_head(item: Item) -> Head:
    """Return the head that `item` holds. Raises `KeyError` or `ValueError` if it is malformed or somebody else's."""
    attributes = json.loads(item["attributes"]["S"])
    if not isinstance(attributes, dict):
        message = "attributes must be an object"
        raise ValueError(message)  # noqa: TRY004 - what an item holds is data
    head = Head(
        tenant=tenant_id(item["tenant"]["S"]),
        issuer=item["issuer"]["S"],
        subject=item["subject"]["S"],
        handle=item["handle"]["S"],
        attributes=attributes,
        generation=item["generation"]["S"],
        direct=Value.read(item, DIRECT),
        groups=Value.read(item, GROUPS),
    )
    if head.pk != item[PK]["S"] or attributes.get(TENANT, head.tenant) != head.tenant:
        message = "the head item names another person or another tenant than its key"
        raise ValueError(message)
    return head


def person_key(issuer: str, subject: str) -> Key:
    """Return where the head of a person lies: a digest, since a subject may be longer than a key."""
    named = json.dumps([issuer, subject], separators=(",", ":"), ensure_ascii=False)
    return f"person#{hashlib.sha256(named.encode(errors='surrogatepass')).hexdigest()}", HEAD


def epoch_key(tenant: TenantId) -> Key:
    """Return where the epoch of `tenant` lies."""
    return f"epoch#{tenant}", "epoch"


def group_ids(value: object, tenant: TenantId) -> frozenset[EntityId]:
    """Return the groups in the loaded `value`. Raises `ValueError` unless they are different ids of `tenant`."""
    prefix = f"{tenant}/"
    if not isinstance(value, list) or not all(isinstance(each, str) and each.startswith(prefix) for each in value):
        message = "groups must be ids of their person's tenant"
        raise ValueError(message)
    groups = frozenset(EntityId(each) for each in value)
    if len(groups) != len(value):
        message = "a group is named twice"
        raise ValueError(message)
    return groups
