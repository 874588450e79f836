"""The directory: what a person holds in one snapshot, or nothing at all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from authz.directory import Closure, Directory, principal_id
from authz.dynamodb import MAX_TENANTS, DynamoDBDirectory
from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.dynamodb_person import person_key
from authz.enrolment import Enrolment
from authz.errors import DirectoryUnavailableError
from authz.resource import EntityId, TenantId
from tests.support.memory import MemoryDirectory
from tests.support.tables import (
    Answer,
    Fault,
    Spoilt,
    cancelled,
    client,
    garbage,
    new_table,
    refused,
    schema,
    spoilt,
    unreachable,
)

ISSUER = "https://login.acme.test"
ACME, GLOBEX = TenantId("acme"), TenantId("globex")
TENANTS = {ISSUER: frozenset({ACME, GLOBEX})}
HELD: dict[str, object] = {"clearance": 2, "compartments": ["nimbus"], "employment": "employee"}
LARGE = 10_000


def admin(table: str) -> DynamoDBDirectoryAdmin:
    return DynamoDBDirectoryAdmin(client(), table, schema().principal)


def directory(table: str, through: Spoilt | None = None) -> DynamoDBDirectory:
    return DynamoDBDirectory(through.client() if through else client(), table, schema().principal, TENANTS)


def loaded(groups: int = 2) -> str:
    """Return a table that knows ana, directly in `groups` groups which are all in staff."""
    table = new_table()
    names = [f"group-{number:05d}" for number in range(groups)]
    parents: dict[str, tuple[str, ...]] = {"staff": (), **dict.fromkeys(names, ("staff",))}
    admin(table).load(ACME, parents, [Enrolment(ISSUER, "ana", "ana", HELD, names)])
    return table


def head(table: str) -> dict[str, Any]:
    pk, sk = person_key(ISSUER, "ana")
    return {**client().get_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})["Item"]}


def rewrite(table: str, damage: dict[str, Any]) -> None:
    client().put_item(TableName=table, Item={**head(table), **damage})


def chunks(table: str) -> list[Any]:
    scanned = client().scan(TableName=table)["Items"]
    return [item for item in scanned if "#groups#" in item["sk"]["S"]]


# Both the real directory and the one in memory.


@pytest.fixture(params=["memory", "dynamodb"])
def both(request: pytest.FixtureRequest) -> tuple[Directory, MemoryDirectory | DynamoDBDirectoryAdmin]:
    if request.param == "memory":
        memory = MemoryDirectory(schema().principal)
        return memory, memory
    table = new_table()
    return directory(table), admin(table)


Both = tuple[Directory, MemoryDirectory | DynamoDBDirectoryAdmin]


def groups_of(reading: Directory, subject: str = "ana") -> set[str]:
    held = reading.entitlements(ISSUER, subject)
    assert held is not None
    return set(held.closure.groups)


def test_person_holds_attributes_groups_and_all_ancestors(both: Both) -> None:
    reading, writing = both
    writing.load(
        ACME, {"payroll": ["hr"], "hr": ["staff"], "staff": []}, [Enrolment(ISSUER, "ana", "ana", HELD, ["payroll"])]
    )
    held = reading.entitlements(ISSUER, "ana")
    assert held is not None
    assert (held.tenant, held.uid, held.epoch) == (ACME, principal_id(ACME, ISSUER, "ana"), 1)
    assert held.attributes == {
        "tenant": "acme", "clearance": 2, "compartments": frozenset({"nimbus"}), "employment": "employee"
    }  # fmt: skip
    assert held.closure == Closure.of(EntityId(f"acme/{group}") for group in ("payroll", "hr", "staff"))


def test_stranger_is_unknown(both: Both) -> None:
    reading, writing = both
    writing.put_person(ACME, ISSUER, "ana", "ana", HELD, [])
    assert reading.entitlements(ISSUER, "ben") is None
    assert reading.entitlements("https://elsewhere.test", "ana") is None


def test_revocation_holds_at_the_next_read(both: Both) -> None:
    reading, writing = both
    writing.load(ACME, {"deals": [], "staff": []}, [Enrolment(ISSUER, "ana", "ana", HELD, ["deals", "staff"])])
    assert "acme/deals" in groups_of(reading)
    writing.revoke(ACME, "ana", "deals")
    assert groups_of(reading) == {"acme/staff"}
    writing.grant(ACME, "ana", "deals")
    assert groups_of(reading) == {"acme/staff", "acme/deals"}


def test_change_of_nesting_reaches_everybody_below_at_the_next_read(both: Both) -> None:
    reading, writing = both
    people = [Enrolment(ISSUER, name, name, HELD, ["payroll"]) for name in ("ana", "ben")]
    writing.load(ACME, {"payroll": ["hr"], "hr": [], "staff": []}, people)
    writing.put_group(ACME, "hr", ["staff"])
    assert groups_of(reading) == groups_of(reading, "ben") == {"acme/payroll", "acme/hr", "acme/staff"}
    writing.put_group(ACME, "payroll", [])
    assert groups_of(reading, "ben") == {"acme/payroll"}


def test_every_write_advances_the_epoch_of_its_tenant_only(both: Both) -> None:
    reading, writing = both
    epochs = [
        writing.put_group(ACME, "staff", []),
        writing.put_person(ACME, ISSUER, "ana", "ana", HELD, []),
        writing.put_person(ACME, ISSUER, "ana", "ana", HELD, []),
        writing.grant(ACME, "ana", "staff"),
        writing.revoke(ACME, "ana", "staff"),
    ]
    assert epochs == [1, 2, 3, 4, 5]
    assert writing.put_group(GLOBEX, "staff", []) == 1
    held = reading.entitlements(ISSUER, "ana")
    assert held is not None
    assert held.epoch == 5


# The snapshot.


def test_small_closure_is_one_round_trip() -> None:
    through = spoilt()
    assert directory(loaded(), through).entitlements(ISSUER, "ana")
    assert through.calls == ["transact_get_items"]


def test_large_closure_is_one_more_round_trip_and_only_once() -> None:
    table, through = loaded(LARGE), spoilt()
    reading = directory(table, through)
    assert len(groups_of(reading)) == LARGE + 1
    assert len(groups_of(reading)) == LARGE + 1
    assert through.calls == ["transact_get_items", "batch_get_item", "transact_get_items"]


def test_seventy_thousand_groups_are_read_whole() -> None:
    table = loaded(70_000)
    assert len(groups_of(directory(table))) == 70_001
    admin(table).revoke(ACME, "ana", "group-00007")
    assert "acme/group-00007" not in groups_of(directory(table))


def test_cached_closure_does_not_outlive_a_revocation() -> None:
    table = loaded(LARGE)
    reading = directory(table)
    groups_of(reading)
    admin(table).revoke(ACME, "ana", "group-00007")
    assert "acme/group-00007" not in groups_of(reading)


def test_chunks_of_a_former_generation_are_gone() -> None:
    table = loaded(LARGE)
    before = chunks(table)
    admin(table).revoke(ACME, "ana", "group-00007")
    after = {item["sk"]["S"] for item in chunks(table)}
    assert before
    assert after.isdisjoint(item["sk"]["S"] for item in before)


def test_reader_overtaken_by_a_writer_reads_the_new_head() -> None:
    table, once = loaded(LARGE), threading.Lock()

    def overtaken(real: Answer, request: dict[str, Any]) -> object:
        if once.acquire(blocking=False):
            admin(table).revoke(ACME, "ana", "group-00007")
        return real(**request)

    assert "acme/group-00007" not in groups_of(directory(table, spoilt(batch_get_item=overtaken)))


def test_read_that_meets_a_write_is_repeated() -> None:
    left = [cancelled("None", "TransactionConflict")] * 2

    def met(real: Answer, request: dict[str, Any]) -> object:
        if left:
            raise left.pop()
        return real(**request)

    assert directory(loaded(), spoilt(transact_get_items=met)).entitlements(ISSUER, "ana")


def test_person_in_a_tenant_that_the_issuer_may_not_speak_for_is_unknown() -> None:
    table = loaded()
    admin(table).put_group(GLOBEX, "staff", [])
    only_globex = {ISSUER: frozenset({GLOBEX})}
    assert DynamoDBDirectory(client(), table, schema().principal, only_globex).entitlements(ISSUER, "ana") is None
    nobody: dict[str, frozenset[TenantId]] = {ISSUER: frozenset()}
    assert DynamoDBDirectory(client(), table, schema().principal, nobody).entitlements(ISSUER, "ana") is None


def test_issuer_of_more_tenants_than_a_transaction_holds_is_refused() -> None:
    many = {ISSUER: frozenset(TenantId(f"t{number}") for number in range(MAX_TENANTS + 1))}
    with pytest.raises(ValueError, match="at most 99 tenants"):
        DynamoDBDirectory(client(), "any", schema().principal, many)


# What must be an outage, and never "no groups".


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failed_snapshot_is_an_outage(fault: Fault) -> None:
    with pytest.raises(DirectoryUnavailableError):
        directory(loaded(), spoilt(transact_get_items=fault)).entitlements(ISSUER, "ana")


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failed_read_of_chunks_is_an_outage(fault: Fault) -> None:
    with pytest.raises(DirectoryUnavailableError):
        directory(loaded(LARGE), spoilt(batch_get_item=fault)).entitlements(ISSUER, "ana")


def test_missing_table_is_an_outage() -> None:
    with pytest.raises(DirectoryUnavailableError):
        directory("no-such-table").entitlements(ISSUER, "ana")


def test_read_that_keeps_meeting_writes_is_an_outage() -> None:
    def met(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
        error = cancelled("TransactionConflict")
        raise error

    with pytest.raises(DirectoryUnavailableError):
        directory(loaded(), spoilt(transact_get_items=met)).entitlements(ISSUER, "ana")


def test_snapshot_of_too_few_items_is_an_outage() -> None:
    def short(real: Answer, request: dict[str, Any]) -> object:
        return {"Responses": real(**request)["Responses"][:1]}

    with pytest.raises(DirectoryUnavailableError):
        directory(loaded(), spoilt(transact_get_items=short)).entitlements(ISSUER, "ana")


def test_snapshot_of_another_item_is_an_outage() -> None:
    def turned(real: Answer, request: dict[str, Any]) -> object:
        return {"Responses": real(**request)["Responses"][::-1]}

    with pytest.raises(DirectoryUnavailableError):
        directory(loaded(), spoilt(transact_get_items=turned)).entitlements(ISSUER, "ana")


def test_missing_epoch_is_an_outage_for_the_known_and_the_unknown() -> None:
    table = loaded()
    client().delete_item(TableName=table, Key={"pk": {"S": "epoch#acme"}, "sk": {"S": "epoch"}})
    for subject in ("ana", "stranger"):
        with pytest.raises(DirectoryUnavailableError):
            directory(table).entitlements(ISSUER, subject)
    admin(table).put_group(GLOBEX, "staff", [])
    assert directory(table).entitlements(ISSUER, "stranger") is None
    # The epoch of another tenant does not stand in for the person's own.
    with pytest.raises(DirectoryUnavailableError):
        directory(table).entitlements(ISSUER, "ana")


@pytest.mark.parametrize("epoch", [{"S": "3"}, {"N": "0"}, {"N": "1.5"}])
def test_unreadable_epoch_is_an_outage(epoch: dict[str, Any]) -> None:
    table = loaded()
    client().put_item(TableName=table, Item={"pk": {"S": "epoch#acme"}, "sk": {"S": "epoch"}, "epoch": epoch})
    with pytest.raises(DirectoryUnavailableError):
        directory(table).entitlements(ISSUER, "ana")


def test_lost_chunk_is_an_outage() -> None:
    table = loaded(LARGE)
    lost = chunks(table)[0]
    client().delete_item(TableName=table, Key={"pk": lost["pk"], "sk": lost["sk"]})
    with pytest.raises(DirectoryUnavailableError):
        directory(table).entitlements(ISSUER, "ana")


def test_chunk_of_other_content_is_an_outage() -> None:
    table, other = loaded(LARGE), loaded(LARGE + 1)
    target, source = chunks(table)[0], chunks(other)[0]
    client().put_item(TableName=table, Item={**target, "part": source["part"]})
    with pytest.raises(DirectoryUnavailableError):
        directory(table).entitlements(ISSUER, "ana")


def test_chunk_that_comes_twice_is_an_outage() -> None:
    def doubled(real: Answer, request: dict[str, Any]) -> object:
        answer = real(**request)
        answer["Responses"] = {name: items * 2 for name, items in answer["Responses"].items()}
        return answer

    with pytest.raises(DirectoryUnavailableError):
        directory(loaded(LARGE), spoilt(batch_get_item=doubled)).entitlements(ISSUER, "ana")


def test_chunks_that_stay_unprocessed_are_an_outage() -> None:
    def unprocessed(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
        asked = request["RequestItems"]
        return {"Responses": {name: [] for name in asked}, "UnprocessedKeys": asked}

    through = spoilt(batch_get_item=unprocessed)
    with pytest.raises(DirectoryUnavailableError):
        directory(loaded(LARGE), through).entitlements(ISSUER, "ana")
    assert through.calls.count("batch_get_item") == 5


def test_generation_without_chunks_is_an_outage() -> None:
    table = loaded(LARGE)
    rewrite(table, {"generation": {"S": "another"}})
    with pytest.raises(DirectoryUnavailableError):
        directory(table).entitlements(ISSUER, "ana")


@pytest.mark.parametrize(
    "damage",
    [
        {"tenant": {"S": "globex"}},
        {"tenant": {"S": "not a tenant"}},
        {"subject": {"S": "somebody else"}},
        {"attributes": {"S": "[]"}},
        {"attributes": {"S": "{"}},
        {"attributes": {"S": '{"tenant":"acme","clearance":"2","compartments":[],"employment":"employee"}'}},
        {"attributes": {"S": "{}"}},
        {"groups": {"B": b""}},
        {"groups": {"B": b"garbage"}},
        {"groups": {"S": "garbage"}},
        {"groups_sha256": {"S": "0" * 64}},
        {"groups_chunks": {"N": "-1"}},
        {"groups_chunks": {"N": "101"}},
        {"groups_chunks": {"N": "1"}},
        {"generation": {"N": "1"}},
    ],
)
def test_malformed_head_is_an_outage(damage: dict[str, Any]) -> None:
    table = loaded()
    admin(table).put_group(GLOBEX, "staff", [])
    rewrite(table, damage)
    with pytest.raises(DirectoryUnavailableError):
        directory(table).entitlements(ISSUER, "ana")


@pytest.mark.parametrize("name", ["tenant", "attributes", "groups", "groups_sha256", "groups_chunks", "generation"])
def test_head_without_a_part_is_an_outage(name: str) -> None:
    table = loaded()
    client().put_item(TableName=table, Item={key: value for key, value in head(table).items() if key != name})
    with pytest.raises(DirectoryUnavailableError):
        directory(table).entitlements(ISSUER, "ana")


def test_message_of_an_outage_names_nobody() -> None:
    with pytest.raises(DirectoryUnavailableError) as raised:
        directory("no-such-table").entitlements(ISSUER, "ana")
    assert str(raised.value) == "the directory cannot be read in full"


def test_many_readers_at_once_see_whole_closures_while_a_writer_writes() -> None:
    table = loaded(LARGE)
    reading, writing = directory(table), admin(table)
    with ThreadPoolExecutor(5) as pool:
        reads = [pool.submit(groups_of, reading) for _ in range(40)]
        for _ in range(3):
            writing.revoke(ACME, "ana", "group-00007")
            writing.grant(ACME, "ana", "group-00007")
    assert {len(read.result()) for read in reads} <= {LARGE, LARGE + 1}
