import struct
from contextlib import suppress
from random import Random
from textwrap import wrap
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.resource import TenantId
from retrieval.errors import SourceError
from retrieval.ingest.docx import package as docx_package
from retrieval.ingest.docx import xml as docx_xml
from retrieval.ingest.parse import Parsed, parse
from retrieval.ingest.source import SourceItem
from tests.support.hostile_files import MAIN_TYPE, NAMESPACES, docx, paragraph, run, typed, with_flag, zipped

SEEN = paragraph(run("SEEN"))


def read(content: bytes) -> Parsed:
    return parse(SourceItem(TenantId("acme"), "a/file.docx", content, None, None, "x", {}, frozenset(), "role:test"))


def style(
    kind: str, name: str, properties: str = "", *, based: str = "", default: bool = False, other: str = ""
) -> str:
    usual = ' w:default="1"' if default else ""
    base = f'<w:basedOn w:val="{based}"/>' if based else ""
    return (
        f'<w:style w:type="{kind}" w:styleId="{name}"{usual}><w:name w:val="{name}"/>{base}{other}'
        f"<w:rPr>{properties}</w:rPr></w:style>"
    )


WHITE: Final = '<w:color w:val="FFFFFF"/>'
VANISH: Final = "<w:vanish/>"
SOLID = '<w14:solidFill><w14:srgbClr w14:val="{}">{}</w14:srgbClr></w14:solidFill>'
FILL = "<w14:textFill>{}</w14:textFill>"
DARK = '<w:shd w:val="clear" w:color="auto" w:fill="1F3864"/>'


def table(words: str, *, table: str = "", row: str = "", cell: str = "") -> str:
    cells = f"<w:trPr>{row}</w:trPr><w:tc><w:tcPr>{cell}</w:tcPr>{words}</w:tc>"
    return f"<w:tbl><w:tblPr>{table}</w:tblPr><w:tr>{cells}</w:tr></w:tbl>"


@pytest.mark.parametrize(
    "properties",
    [
        VANISH,
        '<w:vanish w:val="1"/>',
        "<w:specVanish/>",
        "<w:webHidden/>",
        WHITE,
        '<w:color w:val="fefefe"/>',
        '<w:color w:val="000000" w:themeColor="background1"/>',
        '<w:color w:val="000000" w:themeColor="background1" w:themeShade="FF"/>',
        f'{WHITE}<w:shd w:val="clear" w:fill="FFFFFF"/>',
        f'{WHITE}<w:shd w:val="clear" w:fill="auto"/>',
        f'{WHITE}<w:highlight w:val="none"/>',
        '<w:sz w:val="2"/>',
        '<w:sz w:val="-4"/>',
        '<w:sz w:val="0"/>',
        FILL.format("<w14:noFill/>"),
        FILL.format(SOLID.format("FFFFFF", "")),
        FILL.format('<w14:solidFill><w14:schemeClr w14:val="bg1"/></w14:solidFill>'),
        FILL.format(SOLID.format("000000", '<w14:alpha w14:val="100000"/>')),
    ],
)  # fmt: skip
def test_hidden_run_is_gone(properties: str) -> None:
    assert read(docx(SEEN + paragraph(run("SECRET", properties), run("AFTER")))).text.split() == ["SEEN", "AFTER"]


@pytest.mark.parametrize(
    "properties",
    [
        '<w:vanish w:val="0"/>',
        '<w:vanish w:val="false"/>',
        '<w:color w:val="EEEEEE"/>',
        '<w:color w:val="auto"/>',
        '<w:color w:val="FFFFFF" w:themeColor="accent1"/><w:highlight w:val="black"/>',
        f"{WHITE}{DARK}",
        f'{WHITE}<w:shd w:val="solid" w:color="000000" w:fill="FFFFFF"/>',
        '<w:sz w:val="3"/>',
        FILL.format(SOLID.format("336699", "")),
        WHITE + FILL.format(SOLID.format("336699", "")),
    ],
)  # fmt: skip
def test_visible_run_is_kept(properties: str) -> None:
    assert read(docx(paragraph(run("SEEN", properties)))).text == "SEEN"


STYLED = {
    "a paragraph's style": (style("paragraph", "P", VANISH), '<w:pStyle w:val="P"/>', ""),
    "a style beneath it": (
        style("paragraph", "P", based="Q") + style("paragraph", "Q", VANISH), '<w:pStyle w:val="P"/>', ""
    ),
    "a character's style": (style("character", "C", WHITE), "", '<w:rStyle w:val="C"/>'),
    "the usual style": (style("paragraph", "N", '<w:sz w:val="1"/>', default=True), "", ""),
    "the usual character's style": (style("character", "N", VANISH, default=True), "", ""),
    "the defaults": (f"<w:docDefaults><w:rPrDefault><w:rPr>{VANISH}</w:rPr></w:rPrDefault></w:docDefaults>", "", ""),
    "a colour of one and a size of another": (
        style("paragraph", "P", WHITE) + style("character", "C", '<w:b w:val="1"/>'),
        '<w:pStyle w:val="P"/>',
        '<w:rStyle w:val="C"/>',
    ),
    "styles that are based on each other": (
        style("paragraph", "P", based="Q") + style("paragraph", "Q", VANISH, based="P"), '<w:pStyle w:val="P"/>', ""
    ),
    "the first of two of one name": (
        style("paragraph", "P", VANISH) + style("paragraph", "P"), '<w:pStyle w:val="P"/>', ""
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STYLED)
def test_run_hidden_by_a_style_is_gone(name: str) -> None:
    styles, of_paragraph, of_run = STYLED[name]
    shown = run("SEEN", '<w:vanish w:val="0"/><w:color w:val="000000"/><w:sz w:val="20"/>')
    assert read(docx(paragraph(shown, run("SECRET", of_run), properties=of_paragraph), styles)).text == "SEEN"


def test_hiding_said_by_both_styles_is_off_again() -> None:
    styles = style("paragraph", "P", VANISH) + style("character", "C", VANISH)
    body = paragraph(run("SEEN", '<w:rStyle w:val="C"/>'), properties='<w:pStyle w:val="P"/>')
    assert read(docx(body, styles)).text == "SEEN"


def test_white_text_on_a_dark_paragraph_cell_table_or_text_box_is_kept() -> None:
    white = run("SEEN", WHITE)
    dark = style("table", "T", other=f'<w:tblStylePr w:type="firstRow"><w:tcPr>{DARK}</w:tcPr></w:tblStylePr>')
    for body, styles in (
        (paragraph(white, properties=DARK), ""),
        (table(paragraph(white), cell=DARK), ""),
        (table(paragraph(white), table='<w:tblStyle w:val="T"/>'), dark),
        (paragraph(white, properties='<w:pStyle w:val="P"/>'), style("paragraph", "P", other=f"<w:pPr>{DARK}</w:pPr>")),
        (box("mc:Choice", paragraph(white)), ""),
    ):
        assert read(docx(body, styles)).text == "SEEN"


def box(tag: str, words: str, requires: str = ' Requires="wps"') -> str:
    drawing = f"<w:drawing><wps:txbx><w:txbxContent>{words}</w:txbxContent></wps:txbx></w:drawing>"
    return f"<w:p><w:r><mc:AlternateContent><{tag}{requires}>{drawing}</{tag}></mc:AlternateContent></w:r></w:p>"


def test_text_of_a_text_box_is_that_which_word_shows() -> None:
    assert read(docx(alternatives("SEEN", "SECRET", requires="wps"))).text == "SEEN"
    for unknown in ("v", "nothing", "wps v"):
        assert read(docx(alternatives("SECRET", "SEEN", requires=unknown))).text == "SEEN"


def alternatives(first: str, second: str, requires: str) -> str:
    fallback = f"<mc:Fallback>{older_box(second)}</mc:Fallback></mc:AlternateContent>"
    newer = box("mc:Choice", paragraph(run(first)), f' Requires="{requires}"')
    return newer.replace("</mc:AlternateContent>", fallback)


def older_box(words: str) -> str:
    return f"<w:pict><v:textbox><w:txbxContent>{paragraph(run(words))}</w:txbxContent></v:textbox></w:pict>"


@pytest.mark.parametrize(
    "hidden",
    [
        f"<w:p><w:del>{run('SECRET')}</w:del></w:p>",
        "<w:p><w:r><w:delText>SECRET</w:delText></w:r></w:p>",
        f"<w:p><w:moveFrom>{run('SECRET')}</w:moveFrom></w:p>",
        table(paragraph(run("SECRET")), row="<w:hidden/>"),
        table(paragraph(run("SECRET")), row="<w:del/>"),
        "<w:p><w:r><w:instrText>SECRET</w:instrText></w:r></w:p>",
        '<w:p><w:r><w:commentReference w:id="0"/></w:r></w:p>',
        f"<w:p><w:r><w:rPr>{VANISH}</w:rPr>{older_box('SECRET')}</w:r></w:p>",
        '<w:altChunk r:id="r9"/>',
        "<w:p><w:bookmarkStart w:name='SECRET'/></w:p>",
    ],
)  # fmt: skip
def test_deleted_and_unseen_content_is_not_read(hidden: str) -> None:
    comments = f'<w:comments {NAMESPACES}><w:comment w:id="0">{paragraph(run("SECRET"))}</w:comment></w:comments>'
    assert read(docx(SEEN + hidden, others={"word/comments.xml": comments})).text == "SEEN"


def test_inserted_text_fields_and_notes_are_read() -> None:
    note = paragraph(run("NOTE"), run("SECRET", VANISH))
    notes = f'<w:footnotes {NAMESPACES}><w:footnote w:id="2">{note}</w:footnote></w:footnotes>'
    body = (
        f"<w:p><w:ins>{run('INSERTED')}</w:ins><w:fldSimple w:instr='SECRET'>{run(' FIELD')}</w:fldSimple></w:p>"
        f'<w:p><w:hyperlink r:id="r7">{run("LINK")}</w:hyperlink><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    )
    text = read(docx(body, others={"word/footnotes.xml": notes})).text
    assert "SECRET" not in text
    assert [word for word in ("INSERTED FIELD", "LINK", "NOTE") if word not in text] == []


def test_headings_lists_and_tables_are_readable() -> None:
    parsed = read(typed())
    assert parsed.title == "The plan"
    assert parsed.text.split("\n") == [
        "# The plan", "", "# First part", "", "Grüße, Привет, 你好, שלום.", "", "- one", "", "- two", "",
        "a | b", "c | d",
    ]  # fmt: skip
    assert parsed.pages == ()


def test_markup_in_a_document_is_text() -> None:
    assert read(docx(paragraph(run("&lt;b hidden&gt;SEEN&lt;/b&gt;")))).text == "<b hidden>SEEN</b>"


def test_strict_documents_are_read() -> None:
    strict = NAMESPACES.replace(docx_xml.W[1:-1], "http://purl.oclc.org/ooxml/wordprocessingml/main")
    body = f"<w:document {strict}><w:body>{SEEN}{paragraph(run('SECRET', VANISH))}</w:body></w:document>"
    assert read(docx("", others={"word/document.xml": body})).text == "SEEN"


ANEW = "open it and save it anew"
UNREADABLE = "a damaged DOCX file, whose archive cannot be read: " + ANEW
DOCTYPE = "a DOCX file with a DOCTYPE, which no office suite writes: it is not read"
PARTS = "a DOCX file without exactly one main part: open it and save it anew"
LONG = "the document holds more than 2,000,000 characters: split it"
NESTED = "the document is nested too deeply: simplify it, or save it as plain text"
MAINS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}{}</Relationships>'
MAIN = '<Relationship Id="r" Type="x/officeDocument" Target="word/document.xml"/>'
ENCODING = "a DOCX file in another encoding than UTF-8: open it and save it anew"
ARCHIVE = "the archive of the DOCX file has {}: " + ANEW
DAMAGED = "a damaged ZIP archive, DOCX or other Office file: save it anew"
XML = "a damaged DOCX file, whose XML cannot be read: " + ANEW
BOMB = ARCHIVE.format("entries that unpack to far more than a document holds")
DEEP = "the DOCX file is nested too deeply, or too large: split it"


def noise(length: int) -> str:
    return Random(0).randbytes(length // 2).hex()  # noqa: S311 - what cannot be made much smaller


def document(xml: str | bytes) -> bytes:
    return docx("", others={"word/document.xml": xml})


def declared(archive: bytes, name: str, size: int) -> bytes:
    made = bytearray(archive)
    at = made.rindex(name.encode()) - 46
    struct.pack_into("<I", made, at + 24, size)
    return bytes(made)


REFUSED = {
    "half of it": (docx(SEEN)[:300], DAMAGED),
    "many entries": (
        docx(SEEN, others={f"x/{n}": "" for n in range(docx_package.MAX_ENTRIES)}),
        ARCHIVE.format("more than 4,000 entries"),
    ),
    "two of one name": (docx(SEEN, others={"word/Document.xml": "x"}), ARCHIVE.format("two entries of one name")),
    "encrypted entries": (with_flag(docx(SEEN), 1), DAMAGED),
    "absolute names": (docx(SEEN, others={"/etc/passwd": "x"}), ARCHIVE.format("names that lead out of it")),
    "names that climb": (docx(SEEN, others={"word/../../x": "x"}), ARCHIVE.format("names that lead out of it")),
    "names of another system": (docx(SEEN, others={"..\\x": "x"}), ARCHIVE.format("names that lead out of it")),
    "a bomb": (document(b" " * (40 << 20)), BOMB),
    "a bomb that says it is small": (declared(document(b" " * (2 << 20)), "word/document.xml", 100), UNREADABLE),
    "a part that is too large": (
        document(f"<a>{noise(25 << 20)}</a>"),
        "the text of the DOCX file unpacks to more than 24 MiB: split it",
    ),
    "a DOCTYPE": (document(f"<!DOCTYPE x []><w:document {NAMESPACES}/>"), DOCTYPE),
    "laughs": (
        document("<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><l>&b;</l>"),
        DOCTYPE,
    ),
    "another encoding": (document(b"<?xml version='1.0' encoding='utf-16'?><a/>"), ENCODING),
    "UTF-16": (document("<a/>".encode("utf-16")), ENCODING),
    "Latin-1": (document(b"<a>caf\xe9</a>"), ENCODING),
    "no XML": (document("x"), XML),
    "an empty part": (document(""), XML),
    "depth": (document("<a>" * 300 + "</a>" * 300), DEEP),
    "depth of a document": (docx("<w:tbl><w:tr><w:tc>" * 80 + SEEN + "</w:tc></w:tr></w:tbl>" * 80), NESTED),
    "many elements": (document("<a>" + "<b/>" * docx_xml.MAX_ELEMENTS + noise(1 << 20) + "</a>"), DEEP),
    "two main parts": (
        docx(SEEN, others={"_rels/.rels": MAINS.format(MAIN, MAIN)}),
        PARTS,
    ),
    "no main part": (zipped({"[Content_Types].xml": f"<x ContentType='{MAIN_TYPE}'/>"}), PARTS),
    "a part of another kind": (document("<a/>"), "a damaged DOCX file: " + ANEW),
    "no text": (docx(""), "the document holds no text that a reader would see"),
    "hidden text only": (docx(paragraph(run("SECRET", VANISH))), "the document holds no text that a reader would see"),
    "too much text": (docx("".join(paragraph(run(part)) for part in wrap(noise(2_100_000), 10_000))), LONG),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_docx_says_why(name: str) -> None:
    content, reason = REFUSED[name]
    with pytest.raises(SourceError) as refused:
        read(content)
    assert str(refused.value) == reason


PLAIN = docx(SEEN + table(SEEN) + box("mc:Choice", SEEN), style("paragraph", "P", VANISH))
BASES = (PLAIN, typed())


@settings(max_examples=80, deadline=5_000)
@given(st.data())
def test_broken_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(BASES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] = data.draw(st.integers(0, 255))
        else:
            del content[at : at + data.draw(st.integers(1, 300))]
        if not content:
            return
    with suppress(SourceError):
        assert read(bytes(content)).text


TAGS = st.sampled_from(
    ["w:p", "w:r", "w:t", "w:tbl", "w:tr", "w:tc", "w:pPr", "w:rPr", "w:sdt", "w:sdtContent", "w:fldChar", "w:sym",
     "w:br", "w:footnoteReference", "w:hyperlink", "w:drawing", "w:txbxContent", "mc:AlternateContent", "mc:Choice",
     "w:vanish", "w:color", "w:sz", "w:numPr", "w:tcPr", "w:gridSpan", "w:tblPr", "w:shd", "w:pStyle"]
)  # fmt: skip
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["w:val", "w:id", "w:fill", "w:char", "w:themeShade", "w:themeColor", "w:fldCharType", "Requires"]),
    st.sampled_from(["", "x", "-1", "99999999999999999999", "FFFFFF", "begin", "end", "wps", "background1", "2"]),
)


@settings(max_examples=100, deadline=5_000)
@given(
    st.recursive(st.just("SEEN"), lambda inner: st.tuples(TAGS, ATTRIBUTES, st.lists(inner, max_size=4)), max_leaves=25)
)
def test_elements_in_any_order_are_read_or_refused(tree: object) -> None:
    with suppress(SourceError):
        assert read(docx(_xml(tree))).text


def _xml(tree: object) -> str:
    if not isinstance(tree, tuple):
        return str(tree)
    tag, attributes, inner = tree
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{said}>{''.join(map(_xml, inner))}</{tag}>"
