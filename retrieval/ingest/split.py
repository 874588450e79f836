"""From a document's text to its passages, each with the place where it stands."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from retrieval.document import TITLE, PassageDigest, content_digest, text_digest
from retrieval.errors import SourceError
from retrieval.ingest.parse import Parse, Parsed
from retrieval.ingest.sniff import PDF
from retrieval.ingest.source import SourceItem

CAPACITY: Final = 700
"""Characters in a passage, at most: what a small embedding model reads whole, and a citation can show."""
MAX_CAPACITY: Final = 1_000
_WINDOW: Final = 100_000
"""Characters that are split at once: what has no break costs quadratic time, two million of it half a minute."""
_BREAKS = ("\n\n", "\n", " ")


@dataclass(frozen=True, slots=True)
class Piece:
    """One passage: exactly `text[start:end]` of the parsed text, all of it on one page if there are pages."""

    start: int
    end: int
    text: str = field(repr=False)
    page: int | None = None
    """Counted from 1."""

    def digest(self, content: str) -> PassageDigest:
        """Return what the registry will hold of it, cut from `content` as `content_digest` names it."""
        return PassageDigest(content, text_digest(self.text), self.start, self.end, self.page)


@dataclass(frozen=True, slots=True)
class Draft:
    """A document ready to be embedded and written: nothing of it is stored yet."""

    sha256: str
    """SHA-256 of the source's bytes in hex."""
    title: str = field(repr=False)
    pieces: tuple[Piece, ...]

    @property
    def digests(self) -> dict[int, PassageDigest]:
        """What the registry will hold, by ordinal."""
        content = content_digest(self.sha256, self.title)
        title = PassageDigest(content, text_digest(self.title), 0, 0)
        return {TITLE: title, **dict(enumerate((each.digest(content) for each in self.pieces), start=TITLE + 1))}


def draft(item: SourceItem, parse: Parse, capacity: int = CAPACITY) -> Draft:
    """Return `item`, read by `parse` and split into passages of at most `capacity` characters. Raises `SourceError`."""
    parsed = parse(item)
    return Draft(item.sha256, parsed.title, split(parsed, capacity))


def split(parsed: Parsed, capacity: int = CAPACITY) -> tuple[Piece, ...]:
    """Return the passages of `parsed`, in order, none empty, none longer than `capacity` characters.

    Raises `SourceError` if `capacity` is out of bounds.
    """
    if not 1 <= capacity <= MAX_CAPACITY:
        message = f"a passage has 1 to {MAX_CAPACITY:,} characters, not {capacity:,}"
        raise SourceError(message)
    plain = parsed.media_type in {"text/plain", PDF}
    splitter = TextSplitter(capacity) if plain else MarkdownSplitter(capacity)
    return tuple(piece for page in _pages(parsed) for piece in _pieces(parsed.text, page, splitter))


def _pages(parsed: Parsed) -> Iterator[tuple[int, int, int | None]]:
    """Yield where each page begins and ends, and its number; all of a document without pages."""
    if not parsed.pages:
        yield 0, len(parsed.text), None
    for number, (start, end) in enumerate(pairwise((*parsed.pages, len(parsed.text))), start=1):
        yield start, end, number


def _pieces(text: str, page: tuple[int, int, int | None], splitter: TextSplitter | MarkdownSplitter) -> Iterator[Piece]:
    begins, ends, number = page
    for first, last in _windows(text, begins, ends):
        for start, piece in splitter.chunk_indices(text[first:last]):
            if piece.strip():
                yield Piece(first + start, first + start + len(piece), piece, number)


def _windows(text: str, begins: int, ends: int) -> Iterator[tuple[int, int]]:
    """Yield what is split at once: as much as may be, up to where a paragraph ends, or else a line, or a word."""
    while ends - begins > _WINDOW:
        cuts = (text.rfind(each, begins + _WINDOW // 2, begins + _WINDOW) for each in _BREAKS)
        cut = next((each for each in cuts if each >= 0), begins + _WINDOW)
        yield begins, cut
        begins = cut
    yield begins, ends
