"""From the properties of a run of text in a DOCX file, and its styles, to whether a reader would see it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final
from xml.etree.ElementTree import Element

from retrieval.ingest.docx.xml import W, child, children, value

_MIN_HALF_POINTS: Final = 2
_LIGHT: Final = 0xF2
_HEX_COLOUR: Final = 6
_OPAQUE: Final = 95_000
"""Of 100,000: how much of the text is seen through, from where it is not seen."""
_W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_PAPER = frozenset({"background1", "light1", "bg1", "lt1"})
_NO = frozenset({"0", "false", "off"})
_MAX_CHAIN = 32


@dataclass(frozen=True, slots=True)
class Look:
    """What properties say of text; None: nothing."""

    vanish: bool | None = None
    invisible: bool | None = None
    """Hidden by what no style can switch back: special hiding, hiding on the web, a fill that is none."""
    white: bool | None = None
    tiny: bool | None = None
    shaded: bool | None = None
    """On something that is not white."""

    def over(self, beneath: "Look") -> "Look":
        """Return what holds if this is said on top of `beneath`."""
        names = (each.name for each in fields(self))
        own = {name: getattr(self, name) for name in names}
        return Look(**{name: getattr(beneath, name) if said is None else said for name, said in own.items()})

    @property
    def hidden(self) -> bool:
        """Whether a reader would not see the text."""
        return bool(self.vanish or self.invisible or self.tiny or (self.white and not self.shaded))


PLAIN: Final = Look()
"""What nothing is said of."""


def look(properties: Element | None) -> Look:
    """Return what `properties` (`w:rPr`) say."""
    if properties is None:
        return Look()
    size = value(child(properties, "sz"))
    special = [_switch(child(properties, name)) for name in ("specVanish", "webHidden")]
    clear, white = _fill(properties)
    return Look(
        vanish=_switch(child(properties, "vanish")),
        invisible=True if clear or True in special else None,
        white=white if white is not None else _is_white(child(properties, "color")),
        tiny=None if size is None else not size.isdecimal() or int(size) <= _MIN_HALF_POINTS,
        shaded=is_shaded(properties),
    )


def is_shaded(properties: Element | None) -> bool | None:
    """Return whether `properties` of text, of a paragraph or of a table's cell put something beneath it but white."""
    highlight, shade = value(child(properties, "highlight")), child(properties, "shd")
    if highlight not in {None, "none", "white"}:
        return True
    if shade is None:
        return None
    if value(shade) not in {None, "clear", "nil"}:
        return True
    fill = value(shade, "fill")
    return bool(value(shade, "themeFill")) or not (fill in {None, "auto"} or _is_light(fill or ""))


def _switch(element: Element | None) -> bool | None:
    return None if element is None else value(element) not in _NO


def _is_white(colour: Element | None) -> bool | None:
    if colour is None:
        return None
    shade = value(colour, "themeShade")
    themed = value(colour, "themeColor") in _PAPER and (shade is None or int(shade, 16) >= _LIGHT)
    return themed or _is_light(value(colour) or "")


def _is_light(colour: str) -> bool:
    if len(colour) != _HEX_COLOUR:
        return False
    try:
        return min(bytes.fromhex(colour)) >= _LIGHT
    except ValueError:
        return False


def _fill(properties: Element) -> tuple[bool, bool | None]:
    """Return whether Word's newer text fill is none, and whether it is white, None if there is no such fill."""
    fill = properties.find(f"{_W14}textFill")
    if fill is None:
        return False, None
    alphas = (each.get(f"{_W14}val", "0") for each in fill.iter(f"{_W14}alpha"))
    clear = fill.find(f"{_W14}noFill") is not None or any(a.isdecimal() and int(a) >= _OPAQUE for a in alphas)
    colours = [each.get(f"{_W14}val", "") for each in fill.iter() if each.tag.endswith("Clr")]
    return clear, bool(colours) and all(_is_light(each) or each in _PAPER for each in colours)


@dataclass(frozen=True, slots=True)
class Styles:
    """The looks of a document's styles, by kind and id; each follows the style that it is based on."""

    defaults: Look
    looks: dict[tuple[str, str], Look]
    usual: dict[str, str]
    """The id of the style, by kind, that holds where none is named."""

    def of(self, kind: str, name: str | None) -> Look:
        """Return the look of the style `name`, or of the usual one."""
        return self.looks.get((kind, name or self.usual.get(kind, "")), Look())


def read_styles(root: Element | None) -> Styles:
    """Return the styles of the part `root`; without it, those of a document that says nothing."""
    found = {
        (value(each, "type") or "", value(each, "styleId") or ""): each for each in reversed([*children(root, "style")])
    }
    usual = {kind: name for (kind, name), each in found.items() if value(each, "default") not in {None, *_NO}}
    looks = {at: _stacked(at, found) for at in found}
    return Styles(look(child(root, "docDefaults", "rPrDefault", "rPr")), looks, usual)


def _stacked(at: tuple[str, str], found: dict[tuple[str, str], Element]) -> Look:
    stacked = Look()
    for style in _chain(at, found):
        shades = [is_shaded(child(style, *path)) for path in (("pPr",), ("tcPr",), ("tblPr",))]
        if at[0] == "table":
            shades += [is_shaded(each) for part in style.iter(f"{W}tblStylePr") for each in children(part, "tcPr")]
        shaded = Look(shaded=True if True in shades else None)
        stacked = stacked.over(shaded.over(look(child(style, "rPr"))))
    return stacked


def _chain(at: tuple[str, str], found: dict[tuple[str, str], Element]) -> Iterator[Element]:
    kind, name = at
    for _ in range(_MAX_CHAIN):
        style = found.get((kind, name or ""))
        if style is None:
            return
        yield style
        name = value(child(style, "basedOn")) or ""
