"""From a source's bytes to its title and text: only what a reader of the document would see.

Parsers of what strangers wrote fail in ways of their own: in a deployment this runs in a `ParserProcess`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from authz.errors import ResourceError
from authz.resource import check_text
from retrieval.errors import SourceError
from retrieval.ingest.docx.text import html_of_docx
from retrieval.ingest.html_text import text_of_html
from retrieval.ingest.markdown_text import heading, text_of_markdown
from retrieval.ingest.pdf.text import EMPTY, MAX_TEXT, pages_of_pdf
from retrieval.ingest.sniff import DOCX, PDF, sniff
from retrieval.ingest.source import MAX_SOURCE_BYTES, MediaType, SourceItem, hint

MAX_TITLE = 200
MAX_TEXT_BYTES = 2 << 20
"""What is read of a source that is text."""

_MAX_DOCX_TAGS = 200_000
"""More than of a web page: the depth of a DOCX file is bounded."""
_TEXT_KINDS: frozenset[MediaType | None] = frozenset({"text/markdown", "text/html", "text/plain"})
_UNSTRUCTURED: frozenset[MediaType] = frozenset({"text/plain", PDF})
_BETWEEN_PAGES = "\n\n"
_HTML_PAGE = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_INVISIBLE = re.compile(
    # Controls, soft hyphens, zero-width and bidirectional controls, variation selectors, fillers and tag characters:
    # a reader does not see them, a model does.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document's title and its text, into which the offsets of its passages point."""

    title: str = field(repr=False)
    text: str = field(repr=False)
    media_type: MediaType
    pages: tuple[int, ...] = ()
    """The offset at which each page begins; empty where a document has no pages."""


Parse = Callable[[SourceItem], Parsed]
"""Reads a document, or raises `SourceError`."""


def parse(item: SourceItem) -> Parsed:
    """Return title and text of `item`. Raises `SourceError` if it is too large, of another kind than is read, or empty.

    Raises `MemoryError` for what is too large in ways that no limit foresees.
    """
    _bound(item.content, MAX_SOURCE_BYTES)
    try:
        media_type, text, pages = _read(item)
    except RecursionError:
        message = "the document is nested too deeply: simplify it, or save it as plain text"
        raise SourceError(message) from None
    if not text:
        raise SourceError(EMPTY)
    return Parsed(_title(item, text, media_type), text, media_type, pages)


def clean(text: str) -> str:
    """Return `text` without characters that nobody sees, and without white space around it."""
    return _INVISIBLE.sub("", text).strip()


def _read(item: SourceItem) -> tuple[MediaType, str, tuple[int, ...]]:
    kind = sniff(item.content)
    if kind == PDF:
        return PDF, *_paged(pages_of_pdf(item.content))
    if kind == DOCX:
        return DOCX, _limited(clean(text_of_html(html_of_docx(item.content), _MAX_DOCX_TAGS))), ()
    _bound(item.content, MAX_TEXT_BYTES)
    source = item.content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    media_type = "text/html" if _HTML_PAGE.match(source) else _kind_of_text(item)
    return media_type, clean(_text(source, media_type)), ()


def _kind_of_text(item: SourceItem) -> MediaType:
    said = item.media_type or hint(item.name)
    return said if said is not None and said in _TEXT_KINDS else "text/plain"


def _paged(pages: list[str]) -> tuple[str, tuple[int, ...]]:
    """Return the text of all `pages`, and where each begins; one that is empty begins where the next does."""
    texts = [clean(page) for page in pages]
    begins, written = [], 0
    for text in texts:
        begins.append(written)
        written += len(text) + len(_BETWEEN_PAGES) if text else 0
    return _BETWEEN_PAGES.join(text for text in texts if text), tuple(begins)


def _limited(text: str) -> str:
    if len(text) > MAX_TEXT:
        message = f"the document holds more than {MAX_TEXT:,} characters: split it"
        raise SourceError(message)
    return text


def _bound(content: bytes, most: int) -> None:
    if len(content) > most:
        message = f"{len(content):,} bytes; at most {most:,} are read: split the document"
        raise SourceError(message)


def _text(source: str, media_type: MediaType) -> str:
    if media_type == "text/html":
        return text_of_html(source)
    return text_of_markdown(source) if media_type == "text/markdown" else source


def _title(item: SourceItem, text: str, media_type: MediaType) -> str:
    if item.title is not None:
        return _given_title(item.title)
    found = None if media_type in _UNSTRUCTURED else heading(text)
    title = found or clean(PurePosixPath(item.name).stem) or "Untitled"
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1].rstrip() + "…"


def _given_title(given: str) -> str:
    title = " ".join(clean(given).split())
    try:
        check_text(given)
    except ResourceError as error:
        message = f"the title: {error}"
        raise SourceError(message) from error
    if not title or len(title) > MAX_TITLE:
        message = f"a title has 1 to {MAX_TITLE} characters"
        raise SourceError(message)
    return title
