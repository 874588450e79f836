"""From issuer and subject to entitlements: the directory in one DynamoDB table, read in one snapshot."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from authz.closure_cache import ClosureCache
from authz.directory import Closure, Entitlements
from authz.dynamodb_person import GROUPS, Head, epoch_key, group_ids, person_key, read_head
from authz.dynamodb_table import READ_BATCH, IncompleteError, Item, Table, translating
from authz.errors import DirectoryUnavailableError
from authz.resource import TenantId
from authz.schema import AttributeTypes, parse_attributes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

MAX_TENANTS = READ_BATCH - 1
"""Most tenants of one issuer: their epochs and the head must fit into one transaction."""


class _VanishedError(IncompleteError):
    """The head names chunks that are not there."""


@final
class DynamoDBDirectory:
    """`Directory` over one table.

    Only the head item says which tenant a person is in, and the snapshot must hold that tenant's epoch. So the one
    TransactGetItems asks for the head and for the epochs of all tenants that the issuer may speak for: they are few,
    known from the settings, and nothing is remembered between requests that could be out of date.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        principal_types: AttributeTypes,
        tenants: Mapping[str, frozenset[TenantId]],
        cached_groups: int = 1_000_000,
    ) -> None:
        """Read from `table`; `tenants` are those that each issuer, by the exact text of `iss`, may speak for.

        Raises `ValueError` for an issuer of more than `MAX_TENANTS`.
        """
        if any(len(spoken_for) > MAX_TENANTS for spoken_for in tenants.values()):
            message = f"an issuer may speak for at most {MAX_TENANTS} tenants"
            raise ValueError(message)
        self._table = Table(client, table)
        self._principal_types = principal_types
        self._tenants = tenants
        self._cache = ClosureCache(cached_groups)

    def entitlements(self, issuer: str, subject: str) -> Entitlements | None:
        """Return what this person holds, or None if they are unknown or in a tenant not of `issuer`.

        Raises `DirectoryUnavailableError` if any part, or the epoch, cannot be read.
        """
        tenants = self._tenants.get(issuer)
        if not tenants:
            return None
        with translating(DirectoryUnavailableError, "the directory cannot be read in full"):
            try:
                return self._read(issuer, subject, tenants)
            except _VanishedError:
                # A writer drops the chunks of a generation once the head names the next: the new head has its own.
                return self._read(issuer, subject, tenants)

    def _read(self, issuer: str, subject: str, tenants: frozenset[TenantId]) -> Entitlements | None:
        # (1): one snapshot of the head and the epochs.
        at = person_key(issuer, subject)
        epochs = {tenant: epoch_key(tenant) for tenant in sorted(tenants)}
        items = self._table.snapshot([at, *epochs.values()])
        # (2): a directory without any epoch was never loaded, or is lost; that is no "unknown person".
        if not any(key in items for key in epochs.values()):
            message = "the directory has no epoch"
            raise IncompleteError(message)
        if at not in items:
            return None
        # (3): who, in which tenant, at which epoch.
        head = read_head(items[at])
        if head.tenant not in epochs:
            return None
        epoch = _epoch(items[epochs[head.tenant]])
        # (4): the groups, from the head or from the chunks of its generation.
        closure = self._closure(head)
        attributes = parse_attributes(self._principal_types, head.attributes)
        return Entitlements(head.tenant, head.uid, attributes, closure, epoch)

    def _closure(self, head: Head) -> Closure:
        cached = self._cache.get(head.uid, head.generation)
        if cached is not None:
            return cached
        keys = head.groups.keys(head.pk, head.generation, GROUPS)
        chunks = self._table.get_many(keys)
        if len(chunks) != len(keys):
            message = "chunks of the closure are missing"
            raise _VanishedError(message)
        closure = Closure.of(group_ids(head.groups.load([chunks[key] for key in keys]), head.tenant))
        if keys:
            self._cache.keep(head.uid, head.generation, closure)
        return closure


def _epoch(item: Item) -> int:
    epoch = int(item["epoch"]["N"])
    if epoch < 1:
        message = "an epoch counts from 1"
        raise ValueError(message)
    return epoch
