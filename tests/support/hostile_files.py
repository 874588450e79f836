"""PDF and DOCX files made by hand, so that they may break every rule; and good ones, by fpdf2 and python-docx."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from docx import Document
from fpdf import FPDF

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
NAMESPACES = (
    f'xmlns:w="{W}" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml"'
    ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    ' xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'
)
MAIN_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def pdf(objects: Mapping[int, bytes], trailer: bytes = b"") -> bytes:
    """Return a file of `objects`, of which the first is the catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 %c \n" % (places.get(number, 0), b"n" if number in places else b"f")
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, at))


def stream(data: bytes, entries: bytes = b"", *, packed: bool = False) -> bytes:
    """Return a stream object of `data`, compressed if `packed`."""
    if packed:
        data, entries = zlib.compress(data, 9), entries + b"/Filter/FlateDecode"
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), entries, data)


def drawn(
    *contents: bytes,
    resources: bytes = b"",
    page: bytes = b"",
    catalogue: bytes = b"",
    objects: Mapping[int, bytes] | None = None,
) -> bytes:
    """Return a PDF with a page for each of `contents`, font /F1, and further `objects` from number 100 on."""
    first = 10
    kids = b" ".join(b"%d 0 R" % (first + 2 * number) for number in range(len(contents)))
    made = {
        1: b"<</Type/Catalog/Pages 2 0 R%s>>" % catalogue,
        2: b"<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 600 800]>>" % (kids, len(contents)),
        3: _FONT,
    }
    for number, content in enumerate(contents):
        at = first + 2 * number
        made[at] = b"<</Type/Page/Parent 2 0 R/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>%s>>%s>>" % (
            at + 1,
            resources,
            page,
        )
        made[at + 1] = stream(content)
    return pdf({**made, **(objects or {})})


def text(words: str, x: float = 100, y: float = 700, size: float = 12, before: str = "") -> bytes:
    """Return the operators that write `words`, after those in `before`."""
    return f"BT /F1 {size} Tf {before} 1 0 0 1 {x} {y} Tm ({words}) Tj ET\n".encode()


def printed(*pages: str, font: str | None = None) -> bytes:
    """Return a PDF by fpdf2 with these texts, one on each page."""
    made = FPDF()
    if font is not None:
        made.add_font("own", fname=font)
    for page in pages:
        made.add_page()
        made.set_font("own" if font else "helvetica", size=12)
        made.multi_cell(0, 8, page)
    return bytes(made.output())


def locked(words: str, reader: str, owner: str) -> bytes:
    """Return a PDF under the passwords of `reader` and `owner`."""
    made = FPDF()
    made.set_encryption(owner_password=owner, user_password=reader)
    made.add_page()
    made.set_font("helvetica", size=12)
    made.cell(text=words)
    return bytes(made.output())


def run(words: str, properties: str = "") -> str:
    """Return a run of text in WordprocessingML."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{words}</w:t></w:r>'


def paragraph(*runs: str, properties: str = "") -> str:
    """Return a paragraph in WordprocessingML."""
    return f"<w:p><w:pPr>{properties}</w:pPr>{''.join(runs)}</w:p>"


def docx(
    body: str, styles: str = "", *, main_type: str = MAIN_TYPE, others: Mapping[str, bytes | str] | None = None
) -> bytes:
    """Return a DOCX file of `body`, `styles` and further entries, which may replace the usual ones."""
    return zipped(
        {
            "[Content_Types].xml": (
                f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
                f'<Override PartName="/word/document.xml" ContentType="{main_type}"/></Types>'
            ),
            "_rels/.rels": _relationships("officeDocument", "word/document.xml"),
            "word/document.xml": f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": _relationships("styles", "styles.xml", "footnotes", "footnotes.xml"),
            "word/styles.xml": f"<w:styles {NAMESPACES}>{styles}</w:styles>",
            **(others or {}),
        }
    )


def zipped(entries: Mapping[str, bytes | str]) -> bytes:
    """Return an archive of `entries`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_flag(archive: bytes, bit: int) -> bytes:
    """Return `archive` with a general-purpose flag set in each entry of its directory."""
    made, at = bytearray(archive), 0
    while (at := archive.find(b"PK\x01\x02", at)) >= 0:
        (flags,) = struct.unpack_from("<H", made, at + 8)
        struct.pack_into("<H", made, at + 8, flags | bit)
        at += 4
    return bytes(made)


def typed() -> bytes:
    """Return a DOCX file by python-docx: a title, headings, lists, a table, letters of several alphabets."""
    made = Document()
    made.add_heading("The plan", 0)
    made.add_heading("First part", 1)
    made.add_paragraph("Grüße, Привет, 你好, שלום.")
    made.add_paragraph("one", style="List Bullet")
    made.add_paragraph("two", style="List Number")
    table = made.add_table(rows=2, cols=2)
    for cell, words in zip((cell for row in table.rows for cell in row.cells), "abcd", strict=True):
        cell.text = words
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def _relationships(*pairs: str) -> str:
    found = zip(pairs[::2], pairs[1::2], strict=True)
    made = "".join(
        f'<Relationship Id="r{number}" Type="{_RELATED}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(found)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{made}</Relationships>'
