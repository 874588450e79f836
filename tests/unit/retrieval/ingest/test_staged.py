"""One object for an upload: comes back as it was, or not at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.resource import TenantId
from retrieval.errors import SourceError
from retrieval.ingest.staged import Upload, framed, unframed

TEXT = st.text(max_size=20)


@given(
    TEXT,
    st.binary(max_size=100),
    st.none() | TEXT,
    st.none() | st.dictionaries(TEXT, st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=3), max_size=3),
    st.none() | st.lists(TEXT, max_size=3),
    st.none() | st.integers(0),
)
def test_an_upload_comes_back_as_it_was(
    name: str,
    content: bytes,
    title: str | None,
    attributes: dict[str, object] | None,
    collections: list[str] | None,
    revision: int | None,
) -> None:
    upload = Upload(
        TenantId("acme"),
        name,
        content,
        None,
        title,
        attributes,
        collections,
        revision,
        "0" * 64,
        3,
        "https://issuer",
        "sub",
        5,
        "r",
    )
    assert unframed(framed(upload)) == upload


UPLOAD = Upload(
    TenantId("acme"), "a", b"a\nb", "text/plain", None, None, None, None, "", 0, "https://issuer", "s", None, "r"
)


@pytest.mark.parametrize("body", [b"", b"\n", b"x\n", b"{}\n", b"[]\n", b"1\nx", framed(UPLOAD)[:-1], b"[" * 100_000])
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(SourceError):
        unframed(body)


@pytest.mark.parametrize(
    "changed", [{"sha256": "x"}, {"tenant": "Acme"}, {"media_type": "image/png"}, {"more": 1}, {"tenant": 1}]
)
def test_another_head_is_refused(changed: dict[str, object]) -> None:
    head, _, content = framed(UPLOAD).partition(b"\n")
    with pytest.raises(SourceError):
        unframed(json.dumps({**json.loads(head), **changed}).encode() + b"\n" + content)
