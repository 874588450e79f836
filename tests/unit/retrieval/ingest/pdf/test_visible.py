import pytest

from retrieval.ingest.pdf.text import pages_of_pdf
from tests.support.hostile_files import drawn, stream, text

SEEN = text("SEEN")
LAYER = b"/OCProperties<</OCGs[100 0 R 101 0 R]/D<<%s>>>>"
GROUPS = {100: b"<</Type/OCG/Name(a)>>", 101: b"<</Type/OCG/Name(b)>>"}
OFF = LAYER % b"/OFF[100 0 R]"


def words(content: bytes, **changed: object) -> str:
    return " ".join(" ".join(pages_of_pdf(drawn(SEEN + content, **changed))).split())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "hidden",
    [
        text("SECRET", y=500, before="3 Tr"),
        text("SECRET", y=500, before="7 Tr"),
        b"3 Tr " + text("SECRET", y=500),
        text("SECRET", y=500, before="1 g"),
        text("SECRET", y=500, before="0.97 0.98 1 rg"),
        text("SECRET", y=500, before="0 0 0 0 k"),
        text("SECRET", y=500, before="0 0 0 .04 k"),
        text("SECRET", y=500, before="/DeviceGray cs 1 sc"),
        text("SECRET", y=500, before="/DeviceRGB cs 1 1 1 scn"),
        text("SECRET", y=500, before="1 Tr 1 G"),
        text("SECRET", y=500, before="2 Tr 1 G 1 g"),
        text("SECRET", y=500, size=1),
        text("SECRET", y=500, size=0),
        b"BT /F1 1 Tf 1.5 0 0 1.5 100 500 Tm (SECRET) Tj ET",
        b"q .1 0 0 .1 0 0 cm " + text("SECRET", 1000, 5000) + b" Q",
        text("SECRET", y=500, before="1 Tz"),
        text("SECRET", x=700),
        text("SECRET", x=-400),
        text("SECRET", y=-30),
        text("SECRET", y=900),
        b"BT /F1 12 Tf 100 500 Td 900 0 Td (SECRET) Tj ET",
        b"BT /F1 12 Tf 100 500 TD 0 -600 TD (SECRET) Tj ET",
        b"BT /F1 12 Tf 600 TL 100 500 Td (SECRET) ' ET",
        b'BT /F1 12 Tf 600 TL 100 500 Td 0 0 (SECRET) " ET',
        b"BT /F1 12 Tf 100 500 Td T* [-90000 (SECRET)] TJ ET",
        b"BT /F1 12 Tf 900 Ts 100 500 Td (SECRET) Tj ET",
        b"q 0 0 50 50 re W n " + text("SECRET", y=500) + b" Q",
        b"q 0 0 m 50 0 l 50 50 l h W* n " + text("SECRET", y=500) + b" Q",
        b"1 0 0 rg 50 450 400 100 re f 1 g 60 460 300 80 re f " + text("SECRET", y=500, before="1 g"),
        b"1 0 0 rg 50 450 20 20 re f 1 g " + text("SECRET", y=500),
        b"q /Faint gs " + text("SECRET", y=500) + b" Q",
        b"/OC /Layer BDC " + text("SECRET", y=500) + b" EMC",
        b"/OC /Layer BDC /Span BMC EMC " + text("SECRET", y=500) + b" EMC",
        b"/OC /Both BDC " + text("SECRET", y=500) + b" EMC",
        b"/OC /None BDC " + text("SECRET", y=500) + b" EMC",
        b"/Layered Do",
        b"/OC /Layer BDC /Plain Do EMC",
        b"1 g /Plain Do",
        b"3 Tr /Plain Do",
        b"q .1 0 0 .1 0 0 cm /Plain Do Q",
        b"q 1 0 0 1 900 0 cm /Plain Do Q",
        b"/Clipped Do",
        b"/Shrunk Do",
    ],
)  # fmt: skip
def test_hidden_text_is_gone_and_visible_text_stays(hidden: bytes) -> None:
    form = text("SECRET", y=500)
    font = b"/Resources<</Font<</F9 3 0 R>>>>"
    own = form.replace(b"/F1", b"/F9")
    found = words(
        hidden + b" " + text("AFTER", y=100, before="0 Tr 0 g 100 Tz 0 Ts"),
        resources=b"/ExtGState<</Faint<</ca 0>>>>/Properties<</Layer 100 0 R/Both 110 0 R/None 111 0 R>>"
        b"/XObject<</Plain 102 0 R/Layered 103 0 R/Clipped 104 0 R/Shrunk 105 0 R>>",
        catalogue=OFF,
        objects={
            **GROUPS,
            102: stream(own, b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]" + font),
            103: stream(own, b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/OC 100 0 R" + font),
            104: stream(own, b"/Type/XObject/Subtype/Form/BBox[0 0 50 50]" + font),
            105: stream(own, b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Matrix[.1 0 0 .1 0 0]" + font),
            110: b"<</Type/OCMD/OCGs[100 0 R 101 0 R]/P/AllOn>>",
            111: b"<</Type/OCMD/OCGs 100 0 R>>",
        },
    )
    assert found.split() == ["SEEN", "AFTER"]


@pytest.mark.parametrize(
    "shown",
    [
        text("SHOWN", y=500, before=".9 g"),
        text("SHOWN", y=500, before="1 0 0 rg"),
        text("SHOWN", y=500, before="/Spot cs 1 scn"),
        text("SHOWN", y=500, before="/Unknown cs 1 scn"),
        text("SHOWN", y=500, before="2 Tr 1 g 0 G"),
        text("SHOWN", y=500, before="1 G"),
        text("SHOWN", y=500, size=6),
        text("SHOWN", x=-5, y=500),
        b"BT /F1 1 Tf 12 0 0 12 100 500 Tm (SHOWN) Tj ET",
        b"q 10 0 0 10 0 0 cm BT /F1 1 Tf 10 50 Td (SHOWN) Tj ET Q",
        b"BT /F1 12 Tf 0 1 -1 0 100 500 Tm ( SHOWN) Tj ET",
        b"0 0 .4 rg 50 450 400 100 re f " + text("SHOWN", y=500, before="1 g"),
        b"0 g 50 450 m 450 450 l 450 550 l 50 550 l h f 1 g " + text("SHOWN", y=500),
        b"q 400 0 0 100 50 450 cm /Picture Do Q " + text("SHOWN", y=500, before="1 g"),
        b"q 0 0 600 800 re W n " + text("SHOWN", y=500) + b" Q",
        b"q 1 g 3 Tr Q " + text("SHOWN", y=500),
        b"/OC /Layer BDC EMC " + text("SHOWN", y=500),
        b"/OC /On BDC " + text("SHOWN", y=500) + b" EMC",
        b"/OC /Either BDC " + text("SHOWN", y=500) + b" EMC",
        b"/OC /Nowhere BDC " + text("SHOWN", y=500) + b" EMC",
        b"/Span <</ActualText(SECRET)>> BDC " + text("SHOWN", y=500) + b" EMC",
        b"/Form Do",
        b"1 g /Form Do",
        b"BI /W 1 /H 1 /BPC 8 /CS /G ID x EI " + text("SHOWN", y=500),
    ],
)  # fmt: skip
def test_what_a_reader_sees_is_kept(shown: bytes) -> None:
    found = words(
        shown,
        resources=b"/Properties<</Layer 100 0 R/On 101 0 R/Either 110 0 R>>/XObject<</Form 102 0 R/Picture 103 0 R>>"
        b"/ColorSpace<</Spot[/Separation/Blue/DeviceRGB 3 0 R]>>",
        catalogue=OFF,
        objects={
            **GROUPS,
            102: stream(text("SHOWN", y=500, before="0 g"), b"/Subtype/Form/BBox[0 0 600 800]"),
            103: stream(b"\xff", b"/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray"),
            110: b"<</Type/OCMD/OCGs[100 0 R 101 0 R]>>",
        },
    )
    assert found.split() == ["SEEN", "SHOWN"]


def test_layers_may_be_off_unless_said_to_be_on() -> None:
    both = b"/OC /A BDC " + text("SECRET", y=500) + b" EMC /OC /B BDC " + text("SHOWN", y=400) + b" EMC"
    found = words(
        both,
        resources=b"/Properties<</A 100 0 R/B 101 0 R>>",
        catalogue=LAYER % b"/BaseState/OFF/ON[101 0 R]",
        objects=GROUPS,
    )
    assert found.split() == ["SEEN", "SHOWN"]


def test_what_lies_beyond_the_crop_box_is_gone() -> None:
    assert words(text("SECRET", y=300), page=b"/CropBox[0 600 600 800]") == "SEEN"


def test_annotations_form_values_attachments_scripts_and_metadata_are_not_read() -> None:
    found = words(
        b"",
        page=b"/Annots[100 0 R 101 0 R]",
        catalogue=b"/AcroForm<</Fields[101 0 R]>>/OpenAction<</S/JavaScript/JS(SECRET)>>/Metadata 102 0 R",
        objects={
            100: b"<</Type/Annot/Subtype/FreeText/Rect[0 0 100 100]/Contents(SECRET)>>",
            101: b"<</Type/Annot/Subtype/Widget/FT/Tx/T(SECRET)/V(SECRET)/Rect[0 0 9 9]>>",
            102: stream(b"SECRET", b"/Type/Metadata/Subtype/XML"),
        },
    )
    assert found == "SEEN"


def test_spaces_between_visible_pieces_are_kept() -> None:
    assert words(b"BT /F1 12 Tf 100 500 Td [(two) -400 (words)] TJ ( ) Tj (more) Tj ET") == "SEEN two words more"
