"""From a DOCX file's elements to the same without what a reader would not see, and without what could be drawn in.

Dropped are runs that are hidden (`vanish` and its kin), white on nothing coloured, without a fill, or smaller than a
letter can be, by their own properties or by a style; and hidden rows of tables. Of alternative contents only the one
that Word shows is kept.

Not seen to be hidden, and a risk that remains: text in the colour of its own shading, behind or off a drawing, in a
table's conditional formatting, squeezed by line height, indents or character scaling, or set in a font that shows other
letters. White text on a text box counts as visible, since the box may be filled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from retrieval.ingest.docx.look import PLAIN, Look, Styles, is_shaded, look
from retrieval.ingest.docx.xml import W, child, value

_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_KNOWN = ("http://schemas.microsoft.com/office/word/", "http://schemas.microsoft.com/office/drawing/")
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_KEPT_OF_HIDDEN = frozenset({f"{W}rPr", f"{W}fldChar", f"{W}instrText"})
"""Of a hidden run: what is no text, but without which the fields around it would not end."""
_IMAGES = frozenset(
    {
        "{http://schemas.openxmlformats.org/drawingml/2006/main}blip",
        "{http://purl.oclc.org/ooxml/drawingml/main}blip",
        "{urn:schemas-microsoft-com:vml}imagedata",
        f"{W}commentReference",
    }
)


@dataclass(frozen=True, slots=True)
class Around:
    """What the elements around one say of its text: the styles of table and paragraph, and what lies beneath."""

    table: Look = PLAIN
    paragraph: Look = PLAIN
    shaded: bool = False


_NOTHING = Around()


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reader of one document sees."""

    styles: Styles
    prefixes: Mapping[str, set[str]]

    def keep_visible(self, element: Element, around: Around = _NOTHING) -> None:
        """Drop from `element` what a reader would not see."""
        kept = []
        for each in element:
            if each.tag in _IMAGES or _is_hidden_row(each):
                continue
            if each.tag == f"{_MC}AlternateContent":
                shown = self._shown(each)
            elif each.tag == f"{W}drawing" and (boxes := _text_boxes(each)):
                shown = boxes
            else:
                shown = [each]
            kept += shown
        element[:] = kept
        for each in element:
            self._enter(each, around)

    def _enter(self, element: Element, around: Around) -> None:
        for name in (f"{_RELATION}id", f"{_RELATION}embed", f"{_RELATION}link"):
            element.attrib.pop(name, None)
        if element.tag == f"{W}fldSimple":
            element.tag = f"{W}smartTag"  # its text is its children's, in either
        within = self._around(element, around)
        if element.tag == f"{W}r" and self._look(element, within).hidden:
            element[:] = [each for each in element if each.tag in _KEPT_OF_HIDDEN]
        self.keep_visible(element, within)

    def _around(self, element: Element, around: Around) -> Around:
        if element.tag == f"{W}p":
            properties = child(element, "pPr")
            style = self.styles.of("paragraph", value(child(properties, "pStyle")))
            return replace(around, paragraph=style, shaded=around.shaded or bool(is_shaded(properties)))
        if element.tag == f"{W}tbl":
            properties = child(element, "tblPr")
            style = self.styles.of("table", value(child(properties, "tblStyle")))
            return replace(around, table=style, shaded=around.shaded or bool(is_shaded(properties)))
        if element.tag == f"{W}tc":
            return replace(around, shaded=around.shaded or bool(is_shaded(child(element, "tcPr"))))
        return replace(around, shaded=True) if element.tag == f"{W}txbxContent" else around

    def _look(self, run: Element, around: Around) -> Look:
        properties = child(run, "rPr")
        style = self.styles.of("character", value(child(properties, "rStyle")))
        beneath = style.over(around.paragraph).over(around.table).over(self.styles.defaults)
        # Hiding is a switch: said by both kinds of style it is off again (ECMA-376, part 1, 17.7.3).
        switched = bool(style.vanish) != bool(around.paragraph.vanish)
        beneath = replace(beneath, vanish=switched or bool(around.table.vanish or self.styles.defaults.vanish))
        found = look(properties).over(beneath)
        return replace(found, shaded=bool(found.shaded) or around.shaded)

    def _shown(self, alternatives: Element) -> list[Element]:
        for choice in alternatives.findall(f"{_MC}Choice"):
            if all(self._is_known(prefix) for prefix in choice.get("Requires", "").split()):
                return _text_boxes(choice) or list(choice)
        fallback = alternatives.find(f"{_MC}Fallback")
        return list(fallback) if fallback is not None else []

    def _is_known(self, prefix: str) -> bool:
        bound = self.prefixes.get(prefix, set())
        return len(bound) == 1 and all(uri.startswith(_KNOWN) for uri in bound)


def _is_hidden_row(element: Element) -> bool:
    return element.tag == f"{W}tr" and child(element, "trPr", "hidden") is not None


def _text_boxes(element: Element) -> list[Element]:
    """Return the text boxes beneath `element`, each as the older kind of drawing that is read."""
    found = []
    for box in _outermost(element, f"{W}txbxContent"):
        drawing = Element(f"{W}pict")
        drawing.append(box)
        found.append(drawing)
    return found


def _outermost(element: Element, tag: str) -> list[Element]:
    if element.tag == tag:
        return [element]
    shown = element
    if element.tag == f"{_MC}AlternateContent":
        first = element.find(f"{_MC}Choice")
        shown = element if first is None else first
    return [box for each in shown for box in _outermost(each, tag)]
