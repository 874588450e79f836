"""One document's access: the write path that ingestion and `antechamber relabel` share."""

from dataclasses import replace

import pytest

from authz.resource import Attributes, EntityId
from retrieval.document import DocumentRecord
from retrieval.errors import AuditUnavailableError, ConflictError
from retrieval.index import MAX_HITS
from retrieval.ingest.relabel import complete, marked, relabel
from retrieval.ingest.retire import retire
from tests.support.ingested import ingested
from tests.support.memory_index import KilledError, Workshop

DOCUMENT = EntityId("acme/open/a.md")
NARROW: Attributes = {"tenant": "acme", "classification": 3}
STEPS = ["record", "stage", "registry", "index.relabel", "unstage"]


def shop_and_record() -> tuple[Workshop, DocumentRecord]:
    shop = Workshop()
    record = ingested(shop, "open/a.md")
    shop.steps.taken.clear()
    return shop, record


def narrowed(shop: Workshop, record: DocumentRecord) -> DocumentRecord:
    return relabel(record, NARROW, frozenset({"acme/company"}), "role:test", shop.to)


def test_the_record_comes_first_then_the_registry_then_the_index() -> None:
    shop, record = shop_and_record()
    after = narrowed(shop, record)
    assert shop.steps.taken == STEPS
    assert (after.version, after.revision, after.attributes) == (1, 2, NARROW)
    assert [(write.action, write.actor, write.before) for write in shop.writes[1:]] == [
        ("relabel", "role:test", record)
    ]
    assert shop.is_tidy(DOCUMENT)


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_what_is_broken_off_bears_a_mark_unless_nothing_has_changed(step: int) -> None:
    shop, record = shop_and_record()
    shop.steps.kill_at = step
    with pytest.raises(KilledError):
        narrowed(shop, record)
    shop.steps.kill_at = None
    records, marks = marked([DOCUMENT], shop.to)
    assert shop.is_tidy(DOCUMENT) or marks == {DOCUMENT}
    complete(records[DOCUMENT], shop.to)
    assert shop.is_tidy(DOCUMENT)


def test_a_record_of_another_revision_is_a_conflict_and_changes_nothing() -> None:
    shop, record = shop_and_record()
    narrowed(shop, record)
    with pytest.raises(ConflictError):
        relabel(record, {"tenant": "acme", "classification": 0}, frozenset(), "role:test", shop.to)
    assert shop.registry.records[DOCUMENT].attributes == NARROW


def test_without_a_record_of_the_write_nothing_is_written() -> None:
    shop, record = shop_and_record()
    shop.failing = AuditUnavailableError("full")
    with pytest.raises(AuditUnavailableError):
        narrowed(shop, record)
    assert shop.registry.records[DOCUMENT] == record
    assert shop.is_tidy(DOCUMENT)


@pytest.mark.parametrize("step", STEPS[:4])
def test_a_removal_meanwhile_wins(step: str) -> None:
    shop, record = shop_and_record()
    shop.steps.meanwhile[step] = lambda: retire(DOCUMENT, "role:other", shop.to)
    with pytest.raises(ConflictError):
        narrowed(shop, record)
    assert shop.registry.records[DOCUMENT].status == "retired"
    assert not shop.index.holds(DOCUMENT)


def test_another_writer_between_registry_and_index_finds_its_rows_still_there() -> None:
    shop, record = shop_and_record()
    rival = replace(record, revision=3, attributes={"tenant": "acme", "classification": 2})
    shop.steps.meanwhile["index.relabel"] = lambda: shop.registry.records.update({DOCUMENT: rival})
    with pytest.raises(ConflictError):
        narrowed(shop, record)
    complete(rival, shop.to)
    assert shop.is_tidy(DOCUMENT)


def test_one_look_takes_as_many_documents_as_one_consistent_read() -> None:
    shop, record = shop_and_record()
    assert marked([], shop.to) == ({}, set())
    assert marked([DOCUMENT, EntityId("acme/unknown")], shop.to) == ({DOCUMENT: record}, set())
    with pytest.raises(ValueError, match="one consistent read takes 50"):
        marked([EntityId(f"acme/{number}") for number in range(MAX_HITS + 1)], shop.to)


def test_completing_what_somebody_else_has_written_since_does_not_undo_it() -> None:
    shop, record = shop_and_record()
    narrowed(shop, record)
    complete(replace(record), shop.to)
    assert shop.is_tidy(DOCUMENT)
