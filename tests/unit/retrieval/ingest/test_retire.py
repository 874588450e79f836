from dataclasses import replace

import pytest

from authz.resource import EntityId, TenantId
from retrieval.document import text_digest
from retrieval.errors import AuditUnavailableError, SearchUnavailableError, SourceError
from retrieval.ingest.ingest import ingest
from retrieval.ingest.retire import retire
from retrieval.ingest.source import SourceItem
from tests.support.memory_index import MemoryIndexWriter, Workshop

DOCUMENT = EntityId("acme/plan.txt")
SOURCE = SourceItem(
    TenantId("acme"), "plan.txt", b"The plan.", "text/plain", None, "folder:plan.txt", {}, frozenset(), "role:test"
)


def test_retired_document_is_gone_everywhere_and_leaves_a_tombstone() -> None:
    shop = Workshop()
    before = ingest(SOURCE, shop.to).record
    done = retire(DOCUMENT, "role:test", shop.to)
    assert done.steps == ("registry", "index", "vectors and digests", "probe")
    assert (done.record.status, done.record.revision, done.record.passages) == ("retired", 2, 0)
    assert (done.record.key, done.record.title) == (before.key, "")
    assert shop.is_tidy(DOCUMENT)
    assert text_digest("The plan.") in shop.vectors.forgotten
    assert [write.action for write in shop.writes] == ["create", "erase"]


def test_retiring_again_removes_again_and_records_no_second_write() -> None:
    shop = Workshop()
    ingest(SOURCE, shop.to)
    first = retire(DOCUMENT, "role:test", shop.to)
    assert retire(DOCUMENT, "role:test", shop.to) == first
    assert len(shop.writes) == 2


def test_retired_document_can_be_taken_again_with_its_key() -> None:
    shop = Workshop()
    before = ingest(SOURCE, shop.to).record
    retire(DOCUMENT, "role:test", shop.to)
    after = ingest(SOURCE, shop.to).record
    assert (after.version, after.revision, after.key, after.status) == (2, 3, before.key, "active")
    assert shop.is_tidy(DOCUMENT)


def test_unknown_document_is_refused() -> None:
    with pytest.raises(SourceError, match="does not know"):
        retire(DOCUMENT, "role:test", Workshop().to)


def test_document_that_the_index_still_holds_is_reported() -> None:
    class Deaf(MemoryIndexWriter):
        def remove(self, document: EntityId, below: int) -> None:
            pass

    shop = Workshop()
    ingest(SOURCE, shop.to)
    deaf = Deaf(rows=shop.index.rows)
    shop.to = replace(shop.to, index=deaf)
    with pytest.raises(SearchUnavailableError, match="retire it again"):
        retire(DOCUMENT, "role:test", shop.to)
    assert shop.admissible(DOCUMENT) == []


def test_removal_without_its_record_is_not_made() -> None:
    shop = Workshop()
    ingest(SOURCE, shop.to)
    shop.failing = AuditUnavailableError("full")
    with pytest.raises(AuditUnavailableError):
        retire(DOCUMENT, "role:test", shop.to)
    assert shop.is_tidy(DOCUMENT)
    assert shop.registry.records[DOCUMENT].status == "active"


def test_removal_that_meets_another_writer_is_tried_again() -> None:
    shop = Workshop()
    ingest(SOURCE, shop.to)
    other = SourceItem(
        TenantId("acme"), "plan.txt", b"Other.", "text/plain", None, "folder:plan.txt", {}, frozenset(), "role:test"
    )
    shop.steps.meanwhile["record"] = lambda: ingest(other, shop.to)
    retire(DOCUMENT, "role:test", shop.to)
    assert shop.is_tidy(DOCUMENT)
