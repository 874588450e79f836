"""Attacks by way of the bucket that were tried and once got through."""

import unicodedata

import pytest

from retrieval.ingest.retire import retire
from tests.support.memory_bucket import MANIFEST
from tests.unit.retrieval.ingest.test_bucket_ingest import ACCESS, DOCUMENT, FIRST, KEY, SECOND, yard

ENTRIES = MANIFEST + 'documents:\n  "Gehälter.md": {classification: 3}\n  "salaries.md": {classification: 3}\n'


def test_r19_object_that_was_written_before_a_deletion_does_not_undo_it_when_it_is_heard_of_later() -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.put(KEY, SECOND)
    retire(DOCUMENT, "somebody", on.shop.to)
    on.bucket.times[KEY] = on.shop.registry.records[DOCUMENT].updated
    assert on.look_at(KEY) == "retired"
    assert on.shop.registry.records[DOCUMENT].status == "retired"
    on.bucket.put(KEY, SECOND)
    on.bucket.times[KEY] = on.shop.registry.records[DOCUMENT].updated + 1
    assert on.look_at(KEY) == "taken"


@pytest.mark.parametrize("name", [unicodedata.normalize("NFD", "Gehälter.md"), "Salaries.md", "SALARIES.md"])
def test_l11_l23_name_that_only_looks_like_an_entry_s_does_not_get_the_folder_s_wider_access(name: str) -> None:
    on = yard(manifest=unicodedata.normalize("NFC", ENTRIES))
    on.bucket.put(f"acme/hand/{name}", FIRST)
    assert on.look_at(f"acme/hand/{name}") == "refused"
    assert on.shop.registry.records == {}


@pytest.mark.parametrize("escape", ['"\\UFFFFFFFF"', '"\\U00110000"'])
def test_escape_beyond_unicode_refuses_the_manifest_and_fails_nothing(escape: str) -> None:
    on = yard(manifest=f"tenant: acme\nfolders: {{ {escape}: {{}} }}\n")
    assert on.look_at(ACCESS) == "refused"
    assert on.look_at(KEY) == "refused"
