from contextlib import suppress
from zlib import compress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.resource import TenantId
from retrieval.errors import SourceError
from retrieval.ingest.parse import parse
from retrieval.ingest.pdf import budget as pdf_budget
from retrieval.ingest.pdf.text import EMPTY, pages_of_pdf
from retrieval.ingest.source import SourceItem
from tests.support.hostile_files import drawn, locked, pdf, printed, stream, text

GOOD = printed("One page\nof text.", "", "And another.")
DAMAGED = "a damaged PDF: open it and save or print it to a new PDF"
LOCKED = "the PDF is under a password, or encrypted in a way that is not read: save it without"
TOO_MUCH = "the PDF unpacks to more than is read of one document: split it, or print it to a new PDF"
DRAWS_TOO_MUCH = "the PDF draws more than is read of one document: split it"
NESTED = "drawings within drawings, too many or too deep: print the PDF to a new PDF"
INVISIBLE = (
    "all text of the PDF is an invisible layer, as text recognition writes it over scanned pages: "
    "bring the recognised text as a document of its own"
)
BLANK = b"q " + b"(" + b" " * (7 << 20) + b")"
TWICE = b"/Filter[/FlateDecode/FlateDecode]"
IMAGE = b"/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray"


def test_each_page_has_its_text() -> None:
    pages = pages_of_pdf(GOOD)
    assert [page.split("\n") for page in pages] == [["One page", "of text."], [""], ["And another."]]


def test_letters_of_other_alphabets_and_ligatures_are_read() -> None:
    mapping = b"1 begincodespacerange <00> <ff> endcodespacerange 2 beginbfchar <41> <FB01> <42> <041F> endbfchar"
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 4 0 R>>"
    (page,) = pages_of_pdf(drawn(text("AxB"), objects={3: font, 4: stream(mapping)}))
    assert page.strip() == "fixП"


WIDE = b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/ToUnicode 4 0 R/DescendantFonts[5 0 R]>>"
NAMES = b"1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <0041> <0042> <0061> endbfrange"
SIMPLE = b"<</Type/Font/Subtype/Type1/BaseFont/X/FirstChar 32/Widths[" + b"500 " * 95 + b"]>>"


def wide(content: bytes, widths: bytes) -> str:
    descendant = b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/DW 600/W[" + widths + b"]>>"
    (page,) = pages_of_pdf(drawn(content, objects={3: WIDE, 4: stream(NAMES), 5: descendant}))
    return page


def simple(content: bytes) -> str:
    (page,) = pages_of_pdf(drawn(b"BT /F1 10 Tf 100 700 Td " + content + b" ET", objects={3: SIMPLE}))
    return page


def test_words_set_apart_by_a_move_are_apart_in_a_font_whose_space_is_not_known() -> None:
    content = b"BT /F1 12 Tf 100 700 Td [<00410042> -220 <0041> -40 <0042>] TJ ET"
    assert wide(content, b"65[556 556]").split() == ["ab", "ab"]


def test_tightest_line_that_is_set_keeps_its_gaps() -> None:
    assert simple(b"[(each) -167 (ma) 40 (in) -40 (tainer)] TJ").split() == ["each", "maintainer"]


def test_pieces_are_apart_though_character_32_of_their_font_is_a_wide_mark_that_nothing_shows() -> None:
    # Two letters are 10 wide: the first piece ends 2 before the second begins, less than half of that mark.
    assert simple(b"(ab) Tj 12 0 Td (cd) Tj").split() == ["ab", "cd"]
    assert simple(b"(ab) Tj 11 0 Td (cd) Tj").split() == ["abcd"]
    assert simple(b"(a b) Tj 17 0 Td (cd) Tj").split() == ["a", "bcd"], "here it is shown, so it is a space"


def test_pieces_are_apart_though_glyph_32_of_their_font_is_any_letter() -> None:
    content = b"BT /F1 10 Tf 100 700 Td <00410042> Tj 14 0 Td <0041> Tj ET"
    assert wide(content, b"32[900] 65[600 600]").split() == ["ab", "a"]


def test_password_that_only_restricts_is_no_obstacle() -> None:
    (page,) = pages_of_pdf(locked("Open to read.", reader="", owner="secret"))
    assert page.strip() == "Open to read."


def test_content_in_several_streams_is_one() -> None:
    parts = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 600 800]/Resources<</Font<</F1 6 0 R>>>>>>",
        3: b"<</Type/Page/Parent 2 0 R/Contents[4 0 R 5 0 R]>>",
        4: stream(b"BT /F1 12 Tf 100 700 Td"),
        5: stream(b"(inherited) Tj ET", packed=True),
        6: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    }
    assert [page.strip() for page in pages_of_pdf(pdf(parts))] == ["inherited"]


def test_form_drawn_twice_is_read_twice_at_its_places() -> None:
    content = b"/X Do q 1 0 0 1 0 -200 cm /X Do Q"
    form = stream(text("again"), b"/Subtype/Form/BBox[0 0 600 800]")
    (page,) = pages_of_pdf(drawn(content, resources=b"/XObject<</X 100 0 R>>", objects={100: form}))
    assert page.split() == ["again", "again"]


def chain(length: int) -> dict[int, bytes]:
    return {
        100 + number: stream(
            b"/X Do", b"/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>" % (101 + number)
        )
        for number in range(length)
    }


def recursive_pages() -> bytes:
    return pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[2 0 R]/Count 1>>"})


REFUSED: dict[str, tuple[bytes, str]] = {
    "a password": (locked("x", reader="secret", owner="other"), LOCKED),
    "nothing": (b"%PDF-1.7\n", DAMAGED),
    "half of it": (GOOD[: len(GOOD) // 2], DAMAGED),
    "no catalogue": (pdf({1: b"<</Type/Nothing>>"}), DAMAGED),
    "no pages": (
        pdf({1: b"<</Type/Catalog/Pages 2 0 R>>", 2: b"<</Type/Pages/Kids[]/Count 0>>"}),
        "the PDF has no pages: save or print it to a new PDF",
    ),
    "too many pages": (
        drawn(*[b"" for _ in range(pdf_budget.MAX_PAGES + 1)]),
        "the PDF has 2,001 pages; at most 2,000 are read: split it",
    ),
    "a tree of pages that holds itself": (recursive_pages(), DAMAGED),
    "blank pages": (drawn(b"", b""), EMPTY),
    "hidden text only": (drawn(text("SECRET", before="1 g")), EMPTY),
    "images only": (
        drawn(b"/I Do", resources=b"/XObject<</I 100 0 R>>", objects={100: stream(b"\xff", IMAGE)}),
        "the pages of the PDF are images: recognise their text and bring that as a document of its own",
    ),
    "an invisible layer of recognised text": (
        drawn(
            b"/I Do " + text("SECRET", before="3 Tr"),
            resources=b"/XObject<</I 100 0 R>>",
            objects={100: stream(b"\xff", IMAGE)},
        ),
        INVISIBLE,
    ),
    "a form that draws itself": (
        drawn(
            b"/X Do",
            resources=b"/XObject<</X 100 0 R>>",
            objects={100: stream(b"/X Do", b"/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 100 0 R>>>>")},
        ),
        "a drawing in the PDF draws itself: print it to a new PDF",
    ),
    "forms in forms": (drawn(b"/X Do", resources=b"/XObject<</X 100 0 R>>", objects=chain(20)), NESTED),
    "thousands of forms": (
        drawn(
            b"/X Do " * 3_000,
            resources=b"/XObject<</X 100 0 R>>",
            objects={100: stream(b"", b"/Subtype/Form/BBox[0 0 9 9]")},
        ),
        NESTED,
    ),
    "a bomb": (drawn(b"", objects={11: stream(b" " * (9 << 20), packed=True)}), TOO_MUCH),
    "a bomb in a bomb": (
        drawn(b"", objects={11: stream(compress(compress(b" " * (40 << 20), 9)), TWICE)}),
        TOO_MUCH,
    ),
    "bombs on many pages": (
        drawn(*[b"" for _ in range(6)], objects={n: stream(BLANK, packed=True) for n in range(11, 23, 2)}),
        DRAWS_TOO_MUCH,
    ),
    "endless operators": (drawn(b"q " * 500_001), TOO_MUCH),
    "operators drawn again and again": (
        drawn(
            b"/X Do " * 11,
            resources=b"/XObject<</X 100 0 R>>",
            objects={100: stream(b"n " * 100_000, b"/Subtype/Form/BBox[0 0 9 9]")},
        ),
        DRAWS_TOO_MUCH,
    ),
    "too much text": (
        drawn(*[text("x" * 30_000) for _ in range(70)]),
        "the PDF holds more than 2,000,000 characters: split it",
    ),
    "a font that says nothing": (
        drawn(
            text("AAAA"),
            objects={
                3: b"<</Type/Font/Subtype/Type1/ToUnicode 4 0 R>>",
                4: stream(b"1 beginbfchar <41> <E000> endbfchar"),
            },
        ),
        "the fonts of the PDF do not say which letters they show: print it to a new PDF",
    ),
}  # fmt: skip


def source(content: bytes) -> SourceItem:
    return SourceItem(TenantId("acme"), "file.pdf", content, None, None, "folder:x", {}, frozenset(), "role:test")


def test_arrays_in_arrays_are_refused() -> None:
    with pytest.raises(SourceError, match="nested too deeply"):
        parse(source(drawn(b"[" * 50_000)))


@pytest.mark.parametrize("name", REFUSED)
def test_refused_pdf_says_why(name: str) -> None:
    content, reason = REFUSED[name]
    with pytest.raises(SourceError) as refused:
        pages_of_pdf(content)
    assert str(refused.value) == reason
    assert "SECRET" not in str(refused.value)


BASES = (GOOD, drawn(text("seen"), text("more")), locked("x", reader="", owner="y"))


@settings(max_examples=60, deadline=5_000)
@given(st.data())
def test_broken_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(BASES)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["set", "cut", "repeat", "number", "name"])):
            case "set":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                del content[at : at + data.draw(st.integers(1, 200))]
            case "repeat":
                content[at:at] = content[max(0, at - 50) : at]
            case "number":
                content[at : at + 1] = data.draw(st.sampled_from([b"-1", b"1e400", b"99999999999999", b"NaN", b" "]))
            case _:
                content[at:at] = data.draw(st.sampled_from([b"<<", b"[", b"(", b"/", b"endobj", b"stream", b"10 0 R"]))
        if not content:
            return
    with suppress(SourceError):
        assert parse(source(bytes(content))).text


@settings(max_examples=100, deadline=5_000)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(b"q Q BT ET cm Tm Td TD T* Tf Tj TJ ' \" Tr Tz".split()),
            st.sampled_from(b"re W n f cs scn g BDC EMC Do gs BI ID EI".split()),
            st.sampled_from(b"/F1 /X /OC (x) <41> [(x)3] [[]] <</A/B>> null true".split()),
            st.integers(-(10**6), 10**6).map(lambda number: b"%d" % number),
            st.sampled_from([b"1e400", b"0.5", b"--3", b"(" , b"]", b">>"]),
        ),
        max_size=60,
    )
)  # fmt: skip
def test_operators_in_any_order_are_read_or_refused(tokens: list[bytes]) -> None:
    form = stream(text("form"), b"/Subtype/Form/BBox[0 0 600 800]")
    content = drawn(b" ".join(tokens), resources=b"/XObject<</X 100 0 R>>", objects={100: form})
    with suppress(SourceError):
        assert parse(source(content)).text
