"""From a person's head item and the roster to where their groups come from: read for explanations, never to decide."""

from typing import TYPE_CHECKING, final

from authz.dynamodb_person import DIRECT, group_ids, person_key, read_head
from authz.dynamodb_roster import Rosters
from authz.dynamodb_table import Table, translating
from authz.errors import DirectoryUnavailableError
from authz.origins import Origins
from authz.resource import TenantId

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@final
class DynamoDBOrigins:
    """Reads the table that `DynamoDBDirectory` reads."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table)
        self._rosters = Rosters(self._table)

    def of(self, tenant: TenantId, issuer: str, subject: str) -> Origins | None:
        """Return where the person's groups come from, None if they are not in `tenant`, or changing just now.

        Raises `DirectoryUnavailableError`.
        """
        with translating(DirectoryUnavailableError, "the directory cannot be read in full"):
            item = self._table.get(person_key(issuer, subject))
            if item is None:
                return None
            head = read_head(item)
            keys = head.direct.keys(head.pk, head.generation, DIRECT)
            chunks = self._table.get_many(keys)
            if head.tenant != tenant or len(chunks) != len(keys):
                return None
            direct = group_ids(head.direct.load([chunks[key] for key in keys]), tenant)
        return Origins(direct, self._rosters.read(tenant).nesting)
