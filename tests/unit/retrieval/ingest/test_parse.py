import time
from contextlib import suppress
from dataclasses import replace

import pytest

from authz.resource import TenantId
from retrieval.errors import SourceError
from retrieval.ingest.html_text import MAX_TAGS
from retrieval.ingest.parse import MAX_TEXT_BYTES, MAX_TITLE, parse
from retrieval.ingest.sniff import DOCX, PDF
from retrieval.ingest.source import MAX_SOURCE_BYTES, MediaType, SourceItem, hint
from tests.support.hostile_files import docx, drawn, paragraph, printed, run, stream, text, typed


def source(text: str | bytes, kind: MediaType | None = "text/html", title: str | None = None) -> SourceItem:
    content = text.encode() if isinstance(text, str) else text
    return SourceItem(TenantId("acme"), "a/file.x", content, kind, title, "folder:x", {}, frozenset(), "role:test")


HIDDEN = [
    "<p hidden>SECRET</p>",
    "<p hidden='until-found'>SECRET</p>",
    "<p style='display:none'>SECRET</p>",
    "<p style='DISPLAY : NONE !important'>SECRET</p>",
    r"<p style='dis\70 lay:none'>SECRET</p>",
    "<p style='display:/* */none'>SECRET</p>",
    "<p style='visibility:hidden'>SECRET</p>",
    "<p style='opacity:0.0'>SECRET</p>",
    "<p style='font-size:0'>SECRET</p>",
    "<p style='font-size:1px'>SECRET</p>",
    "<p style='font:0px serif'>SECRET</p>",
    "<p style='color:#fff'>SECRET</p>",
    "<p style='color: rgb(255, 255, 255)'>SECRET</p>",
    "<p style='color:transparent'>SECRET</p>",
    "<p style='color:red;background:red'>SECRET</p>",
    "<div style='background-color:#000000'><p style='color:#000'>SECRET</p></div>",
    "<font color=white>SECRET</font>",
    "<font color=fff>SECRET</font>",
    "<p style='color: #fefefe'>SECRET</p>",
    "<p style='color: rgb(255 255 255)'>SECRET</p>",
    "<p style='color: rgb(100%, 100%, 100%)'>SECRET</p>",
    "<p style='color: rgba(0, 0, 0, 0%)'>SECRET</p>",
    "<p style='color: #0000'>SECRET</p>",
    "<p style='color: white; background: rgba(0, 0, 0, 0)'>SECRET</p>",
    "<p style='position:absolute;left:-9999px'>SECRET</p>",
    "<p style='text-indent:-9999px'>SECRET</p>",
    "<p style='height:0;overflow:hidden'>SECRET</p>",
    "<style>.x{display:none}</style><p class='y X'>SECRET</p>",
    "<style>#n , q{visibility:hidden}</style><p id=n>SECRET</p><q>SECRET</q>",
    "<script>SECRET</script>",
    "<template><p>SECRET</p></template>",
    "<noscript>SECRET</noscript>",
    "<dialog>SECRET</dialog>",
    "<!-- SECRET -->",
    "<head><title>SECRET</title></head>",
    "<div style='display:none'><div><p>SECRET</p></div></div>",
]
SEEN = [
    "<p style='display:block'>seen</p>",
    "<div style='background:black'><p style='color:white'>seen</p></div>",
    "<p style='color: rgb(0 0 0 / 90%)'>seen</p>",
    "<p style='color: #123'>seen</p>",
    "<p style='font:12px/0 serif'>seen</p>",
    "<p style='font-size:.9em'>seen</p>",
    "<p style='overflow:hidden;max-width:50%'>seen</p>",
    "<style>@media print { .x{display:none} } .y{color:red}</style><p class='x y'>seen</p>",
    "<dialog open>seen</dialog>",
    "<p style='opacity:1'>seen</p>",
    "<p style='left:-2px'>seen</p>",
]


@pytest.mark.parametrize("html", HIDDEN)
def test_hidden_html_text_is_gone(html: str) -> None:
    assert parse(source(f"<body><p>before</p>{html}<p>after</p>")).text == "before\n\nafter"


@pytest.mark.parametrize("html", SEEN)
def test_visible_html_text_stays(html: str) -> None:
    assert "seen" in parse(source(html)).text


@pytest.mark.parametrize("html", HIDDEN)
def test_hidden_html_within_markdown_is_gone(html: str) -> None:
    text = parse(source(f"before\n\n{html}\n\nafter", "text/markdown")).text
    assert "SECRET" not in text
    assert text.startswith("before")
    assert text.endswith("after")


def test_markdown_hidden_over_several_blocks_is_gone() -> None:
    text = "# Plan\n\n<div style='display:none'>\n\n*SECRET*\n\n- SECRET\n\n</div>\n\nafter"
    assert parse(source(text, "text/markdown")).text.split() == ["#", "Plan", "after"]


def test_markdown_keeps_code_placeholders_links_and_entities() -> None:
    text = (
        'Use <name> and `<b hidden>x</b>`, a <b and "c.\n\n```html\n<p hidden>shown</p>\n```\n\n'
        "    <i hidden>shown</i>\n\n<https://x.example/?a=1&copy=2> \\<b> x & y < z"
    )
    assert parse(source(text, "text/markdown")).text == text


def test_markdown_loses_front_matter_and_comments() -> None:
    text = "---\ntitle: x\nreaders: [everyone]\n---\n# Plan <!-- SECRET -->\n\ntext"
    parsed = parse(source(text, "text/markdown"))
    assert (parsed.title, parsed.text) == ("Plan", "# Plan \n\ntext")


def test_thematic_break_at_the_beginning_is_no_front_matter() -> None:
    assert "kept" in parse(source("---\n\nkept\n\n---\n\nmore", "text/markdown")).text


def test_html_keeps_headings_lists_and_tables_readable() -> None:
    html = "<h2>Title</h2><ul><li>one<li>two</ul><table><tr><td>a<td>b</table><pre> k\n  l</pre>x<br>y"
    assert parse(source(html)).text == "## Title\n\n- one\n- two\n\na | b\n\n k\n  l\n\nx\ny"


def test_page_that_calls_itself_markdown_is_read_as_html() -> None:
    parsed = parse(source("<!-- x -->\n<!DOCTYPE html><body><p>seen<p hidden>SECRET", "text/plain"))
    assert (parsed.media_type, parsed.text) == ("text/html", "seen")


def test_characters_that_nobody_sees_are_removed() -> None:
    invisible = "\u200b\u200d\u202e\u2066\ufeff\u00ad\U000e0041\ufe0f\x07"
    assert parse(source(f"a{invisible}b&#x200b;c&#x202e;d")).text == "abcd"
    assert parse(source(f"a{invisible}b", "text/plain", title=None)).text == "ab"


def test_lines_end_in_line_feeds_and_a_byte_order_mark_is_no_text() -> None:
    assert parse(source(b"\xef\xbb\xbfa\r\nb\rc", "text/plain")).text == "a\nb\nc"


def test_title_is_the_manifests_then_the_first_headings_then_the_names() -> None:
    text = "intro\n\nA *fine* `plan`\n===\n\n# Second"
    assert parse(source(text, "text/markdown", title="Given")).title == "Given"
    assert parse(source(text, "text/markdown")).title == "A fine plan"
    assert parse(source("<p>x<h3>In HTML</h3>")).title == "In HTML"
    assert parse(source("```sh\n# no heading\n```", "text/markdown")).title == "file"
    assert parse(source("# no heading either", "text/plain")).title == "file"


def test_long_heading_is_cut_and_long_title_refused() -> None:
    assert len(parse(source("# " + "x" * 1000, "text/markdown")).title) == MAX_TITLE
    with pytest.raises(SourceError, match="a title has"):
        parse(source("x", title="x" * 201))


@pytest.mark.parametrize("title", ["", " ", "\u200b", "a\nb", "x" * 600])
def test_title_that_is_none_is_refused(title: str) -> None:
    with pytest.raises(SourceError, match="title"):
        parse(source("x", title=title))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no text"),
        (b" \n\xe2\x80\x8b", "no text"),
        (b"<p hidden>x", "no text"),
        (b"a\0b", "binary data"),
        (b"caf\xe9", "UTF-8 at byte 3"),
        (b"x" * (MAX_TEXT_BYTES + 1), "2,097,153 bytes; at most 2,097,152 are read"),
        (b"x" * (MAX_SOURCE_BYTES + 1), "16,777,217 bytes; at most 16,777,216 are read"),
        (b"<b>" * (MAX_TAGS + 1), "HTML tags"),
    ],
)
def test_what_is_no_readable_text_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        parse(source(content))


def test_refusal_does_not_hold_the_content() -> None:
    with pytest.raises(SourceError) as refused:
        parse(source(b"SECRET \xff"))
    assert refused.value.__cause__ is None
    assert "SECRET" not in str(refused.value)


def test_content_and_title_do_not_show_in_a_source() -> None:
    assert "SECRET" not in repr(replace(source("SECRET"), title="SECRET"))


def test_deepest_allowed_nesting_is_read() -> None:
    assert parse(source("<i>" * 5_000 + "text")).text == "text"


def test_style_with_impossible_escape_is_read() -> None:
    assert parse(source(r"<p style='color:\ffffff ;x:\0 '>text")).text == "text"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a/B.MD", "text/markdown"),
        ("x.htm", "text/html"),
        ("x.txt", "text/plain"),
        ("x.PDF", PDF),
        ("x.docx", DOCX),
        ("x", None),
        ("x.md.exe", None),
        (".md", None),
    ],
)
def test_hint_is_the_suffixes(name: str, kind: str | None) -> None:
    assert hint(name) == kind


@pytest.mark.parametrize(
    ("name", "said", "kind"),
    [
        ("x.md", None, "text/markdown"),
        ("x.md", "text/plain", "text/plain"),
        ("x", None, "text/plain"),
        ("x.exe", None, "text/plain"),
        ("x.pdf", None, "text/plain"),
        ("x.md", DOCX, "text/plain"),
    ],
)
def test_kind_of_text_is_the_senders_word_then_the_names(name: str, said: MediaType | None, kind: str) -> None:
    parsed = parse(replace(source("# A *text*", said), name=name))
    assert (parsed.media_type, parsed.text) == (kind, "# A *text*")


def test_files_are_what_their_bytes_are_whatever_their_name_says() -> None:
    assert parse(replace(source(printed("Seen."), "text/plain"), name="x.md")).media_type == PDF
    assert parse(replace(source(typed(), PDF), name="x.pdf")).media_type == DOCX


def test_pages_begin_where_their_text_does_and_empty_ones_where_the_next_does() -> None:
    parsed = parse(source(printed("One.", "", "Three\u00ad.", ""), None))
    assert parsed.text == "One.\n\nThree."
    assert parsed.pages == (0, 6, 6, 14)
    assert parsed.title == "file"


def test_characters_that_nobody_sees_are_removed_from_every_kind_and_from_names() -> None:
    hidden = "a\u200b\u202eb"
    mapping = b"1 beginbfchar <41> <0061200B202E0062> endbfchar"
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 4 0 R>>"
    for content in (docx(paragraph(run(hidden))), drawn(text("A"), objects={3: font, 4: stream(mapping)})):
        assert parse(source(content)).text == "ab"
    assert parse(replace(source("x", "text/plain"), name=f"a/{hidden}.txt")).title == "ab"
    assert parse(replace(source("x", "text/plain"), name="a/\u200b.txt")).title == "Untitled"


def test_row_of_a_table_stays_one_line() -> None:
    assert parse(source("<table><tr><td><p>a</p><p>b</p><td><p>c</table>")).text == "a b | c"


@pytest.mark.parametrize(
    "content",
    [
        b"<div>" * 50_000,
        b"<" * MAX_TEXT_BYTES,
        b"[" * MAX_TEXT_BYTES,
        b"*" * MAX_TEXT_BYTES,
        b"`" * MAX_TEXT_BYTES,
        b"&" * MAX_TEXT_BYTES,
        b"> " * (MAX_TEXT_BYTES // 2),
        b"- " * (MAX_TEXT_BYTES // 2),
        b"<!--" * (MAX_TEXT_BYTES // 4),
        b"<a " * (MAX_TEXT_BYTES // 3),
        b"x" * 1_000_000,
    ],
    ids=lambda content: content[:4].decode(),
)
@pytest.mark.parametrize("kind", ["text/markdown", "text/html"])
def test_pathological_text_is_read_or_refused_in_time(content: bytes, kind: MediaType) -> None:
    before = time.process_time()
    with suppress(SourceError):
        parse(source(content, kind))
    assert time.process_time() - before < 10
