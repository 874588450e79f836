"""From a PDF's bytes to the visible text of each of its pages, by pypdf.

What is hidden is dropped before pypdf extracts text: pdf/visible.py says what that is, and what cannot be seen to be
hidden. Annotations, attachments, scripts, form values and metadata (the title too: no reader sees it) are not read. A
password that only restricts what a reader may do is none that hides text; such a file is read, like one whose password
is empty. The order of the text is the file's, which is not always that of the page.
"""

import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from pypdf import PageObject, PasswordType, PdfReader, apply_configuration
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError
from pypdf.generic import ContentStream, NameObject

from retrieval.errors import SourceError
from retrieval.ingest.pdf.budget import LIMITS, MAX_PAGES
from retrieval.ingest.pdf.geometry import EVERYWHERE, Box, around, common
from retrieval.ingest.pdf.layers import layers_of
from retrieval.ingest.pdf.operands import dictionary, items, numbers
from retrieval.ingest.pdf.pen import GAP
from retrieval.ingest.pdf.visible import Drawings, Page

MAX_TEXT = 2_000_000
"""Characters."""

EMPTY = "the document holds no text that a reader would see"
_LOCKED = "the PDF is under a password, or encrypted in a way that is not read: save it without"
_UNREADABLE = 0.3
"""The part of a document's characters that may have no meaning, before it is refused."""


def pages_of_pdf(content: bytes) -> list[str]:
    """Return the visible text of each page, empty for a page without. Raises `SourceError` and says what to do.

    Raises `RecursionError` and `MemoryError` for what is nested too deeply or too large.
    """
    with apply_configuration(LIMITS):
        try:
            return _pages(content)
        except (SourceError, RecursionError, MemoryError):
            raise
        except LimitReachedError:
            message = "the PDF unpacks to more than is read of one document: split it, or print it to a new PDF"
        except (FileNotDecryptedError, DependencyError, NotImplementedError):
            message = _LOCKED
        except Exception:  # noqa: BLE001 - pypdf says of itself that broken files raise others than its own
            message = "a damaged PDF: open it and save or print it to a new PDF"
    raise SourceError(message)


def _pages(content: bytes) -> list[str]:
    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise SourceError(_LOCKED)
    seen, texts = Seen(), []
    drawings = Drawings(reader, layers_of(reader.root_object))
    for page in _counted(reader):
        texts.append(_text(seen.count(_drawn(page, drawings)), reader))
        seen.bound(len(texts[-1]))
    seen.check(sum(map(_meaningless, texts)))
    return texts


@dataclass(slots=True)
class Seen:
    """What the pages showed, so that a document without text can be refused for the right reason."""

    characters: int = 0
    shown: int = 0
    invisible: int = 0
    images: int = 0

    def count(self, page: Page) -> Page:
        """Count what `page` shows, and return it."""
        self.shown += page.pen.shown
        self.invisible += page.pen.invisible
        self.images += page.images
        return page

    def bound(self, characters: int) -> None:
        """Count text. Raises `SourceError` if it is too much."""
        self.characters += characters
        if self.characters > MAX_TEXT:
            message = f"the PDF holds more than {MAX_TEXT:,} characters: split it"
            raise SourceError(message)

    def check(self, meaningless: int) -> None:
        """Raise `SourceError` if there was nothing to read, and say why."""
        if meaningless > _UNREADABLE * self.characters:
            message = "the fonts of the PDF do not say which letters they show: print it to a new PDF"
        elif self.shown:
            return
        elif self.invisible:
            message = (
                "all text of the PDF is an invisible layer, as text recognition writes it over scanned pages: "
                "bring the recognised text as a document of its own"
            )
        elif self.images:
            message = "the pages of the PDF are images: recognise their text and bring that as a document of its own"
        else:
            message = EMPTY
        raise SourceError(message)


def _counted(reader: PdfReader) -> Iterator[PageObject]:
    count = len(reader.pages)
    if not count:
        message = "the PDF has no pages: save or print it to a new PDF"
        raise SourceError(message)
    if count > MAX_PAGES:
        message = f"the PDF has {count:,} pages; at most {MAX_PAGES:,} are read: split it"
        raise SourceError(message)
    yield from reader.pages


def _drawn(page: PageObject, drawings: Drawings) -> Page:
    drawn = Page(drawings, _paper(page))
    if page.get("/Contents") is not None:
        drawn.draw(drawings.read(page["/Contents"]), dictionary(page.get("/Resources")))
    return drawn


def _paper(page: PageObject) -> Box:
    found = [numbers(items(page.get(name))) for name in ("/MediaBox", "/CropBox")]
    boxes = [around([(each[0], each[1]), (each[2], each[3])]) for each in found if len(each) == 4]  # noqa: PLR2004 - two corners
    return common(boxes[0], boxes[-1]) if boxes else EVERYWHERE


def _text(drawn: Page, reader: PdfReader) -> str:
    if not drawn.pen.shown:
        return ""
    stream = ContentStream(None, reader, "bytes")
    stream.operations = [*drawn.pen.written]
    page = PageObject(reader)
    page[NameObject("/Resources")] = dictionary(None)
    page[NameObject("/Resources")][NameObject("/Font")] = drawn.pen.fonts  # type: ignore[index]  # it was just put there
    page[NameObject("/Contents")] = stream
    # With somebody looking on, pypdf does not write the operators out again to see whether there is text among them.
    # Half of a space is a gap; this is the space of fonts that have none.
    return _plain(page.extract_text(space_width=2 * GAP, visitor_operand_before=lambda *_: None))


def _plain(text: str) -> str:
    """Return `text` with ligatures taken apart, and without halves of characters, which no file can hold."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(unicodedata.normalize("NFKC", each) if "\ufb00" <= each <= "\ufb06" else each for each in whole)


def _meaningless(text: str) -> int:
    return sum(1 for each in text if each == "\ufffd" or "\ue000" <= each <= "\uf8ff")
