import pytest

from retrieval.errors import SourceError
from retrieval.ingest.sniff import DOCX, PDF, sniff
from tests.support.hostile_files import docx, paragraph, printed, run, typed, zipped

OFFICE = "application/vnd.openxmlformats-officedocument."
READ = "not a document, whatever its name says: PDF, DOCX, Markdown, HTML and plain text are read"
DAMAGED = "a damaged ZIP archive, DOCX or other Office file: save it anew"


def package(main: str) -> bytes:
    return zipped({"[Content_Types].xml": f'<Types><Override PartName="/x" ContentType="{main}"/></Types>'})


def wide(name: str) -> bytes:
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + name.encode("utf-16-le") + b"\0" * 100


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (printed("x"), PDF),
        (b"junk of a mail gateway\r\n" * 30 + printed("x"), PDF),
        (docx(paragraph(run("x"))), DOCX),
        (typed(), DOCX),
        (package(OFFICE + "wordprocessingml.template.main+xml"), DOCX),
        (b"plain", "text/plain"),
        (b"", "text/plain"),
        (b"# About PDF\n\nA file begins with %PDF-1.7.", "text/plain"),
        (b"x" * 1_025 + printed("x"), "refused"),
        ("\ufeffGr\u00fc\u00dfe".encode(), "text/plain"),
        (b"PK are two letters", "text/plain"),
    ],
)
def test_kind_is_that_of_the_bytes(content: bytes, kind: str) -> None:
    if kind == "refused":
        with pytest.raises(SourceError):
            sniff(content)
    else:
        assert sniff(content) == kind


REFUSED = {
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 50, f"a Portable Network Graphics file, {READ}"),
    "ELF": (b"\x7fELF\x02\x01\x01" + b"\0" * 90, f"a ELF executable, {READ}"),
    "unknown": (b"a\0b", f"binary data of no known kind, {READ}"),
    "UTF-16": ("text".encode("utf-16"), "text in UTF-16: save it as UTF-8"),
    "Latin-1": (b"caf\xe9", "not UTF-8 at byte 3: save it as UTF-8"),
    "RTF": (b"{\\rtf1 x}", "an RTF document: save it as DOCX or PDF"),
    "encrypted Office": (
        wide("EncryptedPackage"),
        "an Office document under a password: remove the password and save it as DOCX or PDF",
    ),
    "DOC": (wide("WordDocument"), "a Word document of the format before 2007: save it as DOCX or PDF"),
    "XLS": (wide("Workbook"), "an Office file of the format before 2007: save it as DOCX or PDF"),
    "XLSX": (package(OFFICE + "spreadsheetml.sheet.main+xml"), "a spreadsheet (XLSX): save it as PDF"),
    "PPTX": (package(OFFICE + "presentationml.presentation.main+xml"), "a presentation (PPTX): save it as PDF"),
    "DOCM": (
        package("application/vnd.ms-word.document.macroEnabled.main+xml"),
        "an Office file with macros: save it without them, as DOCX or PDF",
    ),
    "DOTM": (
        package("application/vnd.ms-word.template.macroEnabledTemplate.main+xml"),
        "an Office file with macros: save it without them, as DOCX or PDF",
    ),
    "VSDX": (
        package("application/vnd.ms-visio.drawing.main+xml"),
        "an Office package of no known kind: PDF, DOCX, Markdown, HTML and plain text are read",
    ),
    "ODT": (
        zipped({"mimetype": "application/vnd.oasis.opendocument.text"}),
        "an OpenDocument text: save it as DOCX or PDF",
    ),
    "EPUB": (zipped({"mimetype": "application/epub+zip"}), "an EPUB book: convert it to PDF"),
    "ZIP": (zipped({"a.md": "x"}), "a ZIP archive: unpack it and bring its documents one by one"),
    "half a ZIP": (zipped({"a.md": "x"})[:20], DAMAGED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_named_and_the_mend_with_them(name: str) -> None:
    content, reason = REFUSED[name]
    with pytest.raises(SourceError) as refused:
        sniff(content)
    assert str(refused.value) == reason
