"""From a document's text to its passages, each with the place where it stands."""

from dataclasses import dataclass, field
from typing import Final

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from retrieval.document import TITLE, PassageDigest, content_digest, text_digest
from retrieval.errors import SourceError
from retrieval.ingest.parse import Parsed, parse
from retrieval.ingest.source import SourceItem

CAPACITY: Final = 700
"""Characters in a passage, at most: what a small embedding model reads whole, and a citation can show."""
MAX_CAPACITY: Final = 1_000


@dataclass(frozen=True, slots=True)
class Piece:
    """One passage: exactly `text[start:end]` of the parsed text."""

    start: int
    end: int
    text: str = field(repr=False)


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
        texts = (PassageDigest(content, text_digest(piece.text), piece.start, piece.end) for piece in self.pieces)
        return {TITLE: title, **dict(enumerate(texts, start=TITLE + 1))}


def draft(item: SourceItem, capacity: int = CAPACITY) -> Draft:
    """Return `item`, parsed and split into passages of at most `capacity` characters. Raises `SourceError`."""
    parsed = parse(item)
    return Draft(item.sha256, parsed.title, split(parsed, capacity))


def split(parsed: Parsed, capacity: int = CAPACITY) -> tuple[Piece, ...]:
    """Return the passages of `parsed`, in order, none empty, none longer than `capacity` characters.

    Raises `SourceError` if `capacity` is out of bounds.
    """
    if not 1 <= capacity <= MAX_CAPACITY:
        message = f"a passage has 1 to {MAX_CAPACITY:,} characters, not {capacity:,}"
        raise SourceError(message)
    plain = parsed.media_type == "text/plain"
    splitter = TextSplitter(capacity) if plain else MarkdownSplitter(capacity)
    found = splitter.chunk_indices(parsed.text)
    return tuple(Piece(start, start + len(text), text) for start, text in found if text.strip())
