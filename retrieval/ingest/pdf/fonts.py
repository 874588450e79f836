"""From a PDF's font to the same font with the space by which gaps between words are to be measured.

pypdf takes half of a font's space for a gap between words, and the width of character 32 for the space. In fonts of
which only the letters in use were embedded, that is any other letter, or a drawn mark.
"""

from typing import Final

from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, FloatObject, NameObject, StreamObject

from retrieval.ingest.pdf.operands import items, resolved

SPACE: Final = 32
_WIDE: Final = b"<ffff>"
"""Stands among the codes of a font that has two bytes for each; no font gives it to a letter."""
_NEVER_SHOWN: Final = b"\n1 beginbfchar\n<ffff> <0020>\nendbfchar\n"


def measured(font: DictionaryObject, *, spaced: bool) -> DictionaryObject:
    """Return `font` such that pypdf finds no space in it but one that is named so, or is shown (`spaced`)."""
    if font.get("/Subtype") == "/Type0":
        return _with(font, "/ToUnicode", _named(resolved(font.get("/ToUnicode"))))
    return font if spaced else _with(font, "/Widths", _spaceless(items(font.get("/Widths")), font))


def _spaceless(widths: list[object], font: DictionaryObject) -> ArrayObject | None:
    first = resolved(font.get("/FirstChar"))
    place = SPACE - first if isinstance(first, int) else -1
    if not 0 <= place < len(widths):
        return None
    widths[place] = FloatObject(0)
    return ArrayObject(widths)


def _named(letters: object) -> StreamObject | None:
    """Return the table of `letters` with a space under a code that is not used, after any space that it has."""
    if not isinstance(letters, StreamObject):
        return None
    try:
        content = letters.get_data()
    except (PyPdfError, ValueError):
        return None
    if _WIDE not in content.lower():
        return None
    table = DecodedStreamObject()
    table.set_data(content + _NEVER_SHOWN)
    return table


def _with(font: DictionaryObject, key: str, value: ArrayObject | StreamObject | None) -> DictionaryObject:
    if value is None:
        return font
    copy = DictionaryObject(font)
    copy[NameObject(key)] = value
    return copy
