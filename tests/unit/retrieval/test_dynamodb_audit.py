"""The audit log: record and personal values together or neither, once, and readable in order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from authz.resource import TenantId
from retrieval.audit import Entry, Json, Logged, Receipt, canonical
from retrieval.dynamodb_audit import DynamoDBAuditLog
from retrieval.errors import AuditUnavailableError
from tests.support.memory import MemoryAuditLog
from tests.support.tables import (
    Answer,
    Fault,
    Spoilt,
    cancelled,
    client,
    garbage,
    new_table,
    noise,
    refused,
    spoilt,
    unreachable,
)

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
Log = MemoryAuditLog | DynamoDBAuditLog
Kept = dict[str, Callable[[], bytes]]


def tables() -> tuple[str, str]:
    return new_table(), new_table()


def audit(at: tuple[str, str], through: Spoilt | None = None, known: int = 10) -> DynamoDBAuditLog:
    return DynamoDBAuditLog(through.client() if through else client(), *at, known_digests=known)


@pytest.fixture(params=["memory", "dynamodb"])
def either(request: pytest.FixtureRequest) -> Log:
    return MemoryAuditLog() if request.param == "memory" else audit(tables())


def receipt(number: int = 1, tenant: TenantId = ACME) -> Receipt:
    return Receipt(tenant, f"{number:032x}")


def entry(number: int = 1, kept: Kept | None = None, tenant: TenantId = ACME, text: str = "why?") -> Entry:
    name = receipt(number, tenant)
    record: dict[str, Json] = {
        "id": name.id,
        "outcome": "open",
        "epoch": "7",
        "hits": [{"document": "00ff", "policies": ["é", "b"]}],
    }
    return Entry(name, record, {"salt": "ab", "question": text}, kept or {})


def count(table: str) -> int:
    return client().scan(TableName=table)["Count"]


# Both the real log and the one in memory.


def test_record_and_personal_values_come_back_as_they_were(either: Log) -> None:
    either.append(entry())
    assert either.read(ACME, None, 10) == [Logged(receipt(), entry().record, None)]
    assert either.personal(receipt()) == {"salt": "ab", "question": "why?"}
    assert either.personal(receipt(2)) is None


def test_second_record_of_one_id_is_refused_and_changes_nothing(either: Log) -> None:
    either.append(entry())
    with pytest.raises(AuditUnavailableError):
        either.append(entry(text="another"))
    assert either.personal(receipt()) == {"salt": "ab", "question": "why?"}


def test_one_id_in_two_tenants_is_two_records(either: Log) -> None:
    either.append(entry())
    either.append(entry(tenant=GLOBEX))
    assert [each.receipt.tenant for each in either.read(GLOBEX, None, 10)] == [GLOBEX]


def test_first_closing_stands(either: Log) -> None:
    either.append(entry())
    either.close(receipt(), "complete", {"tokens": "12"})
    either.close(receipt(), "cancelled", {})
    assert [each.closing for each in either.read(ACME, None, 10)] == [{"outcome": "complete", "tokens": "12"}]


def test_records_are_read_oldest_first_with_their_closings_page_by_page(either: Log) -> None:
    for number in (3, 1, 5, 2, 4):
        either.append(entry(number))
    for number in (1, 3, 5):
        either.close(receipt(number), "complete", {})
    after, seen = None, list[tuple[str, bool]]()
    while page := either.read(ACME, after, 2):
        assert len(page) <= 2
        seen += [(each.receipt.id, each.closing is not None) for each in page]
        after = page[-1].receipt.id
    assert seen == [(receipt(number).id, number % 2 == 1) for number in (1, 2, 3, 4, 5)]
    assert either.read(ACME, None, 0) == []
    assert either.read(GLOBEX, None, 10) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_closing_of_the_last_record_of_a_page_is_not_cut_off(either: Log, limit: int) -> None:
    for number in range(1, 6):
        either.append(entry(number))
        either.close(receipt(number), "complete", {})
    assert all(each.closing for each in either.read(ACME, None, limit))
    assert len(either.read(ACME, None, limit)) == limit


def test_kept_content_is_rendered_once_and_comes_back(either: Log) -> None:
    rendered: list[str] = []

    def render() -> bytes:
        rendered.append("policies")
        return b"permit(principal, action, resource);"

    for number in range(3):
        either.append(entry(number, {"d1": render}))
    assert rendered == ["policies"]
    assert either.kept("d1") == b"permit(principal, action, resource);"
    assert either.kept("d2") is None


@pytest.mark.parametrize("wrong", [{"number": 2**60}, {"text": "\ud800"}, {"float": float("nan")}])
def test_record_without_a_canonical_form_is_refused(either: Log, wrong: dict[str, Any]) -> None:
    for made in (Entry(receipt(), wrong, {}), Entry(receipt(), {}, wrong)):
        with pytest.raises(AuditUnavailableError):
            either.append(made)
    either.append(entry())
    with pytest.raises(AuditUnavailableError):
        either.close(receipt(), "complete", wrong)


@pytest.mark.parametrize("name", ["", "a#closing", "#"])
def test_id_that_could_be_taken_for_a_closing_is_refused(either: Log, name: str) -> None:
    with pytest.raises(AuditUnavailableError):
        either.append(Entry(Receipt(ACME, name), {}, {}))


# How it writes.


def test_record_is_one_transaction() -> None:
    through = spoilt()
    audit(tables(), through).append(entry(kept={"d1": lambda: b"policies", "d2": lambda: b"entitlements"}))
    assert through.calls == ["transact_write_items"]


def test_stored_bytes_are_the_canonical_ones() -> None:
    at = tables()
    audit(at).append(entry())
    [item] = client().scan(TableName=at[0])["Items"]
    assert item["json"]["B"] == canonical(entry().record)


def test_personal_values_lie_in_their_own_table_only() -> None:
    at = tables()
    audit(at).append(entry(text="who earns most?"))
    assert "who earns most" not in str(client().scan(TableName=at[0])["Items"])
    client().delete_item(TableName=at[1], Key={"pk": {"S": ACME}, "sk": {"S": receipt().id}})
    assert audit(at).personal(receipt()) is None
    assert len(audit(at).read(ACME, None, 10)) == 1


def test_kept_content_of_megabytes_comes_back_whole() -> None:
    at, content = tables(), noise(1, 1_000_000)
    audit(at).append(entry(kept={"d1": lambda: content}))
    assert audit(at).kept("d1") == content


def test_known_digests_are_forgotten_when_they_are_too_many() -> None:
    rendered: list[int] = []

    def render(number: int) -> bytes:
        rendered.append(number)
        return b"x"

    log = audit(tables(), known=2)
    for turn, number in enumerate((1, 2, 3, 3, 1)):
        log.append(entry(turn, {f"d{number}": lambda number=number: render(number)}))  # type: ignore[misc]  # a default binds it
    assert rendered == [1, 2, 3, 1]


def test_transaction_that_meets_another_is_repeated() -> None:
    at, left = tables(), [cancelled("None", "None", "TransactionConflict")] * 3

    def met(real: Answer, request: dict[str, Any]) -> object:
        if left:
            raise left.pop()
        return real(**request)

    audit(at, spoilt(transact_write_items=met)).append(entry())
    assert len(audit(at).read(ACME, None, 10)) == 1


def test_many_appends_at_once_are_all_there() -> None:
    log = audit(tables())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.append(entry(number, {"d1": lambda: b"policies"})), range(40)))
    assert len(log.read(ACME, None, 100)) == 40


# What must be an outage.


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failed_append_is_an_outage_and_writes_nothing(fault: Fault) -> None:
    at = tables()
    with pytest.raises(AuditUnavailableError):
        audit(at, spoilt(transact_write_items=fault)).append(entry())
    assert (count(at[0]), count(at[1])) == (0, 0)


def test_record_whose_answer_was_lost_and_that_was_written_again_is_durable() -> None:
    def twice(real: Answer, request: dict[str, Any]) -> object:
        real(**request)
        return real(**request)

    at = tables()
    audit(at, spoilt(transact_write_items=twice)).append(entry())
    assert [each.receipt for each in audit(at).read(ACME, None, 10)] == [receipt()]
    with pytest.raises(AuditUnavailableError):
        audit(at).append(entry(text="another"))


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "ThrottlingError", "ValidationError"])
def test_transaction_cancelled_for_another_reason_is_not_repeated(reason: str) -> None:
    def met(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
        raise cancelled(reason, "TransactionConflict")

    through = spoilt(transact_write_items=met)
    with pytest.raises(AuditUnavailableError):
        audit(tables(), through).append(entry())
    assert through.calls.count("transact_write_items") == 1


def test_transaction_that_keeps_meeting_others_is_an_outage() -> None:
    def met(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
        error = cancelled("TransactionConflict")
        raise error

    with pytest.raises(AuditUnavailableError):
        audit(tables(), spoilt(transact_write_items=met)).append(entry())


def test_missing_personal_table_is_an_outage_and_no_record_is_written() -> None:
    records = new_table()
    with pytest.raises(AuditUnavailableError):
        audit((records, "no-such-table")).append(entry())
    assert count(records) == 0


def test_record_too_large_for_an_item_is_an_outage() -> None:
    large = Entry(receipt(), {"text": "x" * 500_000}, {})
    log = audit(tables())
    with pytest.raises(AuditUnavailableError):
        log.append(large)
    assert log.read(ACME, None, 10) == []


def test_content_that_could_not_be_kept_is_not_taken_for_known() -> None:
    at, content = tables(), noise(1, 800_000)
    failing = spoilt(batch_write_item=refused)
    log = audit(at, failing)
    with pytest.raises(AuditUnavailableError):
        log.append(entry(kept={"d1": lambda: content}))
    assert log.read(ACME, None, 10) == []
    assert log.kept("d1") is None
    failing.operations.clear()
    log.append(entry(kept={"d1": lambda: content}))
    assert log.kept("d1") == content


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failed_read_is_an_outage(fault: Fault) -> None:
    log = audit(tables(), spoilt(query=fault, batch_get_item=fault))
    for read in (lambda: log.read(ACME, None, 10), lambda: log.kept("d1"), lambda: log.personal(receipt())):
        with pytest.raises(AuditUnavailableError):
            read()


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failed_closing_is_an_outage(fault: Fault) -> None:
    with pytest.raises(AuditUnavailableError):
        audit(tables(), spoilt(put_item=fault)).close(receipt(), "complete", {})


@pytest.mark.parametrize("damage", [{"B": b"[]"}, {"B": b"{"}, {"S": "{}"}])
def test_malformed_record_is_an_outage_and_never_passed_over(damage: dict[str, Any]) -> None:
    at = tables()
    audit(at).append(entry())
    item: Any = {"pk": {"S": ACME}, "sk": {"S": receipt(2).id}, "format": {"N": "1"}, "json": damage}
    client().put_item(TableName=at[0], Item=item)
    with pytest.raises(AuditUnavailableError):
        audit(at).read(ACME, None, 10)


def test_lost_part_of_kept_content_is_an_outage() -> None:
    at = tables()
    audit(at).append(entry(kept={"d1": lambda: noise(1, 800_000)}))
    client().delete_item(TableName=at[0], Key={"pk": {"S": "kept#d1"}, "sk": {"S": "1"}})
    with pytest.raises(AuditUnavailableError):
        audit(at).kept("d1")


def test_message_of_an_outage_holds_no_question() -> None:
    with pytest.raises(AuditUnavailableError) as raised:
        audit(("no-such-table", "nor-this")).append(entry(text="secret"))
    assert str(raised.value) == "the record is not durable"
