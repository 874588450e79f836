"""From a source's bytes to the kind of document they are: its name is never believed.

Text is what is UTF-8 without NULs; which kind of text (Markdown, HTML, plain), only its name or its sender can say.
"""

import io
import re
import zipfile
from typing import Final, Literal

import puremagic

from retrieval.errors import SourceError

PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

_READ = "PDF, DOCX, Markdown, HTML and plain text are read"
_JUNK = 1_024
"""Bytes that may stand before a PDF's first mark: mail gateways and printers put them there."""
_TAIL = 2_048
_HEAD = 65_536
_MAX_TYPES = 1 << 20
_TYPES = "[Content_Types].xml"
_KNOWN = 0.3
"""puremagic's confidence, from 0 to 1, above which its word is repeated. Of two bytes it would be less."""

_OFFICE = re.compile(
    rb"application/(?:vnd\.openxmlformats-officedocument\.(wordprocessingml\.(?:document|template)|spreadsheetml|presentationml)"
    rb"\.[a-z.]*main|vnd\.ms-(\w+)\.\w+\.macroEnabled\w*\.main)\+xml"
)
_OPEN_FORMATS = {
    b"application/epub+zip": "an EPUB book: convert it to PDF",
    b"application/vnd.oasis.opendocument.text": "an OpenDocument text: save it as DOCX or PDF",
    b"application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet: save it as PDF",
    b"application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation: save it as PDF",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WIDE = (b"\xff\xfe", b"\xfe\xff")

Kind = Literal[
    "application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "text/plain"
]


def sniff(content: bytes) -> Kind:
    """Return `PDF`, `DOCX`, or `text/plain` for any text. Raises `SourceError`, saying what `content` is instead."""
    if content.startswith(b"PK\x03\x04"):
        return _package(content)
    if _is_pdf(content):
        return PDF
    if (refused := _refusal(content)) is not None:
        raise SourceError(refused)
    return "text/plain"


def _is_pdf(content: bytes) -> bool:
    at = content.find(b"%PDF-", 0, _JUNK + len(b"%PDF-"))
    # A text that speaks of PDF files has the mark near its beginning, too, but not the pointer near its end.
    return at == 0 or (at > 0 and b"startxref" in content[-_TAIL:])


def _refusal(content: bytes) -> str | None:
    if content.startswith(_OLE):
        return _ole(content)
    if content.startswith(b"{\\rtf"):
        return "an RTF document: save it as DOCX or PDF"
    if content.startswith(_WIDE):
        return "text in UTF-16: save it as UTF-8"
    if b"\0" in content:
        return f"{_named(content)}, not a document, whatever its name says: {_READ}"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start}: save it as UTF-8"
    return None


def _named(content: bytes) -> str:
    try:
        (found, *_) = puremagic.magic_string(content[:_HEAD])
    except (puremagic.PureError, ValueError):
        return "binary data of no known kind"
    return f"a {found.name.strip()}" if found.name and found.confidence >= _KNOWN else "binary data of no known kind"


def _ole(content: bytes) -> str:
    if _wide("EncryptedPackage") in content:
        return "an Office document under a password: remove the password and save it as DOCX or PDF"
    if _wide("WordDocument") in content:
        return "a Word document of the format before 2007: save it as DOCX or PDF"
    return "an Office file of the format before 2007: save it as DOCX or PDF"


def _wide(name: str) -> bytes:
    return name.encode("utf-16-le")


def _package(content: bytes) -> Kind:
    types, mimetype = _entries(content)
    if types is None:
        what = _OPEN_FORMATS.get(
            (mimetype or b"").strip(), "a ZIP archive: unpack it and bring its documents one by one"
        )
        raise SourceError(what)
    found = _OFFICE.search(types)
    kind = (found[1] or found[2] or b"").decode() if found else ""
    if found and found[2]:
        message = "an Office file with macros: save it without them, as DOCX or PDF"
    elif kind.startswith("wordprocessingml"):
        return DOCX
    elif kind == "spreadsheetml":
        message = "a spreadsheet (XLSX): save it as PDF"
    elif kind == "presentationml":
        message = "a presentation (PPTX): save it as PDF"
    else:
        message = f"an Office package of no known kind: {_READ}"
    raise SourceError(message)


def _entries(content: bytes) -> tuple[bytes | None, bytes | None]:
    """Return the list of content types of an Office package, and the `mimetype` of other packages."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            return tuple(  # type: ignore[return-value]  # two names, two values
                archive.open(name).read(_MAX_TYPES) if name in names else None for name in (_TYPES, "mimetype")
            )
    except Exception:  # noqa: BLE001 - zipfile raises many kinds for damaged archives, and some hold names within them
        message = "a damaged ZIP archive, DOCX or other Office file: save it anew"
        raise SourceError(message) from None
