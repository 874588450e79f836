from dataclasses import replace

import pytest

from authz.resource import TenantId
from retrieval.errors import SourceError
from retrieval.ingest.html_text import MAX_TAGS
from retrieval.ingest.parse import MAX_TITLE, parse
from retrieval.ingest.source import MAX_SOURCE_BYTES, MediaType, SourceItem, media_type


def source(text: str | bytes, kind: MediaType = "text/html", title: str | None = None) -> SourceItem:
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
        (b"a\0b", "not text"),
        (b"%PDF-1.7 abc", "not text"),
        (b"PK\x03\x04abc", "not text"),
        (b"caf\xe9", "UTF-8 at byte 3"),
        ("text".encode("utf-16"), "not text"),
        (b"x" * (MAX_SOURCE_BYTES + 1), "at most"),
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
    ("name", "kind"), [("a/B.MD", "text/markdown"), ("x.htm", "text/html"), ("x.txt", "text/plain")]
)
def test_media_type_is_the_suffixes(name: str, kind: str) -> None:
    assert media_type(name) == kind


@pytest.mark.parametrize("name", ["x.pdf", "x", "x.md.exe", ".md"])
def test_other_files_are_refused(name: str) -> None:
    with pytest.raises(SourceError, match="only"):
        media_type(name)
