"""From a PDF's colour operators to whether what they colour is white, as paper is (ISO 32000-2, 8.6)."""

from collections.abc import Sequence
from typing import Final, Literal

from pypdf.generic import ArrayObject, DictionaryObject, PdfObject, StreamObject

Space = Literal["gray", "rgb", "cmyk", "tint", "lab", "other"]

_LIGHT: Final = 0.95
_INK: Final = 0.05
_LAB: Final = 100.0
_NAMES: dict[str, Space] = {
    "/DeviceGray": "gray",
    "/G": "gray",
    "/CalGray": "gray",
    "/DeviceRGB": "rgb",
    "/RGB": "rgb",
    "/CalRGB": "rgb",
    "/DeviceCMYK": "cmyk",
    "/CMYK": "cmyk",
    "/Separation": "tint",
    "/DeviceN": "tint",
    "/Lab": "lab",
}
_BY_COMPONENTS: dict[object, Space] = {1: "gray", 3: "rgb", 4: "cmyk"}
SETTERS: dict[bytes, tuple[Space, bool]] = {
    b"g": ("gray", True),
    b"rg": ("rgb", True),
    b"k": ("cmyk", True),
    b"G": ("gray", False),
    b"RG": ("rgb", False),
    b"K": ("cmyk", False),
}
"""Operators that set space and colour at once: which space, and whether for filling."""


def space_of(name: object, resources: DictionaryObject) -> Space:
    """Return the kind of the colour space called `name` in `resources`."""
    if not isinstance(name, str):
        return "other"
    named = resources.get("/ColorSpace")
    spaces = named.get_object() if isinstance(named, PdfObject) else None
    value = spaces.get(name) if isinstance(spaces, DictionaryObject) else None
    found = value.get_object() if isinstance(value, PdfObject) else name
    return _kind(found)


def _kind(found: object) -> Space:
    if not isinstance(found, ArrayObject):
        return _NAMES.get(str(found), "other")
    family = str(found[0]) if found else ""
    if family != "/ICCBased" or len(found) < 2:  # noqa: PLR2004 - its name, and the profile
        return _NAMES.get(family, "other")
    profile = found[1].get_object()
    return _BY_COMPONENTS.get(profile.get("/N"), "other") if isinstance(profile, StreamObject) else "other"


def is_white(space: Space, values: Sequence[float]) -> bool:
    """Return whether the colour `values` of `space` is (nearly) white; a colour that is not understood is not."""
    if not values:
        return False
    if space in {"gray", "rgb"}:
        return min(values) >= _LIGHT
    if space in {"cmyk", "tint"}:
        return max(values) <= _INK
    return space == "lab" and values[0] >= _LIGHT * _LAB
