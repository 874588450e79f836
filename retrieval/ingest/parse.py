"""From a source's bytes to its title and text: only what a reader of the document would see."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from authz.errors import ResourceError
from authz.resource import check_text
from retrieval.errors import SourceError
from retrieval.ingest.html_text import text_of_html
from retrieval.ingest.markdown_text import heading, text_of_markdown
from retrieval.ingest.source import MAX_SOURCE_BYTES, MediaType, SourceItem

MAX_TITLE = 200

_NOT_TEXT = (b"%PDF-", b"PK\x03\x04", b"{\\rtf", b"\x1f\x8b", b"\x89PNG", b"GIF8", b"\xff\xd8\xff")
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


def parse(item: SourceItem) -> Parsed:
    """Return title and text of `item`. Raises `SourceError` if it is too large, no text in UTF-8, or empty."""
    source = _decoded(item.content)
    media_type: MediaType = "text/html" if _HTML_PAGE.match(source) else item.media_type
    text = _clean(_text(source, media_type))
    if not text:
        message = "the document holds no text that a reader would see"
        raise SourceError(message)
    return Parsed(_title(item, text, media_type), text, media_type)


def _decoded(content: bytes) -> str:
    if len(content) > MAX_SOURCE_BYTES:
        message = f"{len(content):,} bytes; at most {MAX_SOURCE_BYTES:,} are read"
        raise SourceError(message)
    if content.startswith(_NOT_TEXT) or b"\0" in content:
        message = "the content is not text, whatever its name says"
        raise SourceError(message)
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}: save it as UTF-8"
        # The decoder's own error holds the content.
        raise SourceError(message) from None
    return decoded.replace("\r\n", "\n").replace("\r", "\n")


def _text(source: str, media_type: MediaType) -> str:
    if media_type == "text/html":
        return text_of_html(source)
    return text_of_markdown(source) if media_type == "text/markdown" else source


def _clean(text: str) -> str:
    return _INVISIBLE.sub("", text).strip()


def _title(item: SourceItem, text: str, media_type: MediaType) -> str:
    if item.title is not None:
        return _given_title(item.title)
    found = None if media_type == "text/plain" else heading(text)
    title = found or PurePosixPath(item.name).stem
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1].rstrip() + "…"


def _given_title(given: str) -> str:
    title = " ".join(_clean(given).split())
    try:
        check_text(given)
    except ResourceError as error:
        message = f"the title: {error}"
        raise SourceError(message) from error
    if not title or len(title) > MAX_TITLE:
        message = f"a title has 1 to {MAX_TITLE} characters"
        raise SourceError(message)
    return title
