"""The registry: consistent and whole, or an outage; written only over the revision that was expected."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from authz.errors import ResourceError
from authz.resource import EntityId, TenantId
from authz.schema import parse_attributes
from retrieval.document import TITLE, DocumentRecord, PassageDigest, PassageId
from retrieval.dynamodb_registry import DynamoDBRegistry
from retrieval.errors import ConflictError, RegistryUnavailableError
from retrieval.registry import Registry, RegistryView
from tests.support.memory import MemoryRegistry
from tests.support.tables import Answer, Fault, Spoilt, client, garbage, new_table, refused, schema, spoilt, unreachable

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
DOCUMENT = EntityId("acme/hr/salary-bands.md")


def registry(table: str, through: Spoilt | None = None) -> DynamoDBRegistry:
    return DynamoDBRegistry(through.client() if through else client(), table, schema().document)


@pytest.fixture(params=["memory", "dynamodb"])
def either(request: pytest.FixtureRequest) -> Registry:
    return MemoryRegistry() if request.param == "memory" else registry(new_table())


def record(document: EntityId = DOCUMENT, revision: int = 1, **changes: Any) -> DocumentRecord:  # noqa: ANN401 - fields
    attributes: dict[str, object] = {
        "tenant": document.split("/", 1)[0],
        "classification": 2,
        "markings": ["nimbus"],
        "readers": ["acme/payroll"],
        "owners": [],
        "audience": "readers",
        "embargo_until": "2027-03-01T09:00:00.000Z",
        "quarantined": False,
        "legal_hold": True,
    }
    made = DocumentRecord(
        document=document,
        key="00ff",
        version=1,
        revision=revision,
        title='Gehälter "2026" \u2014 \U0001f4b6',
        source="file:hr/salary-bands.md",
        sha256="0" * 64,
        passages=3,
        attributes=parse_attributes(schema().document, attributes),
        collections=frozenset({"acme/company", "acme/finance"}),
        status="active",
        updated=1_795_000_000_123,
    )
    return replace(made, **changes)


def at(ordinal: int, version: int = 1, document: EntityId = DOCUMENT) -> PassageId:
    return PassageId(document, version, ordinal)


def digest(number: int) -> PassageDigest:
    return PassageDigest(f"{number + 1:064x}", f"{number:064x}", number, number + 700)


# Both the real registry and the one in memory.


def test_record_comes_back_as_it_was_put(either: Registry) -> None:
    either.put(record(), None)
    assert either.record(DOCUMENT) == record()
    assert either.get([at(1)]).records == {DOCUMENT: record()}
    assert either.record(EntityId("acme/other")) is None


def test_what_the_registry_does_not_hold_is_absent(either: Registry) -> None:
    either.put(record(), None)
    either.stage({at(1): digest(1)})
    other = EntityId("globex/hr/salary-bands.md")
    view = either.get([at(1), at(2), at(1, version=2), at(1, document=other), at(1)])
    assert view == RegistryView({DOCUMENT: record()}, {at(1): digest(1)})
    assert either.get([]) == RegistryView({}, {})


def test_staged_passages_are_read_back_and_staging_again_changes_nothing(either: Registry) -> None:
    digests = {at(ordinal): digest(ordinal) for ordinal in range(60)}
    either.stage(digests)
    either.stage(digests)
    assert either.get([*digests]).passages == digests
    assert either.get([at(TITLE)]).records == {}


def test_page_of_a_passage_comes_back_and_is_absent_where_there_is_none(either: Registry) -> None:
    either.stage({at(1): replace(digest(1), page=7), at(2): digest(2)})
    assert {at.ordinal: each.page for at, each in either.get([at(1), at(2)]).passages.items()} == {1: 7, 2: None}


def test_put_at_another_revision_is_a_conflict_and_changes_nothing(either: Registry) -> None:
    with pytest.raises(ConflictError):
        either.put(record(revision=2), 1)
    either.put(record(), None)
    with pytest.raises(ConflictError):
        either.put(record(title="Another"), None)
    with pytest.raises(ConflictError):
        either.put(record(revision=3), 2)
    either.put(record(revision=2, status="retired"), 1)
    assert either.record(DOCUMENT) == record(revision=2, status="retired")


def test_record_that_carries_no_later_revision_is_refused(either: Registry) -> None:
    either.put(record(), None)
    with pytest.raises(ValueError, match="cannot follow"):
        either.put(record(revision=1), 1)


def test_unstaging_a_version_leaves_the_others(either: Registry) -> None:
    kept = {at(ordinal, version): digest(ordinal) for ordinal in range(3) for version in (2, 10, 12)}
    either.put(record(), None)
    either.stage({**kept, **{at(ordinal): digest(ordinal) for ordinal in range(60)}})
    either.unstage(DOCUMENT, [1, 7])
    either.unstage(DOCUMENT, [1])
    assert either.get([*kept, *(at(ordinal) for ordinal in range(60))]) == RegistryView({DOCUMENT: record()}, kept)


def test_scan_yields_the_records_of_one_tenant(either: Registry) -> None:
    mine = [record(EntityId(f"acme/{number}")) for number in range(5)]
    for each in (*mine, record(EntityId("globex/1")), record(EntityId("acme-2/1"))):
        either.put(each, None)
    either.stage({at(1): digest(1)})
    assert sorted(either.scan(ACME), key=lambda each: each.document) == mine
    assert [each.document for each in either.scan(GLOBEX)] == ["globex/1"]


def test_of_many_writers_at_one_revision_exactly_one_wins(either: Registry) -> None:
    either.put(record(), None)

    def write(number: int) -> bool:
        try:
            either.put(record(revision=2, updated=number), 1)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(24))) == 1


# How it reads.


def test_fifty_passages_of_fifty_documents_are_one_round_trip() -> None:
    table, through = new_table(), spoilt()
    wanted = [at(1, document=EntityId(f"acme/{number}")) for number in range(50)]
    for each in wanted:
        registry(table).put(record(each.document), None)
    registry(table).stage(dict.fromkeys(wanted, digest(1)))
    view = registry(table, through).get(wanted)
    assert (len(view.records), len(view.passages)) == (50, 50)
    assert through.calls == ["batch_get_item"]


def test_every_read_is_strongly_consistent() -> None:
    table, asked = new_table(), list[dict[str, Any]]()

    def note(real: Answer, request: dict[str, Any]) -> object:
        asked.extend(request.get("RequestItems", {"": request}).values())
        return real(**request)

    through = spoilt(batch_get_item=note, query=note, scan=note)
    reading = registry(table, through)
    reading.get([at(1)])
    reading.record(DOCUMENT)
    reading.unstage(DOCUMENT, [1])
    assert list(reading.scan(ACME)) == []
    assert len(asked) == 4
    assert all(each["ConsistentRead"] is True for each in asked)


def test_keys_processed_in_several_goes_are_read_whole() -> None:
    table = new_table()
    registry(table).stage({at(number): digest(number) for number in range(40)})

    def few(real: Answer, request: dict[str, Any]) -> object:
        [(name, asked)] = request["RequestItems"].items()
        answer = real(RequestItems={name: {**asked, "Keys": asked["Keys"][:12]}})
        left = asked["Keys"][12:]
        return {**answer, "UnprocessedKeys": {name: {**asked, "Keys": left}} if left else {}}

    view = registry(table, spoilt(batch_get_item=few)).get([at(number) for number in range(40)])
    assert len(view.passages) == 40


def test_staging_goes_in_batches_of_25() -> None:
    sizes: list[int] = []

    def note(real: Answer, request: dict[str, Any]) -> object:
        sizes.extend(len(requests) for requests in request["RequestItems"].values())
        return real(**request)

    registry(new_table(), spoilt(batch_write_item=note)).stage({at(number): digest(number) for number in range(60)})
    assert sizes == [25, 25, 10]


def test_scan_reads_every_page() -> None:
    table = new_table()
    for number in range(5):
        registry(table).put(record(EntityId(f"acme/{number}")), None)

    def short(real: Answer, request: dict[str, Any]) -> object:
        return real(**request, Limit=2)

    assert len([*registry(table, spoilt(scan=short)).scan(ACME)]) == 5


# What must be an outage.


@pytest.mark.parametrize("fault", [refused, unreachable, garbage])
def test_failed_read_is_an_outage(fault: Fault) -> None:
    reading = registry(new_table(), spoilt(batch_get_item=fault, query=fault, scan=fault))
    for read in (
        lambda: reading.get([at(1)]),
        lambda: reading.record(DOCUMENT),
        lambda: reading.unstage(DOCUMENT, [1]),
        lambda: list(reading.scan(ACME)),
    ):
        with pytest.raises(RegistryUnavailableError):
            read()


def test_failed_write_is_an_outage_and_no_conflict() -> None:
    for fault in (refused, unreachable, garbage):
        writing = registry(new_table(), spoilt(put_item=fault, batch_write_item=fault))
        with pytest.raises(RegistryUnavailableError):
            writing.put(record(), None)
        with pytest.raises(RegistryUnavailableError):
            writing.stage({at(1): digest(1)})


def test_keys_that_stay_unprocessed_are_an_outage() -> None:
    def unprocessed(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
        asked = request["RequestItems"]
        return {"Responses": {name: [] for name in asked}, "UnprocessedKeys": asked}

    through = spoilt(batch_get_item=unprocessed)
    with pytest.raises(RegistryUnavailableError):
        registry(new_table(), through).get([at(1)])
    assert len(through.calls) == 5


def test_items_that_stay_unwritten_are_an_outage() -> None:
    def unwritten(real: Answer, request: dict[str, Any]) -> object:  # noqa: ARG001 - an operation
        return {"UnprocessedItems": request["RequestItems"]}

    with pytest.raises(RegistryUnavailableError):
        registry(new_table(), spoilt(batch_write_item=unwritten)).stage({at(1): digest(1)})


def test_item_of_another_document_is_an_outage() -> None:
    table, other = new_table(), EntityId("acme/other")
    registry(table).put(record(other), None)

    def swapped(real: Answer, request: dict[str, Any]) -> object:
        keys = {"Keys": [{"pk": {"S": other}, "sk": {"S": "record"}}], "ConsistentRead": True}
        return real(RequestItems=dict.fromkeys(request["RequestItems"], keys))

    with pytest.raises(RegistryUnavailableError):
        registry(table, spoilt(batch_get_item=swapped)).get([at(1)])


# A misfit does not void the batch.

DAMAGES: list[dict[str, Any]] = [
    {"attributes": {"S": '{"tenant":"acme"}'}},
    {"attributes": {"S": "{"}},
    {"attributes": {"S": "null"}},
    {"attributes": {"N": "1"}},
    {"status": {"S": "erased"}},
    {"revision": {"S": "1"}},
    {"revision": {"N": "1.5"}},
    {"collections": {"S": '"acme/finance"'}},
    {"collections": {"S": "[1]"}},
    {"collections": {"S": '["no tenant"]'}},
    {"title": {"NULL": True}},
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_record_that_no_longer_fits_is_left_out_and_logged(
    damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    table, good = new_table(), EntityId("acme/good")
    for each in (DOCUMENT, good):
        registry(table).put(record(each), None)
    key: Any = {"pk": {"S": DOCUMENT}, "sk": {"S": "record"}}
    item = client().get_item(TableName=table, Key=key)["Item"]
    client().put_item(TableName=table, Item={**item, **damage})
    assert registry(table).get([at(1), at(1, document=good)]).records == {good: record(good)}
    assert [each.document for each in registry(table).scan(ACME)] == [good]
    assert "counts as unregistered" in caplog.text
    assert "2026" not in caplog.text
    # To whoever writes it must not look like "no record yet".
    with pytest.raises(RegistryUnavailableError):
        registry(table).record(DOCUMENT)


def test_digest_that_is_malformed_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    table = new_table()
    registry(table).stage({at(1): digest(1), at(2): digest(2)})
    client().put_item(TableName=table, Item={"pk": {"S": DOCUMENT}, "sk": {"S": "v1#1"}, "sha256": {"S": "0"}})
    assert registry(table).get([at(1), at(2)]).passages == {at(2): digest(2)}
    assert "counts as unregistered" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [{"attributes": {"unknown": 1}}, {"attributes": {"tenant": "acme"}}, {"collections": frozenset({"no tenant"})}],
)
def test_record_that_could_not_be_read_back_is_not_written(changes: dict[str, Any]) -> None:
    writing = registry(new_table())
    with pytest.raises(ResourceError):
        writing.put(record(**changes), None)
    assert writing.record(DOCUMENT) is None


def test_write_whose_answer_was_lost_counts_as_written() -> None:
    def twice(real: Answer, request: dict[str, Any]) -> object:
        real(**request)
        return real(**request)

    table = new_table()
    registry(table, spoilt(put_item=twice)).put(record(), None)
    assert registry(table).record(DOCUMENT) == record()
