from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.document import text_digest
from retrieval.errors import SourceError
from retrieval.ingest.parse import Parsed
from retrieval.ingest.split import MAX_CAPACITY, Draft, split

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


def test_draft_does_not_show_its_text() -> None:
    assert "SECRET" not in repr(Draft("0" * 64, "SECRET", split(Parsed("SECRET", "SECRET", "text/plain"))))
