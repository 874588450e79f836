"""The pointer in DynamoDB: consistent or an outage, and moved only from where it was expected."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from retrieval.dynamodb_pointer import DynamoDBPointers
from retrieval.dynamodb_registry import DynamoDBRegistry
from retrieval.errors import ConflictError, RegistryUnavailableError
from retrieval.pointer import IndexPointer, IndexPointers
from tests.support.memory_indices import ACME, NEW, OLD, MemoryPointers
from tests.support.tables import Answer, Fault, Spoilt, client, garbage, new_table, refused, schema, spoilt, unreachable

FIRST = IndexPointer(OLD, (OLD,), 1)
FILLING = IndexPointer(OLD, (OLD, NEW), 2)
DROPPING = IndexPointer(NEW, (NEW,), 3, (OLD,))


def pointers(table: str, through: Spoilt | None = None) -> DynamoDBPointers:
    return DynamoDBPointers(through.client() if through else client(), table)


@pytest.fixture(params=["memory", "dynamodb"])
def either(request: pytest.FixtureRequest) -> IndexPointers:
    return MemoryPointers() if request.param == "memory" else pointers(new_table())


def test_pointer_comes_back_as_it_was_written(either: IndexPointers) -> None:
    assert either.pointer() is None
    for each in (FIRST, FILLING, DROPPING):
        either.point(each)
        assert either.pointer() == each


@pytest.mark.parametrize(
    "late", [FIRST, FILLING, replace(FILLING, revision=4), replace(FIRST, reads=NEW, writes=(NEW,))]
)
def test_pointer_that_somebody_else_moved_is_a_conflict_and_stays(either: IndexPointers, late: IndexPointer) -> None:
    either.point(FIRST)
    either.point(replace(FILLING, writes=(OLD, "antechamber-rival")))
    with pytest.raises(ConflictError):
        either.point(late)
    assert either.pointer() == replace(FILLING, writes=(OLD, "antechamber-rival"))


def test_pointer_to_the_first_index_is_written_once(either: IndexPointers) -> None:
    with pytest.raises(ConflictError):
        either.point(FILLING)
    either.point(FIRST)
    with pytest.raises(ConflictError):
        either.point(replace(FIRST, reads=NEW, writes=(NEW,)))


def test_of_many_at_one_revision_exactly_one_wins(either: IndexPointers) -> None:
    either.point(FIRST)

    def point(number: int) -> bool:
        try:
            either.point(replace(FILLING, writes=(OLD, f"antechamber-{number}")))
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(point, range(24))) == 1


def test_pointer_is_no_document_of_the_registry_beside_it() -> None:
    table = new_table()
    pointers(table).point(FIRST)
    assert list(DynamoDBRegistry(client(), table, schema().document).scan(ACME)) == []


def test_read_is_strongly_consistent() -> None:
    asked: list[dict[str, Any]] = []

    def note(real: Answer, request: dict[str, Any]) -> object:
        asked.extend(request["RequestItems"].values())
        return real(**request)

    assert pointers(new_table(), spoilt(batch_get_item=note)).pointer() is None
    assert [each["ConsistentRead"] for each in asked] == [True]


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failed_read_is_an_outage_and_never_no_index(fault: Fault) -> None:
    table = new_table()
    pointers(table).point(FIRST)
    with pytest.raises(RegistryUnavailableError):
        pointers(table, spoilt(batch_get_item=fault)).pointer()


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failed_write_is_an_outage_and_no_conflict(fault: Fault) -> None:
    with pytest.raises(RegistryUnavailableError):
        pointers(new_table(), spoilt(put_item=fault)).point(FIRST)


def test_write_whose_answer_was_lost_counts_as_written() -> None:
    def twice(real: Answer, request: dict[str, Any]) -> object:
        real(**request)
        return real(**request)

    table = new_table()
    lossy = pointers(table, spoilt(put_item=twice))
    lossy.point(FIRST)
    lossy.point(FILLING)
    assert pointers(table).pointer() == FILLING


DAMAGES: list[dict[str, Any]] = [
    {"reads": {"N": "1"}}, {"reads": {"S": ""}}, {"reads": {"S": "antechamber-other"}}, {"writes": {"L": []}},
    {"writes": {"S": OLD}}, {"writes": {"L": [{"N": "1"}]}}, {"revision": {"S": "x"}}, {"gone": {"NULL": True}},
    {"gone": {"L": [{"S": OLD}]}},
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_malformed_pointer_is_an_outage(damage: dict[str, Any]) -> None:
    table = new_table()
    pointers(table).point(FIRST)
    key: Any = {"pk": {"S": "index"}, "sk": {"S": "pointer"}}
    item = client().get_item(TableName=table, Key=key)["Item"]
    client().put_item(TableName=table, Item={**item, **damage})
    with pytest.raises(RegistryUnavailableError):
        pointers(table).pointer()
