"""The intake in DynamoDB: what was noted comes back, whole and of one tenant, or an outage."""

from dataclasses import replace

import pytest

from authz.dynamodb_table import Table
from authz.resource import EntityId, TenantId
from retrieval.document import text_digest
from retrieval.dynamodb_intake import DynamoDBIntake
from retrieval.errors import IntakeUnavailableError
from retrieval.intake import MAX_REASON, Intake, IntakeEntry
from tests.support.memory_bucket import MemoryIntake
from tests.support.tables import Fault, Spoilt, client, garbage, new_table, refused, spoilt, unreachable

pytestmark = pytest.mark.enable_socket

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
PLAIN = IntakeEntry(ACME, "s3://documents/acme/hand/a.md", "waiting", "role:worker", 1)
WHOLE = IntakeEntry(
    ACME, "s3://documents/acme/hand/b.md", "refused", "role:worker", 2, "not UTF-8", EntityId("acme/b.md"),
    frozenset({"acme/company", "acme/handbook"}), "v1", "ab" * 32, 7, 3,
)  # fmt: skip


def intake(through: Spoilt | None = None, table: str | None = None) -> DynamoDBIntake:
    return DynamoDBIntake(through.client() if through else client(), table or new_table())


@pytest.fixture(params=["memory", "dynamodb"])
def either(request: pytest.FixtureRequest) -> Intake:
    return MemoryIntake() if request.param == "memory" else intake()


@pytest.mark.parametrize("entry", [PLAIN, WHOLE, replace(WHOLE, source="s3://documents/" + "ü" * 1000, follows=0)])
def test_entry_comes_back_as_it_was_noted(either: Intake, entry: IntakeEntry) -> None:
    assert either.of(entry.tenant, entry.source) is None
    either.note(entry)
    assert either.of(entry.tenant, entry.source) == entry


def test_of_a_source_only_the_latest_entry_stays(either: Intake) -> None:
    either.note(PLAIN)
    either.note(replace(PLAIN, state="taken", document=EntityId("acme/a.md")))
    assert [entry.state for entry in either.scan(ACME)] == ["taken"]


def test_scan_gives_all_of_one_tenant_and_nothing_of_another(either: Intake) -> None:
    either.note(PLAIN)
    either.note(WHOLE)
    either.note(replace(PLAIN, tenant=GLOBEX))
    assert {entry.source for entry in either.scan(ACME)} == {PLAIN.source, WHOLE.source}
    assert [entry.tenant for entry in either.scan(GLOBEX)] == [GLOBEX]
    assert either.of(GLOBEX, WHOLE.source) is None


def test_long_reason_is_cut() -> None:
    on = intake()
    on.note(replace(PLAIN, reason="x" * 100_000))
    found = on.of(ACME, PLAIN.source)
    assert found is not None
    assert len(found.reason or "") == MAX_REASON


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_table_that_fails_is_an_outage_and_never_an_empty_intake(fault: Fault) -> None:
    on = intake(spoilt(batch_get_item=fault, query=fault, put_item=refused))
    with pytest.raises(IntakeUnavailableError):
        on.of(ACME, PLAIN.source)
    with pytest.raises(IntakeUnavailableError):
        list(on.scan(ACME))
    with pytest.raises(IntakeUnavailableError):
        on.note(PLAIN)


@pytest.mark.parametrize("changed", [{"state": {"S": "gone"}}, {"updated": {"S": "x"}}, {"collections": {"S": "x"}}])
def test_malformed_entry_is_an_outage(changed: dict[str, dict[str, str]]) -> None:
    table = new_table()
    on = intake(table=table)
    on.note(PLAIN)
    item = Table(client(), table).get((ACME, text_digest(PLAIN.source)))
    assert item is not None
    client().put_item(TableName=table, Item={**item, **changed})
    with pytest.raises(IntakeUnavailableError):
        on.of(ACME, PLAIN.source)
