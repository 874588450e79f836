import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.resource import TenantId
from retrieval.document import text_digest
from retrieval.errors import SourceError
from retrieval.ingest.parse import Parsed, parse
from retrieval.ingest.sniff import PDF
from retrieval.ingest.source import MediaType, SourceItem
from retrieval.ingest.split import CAPACITY, MAX_CAPACITY, Draft, split
from tests.support.hostile_files import printed

TEXTS = st.text(st.sampled_from("ab é😀\n#*-`|>.e\u0301"), min_size=1, max_size=400)


@given(TEXTS, st.integers(1, 60), st.sampled_from(["text/markdown", "text/plain"]))
def test_offsets_slice_exactly(text: str, capacity: int, kind: str) -> None:
    parsed = Parsed("title", text, "text/plain" if kind == "text/plain" else "text/markdown")
    pieces = split(parsed, capacity)
    assert all(text[piece.start : piece.end] == piece.text for piece in pieces)
    assert all(0 < len(piece.text) <= capacity for piece in pieces)
    assert all(one.end <= other.start for one, other in pairwise(pieces))
    covered = "".join(piece.text for piece in pieces)
    assert [c for c in covered if not c.isspace()] == [c for c in text if not c.isspace()]


@pytest.mark.parametrize("capacity", [0, -1, MAX_CAPACITY + 1])
def test_capacity_out_of_bounds_is_refused(capacity: int) -> None:
    with pytest.raises(SourceError, match="characters"):
        split(Parsed("title", "text", "text/plain"), capacity)


def test_ordinals_begin_at_one_and_the_title_is_zero() -> None:
    pieces = split(Parsed("Title", "one\n\ntwo", "text/plain"), 4)
    digests = Draft("0" * 64, "Title", pieces).digests
    assert [(ordinal, each.sha256, each.start, each.end) for ordinal, each in digests.items()] == [
        (0, text_digest("Title"), 0, 0),
        (1, text_digest("one"), 0, 3),
        (2, text_digest("two"), 5, 8),
    ]


@pytest.mark.parametrize("pattern", ["x", "> ", "[", "Words of a text.\n\n", "line\n"])
@pytest.mark.parametrize("kind", ["text/markdown", "text/plain"])
def test_long_text_is_split_in_time_and_nothing_is_lost(pattern: str, kind: MediaType) -> None:
    text = (pattern * 1_000_000)[:1_000_000].strip()
    before = time.process_time()
    pieces = split(Parsed("Title", text, kind))
    assert time.process_time() - before < 10
    assert all(text[each.start : each.end] == each.text and len(each.text) <= CAPACITY for each in pieces)
    assert sum(len("".join(each.text.split())) for each in pieces) == len("".join(text.split()))


def test_passage_of_a_paged_document_is_on_one_page_and_says_which() -> None:
    parsed = Parsed("Title", "one\n\ntwo three\n\nfour", PDF, (0, 5, 16, 16, 20))
    pieces = split(parsed, 700)
    assert [(each.text, each.page) for each in pieces] == [("one", 1), ("two three", 2), ("four", 4)]
    assert all(parsed.text[each.start : each.end] == each.text for each in pieces)
    assert [digest.page for digest in Draft("0" * 64, "Title", pieces).digests.values()] == [None, 1, 2, 4]


def test_passages_of_a_real_paged_document_are_where_they_say() -> None:
    source = printed(*(f"Page {number} begins. " + "Words on it. " * 100 for number in range(1, 6)))
    parsed = parse(SourceItem(TenantId("acme"), "x.pdf", source, None, None, "x", {}, frozenset(), "role:test"))
    pieces = split(parsed)
    assert [each.page for each in pieces if each.text.startswith("Page")] == [1, 2, 3, 4, 5]
    assert all(parsed.text[each.start : each.end] == each.text for each in pieces)


def test_draft_does_not_show_its_text() -> None:
    assert "SECRET" not in repr(Draft("0" * 64, "SECRET", split(Parsed("SECRET", "SECRET", "text/plain"))))
