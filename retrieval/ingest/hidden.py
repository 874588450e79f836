"""From an element's attributes to whether a reader would see it: hidden text is a way to inject instructions.

What can be seen to be hidden is dropped: the `hidden` attribute, inline styles, and rules of the document's own style
sheets whose selector is one tag, class or id. Not seen: linked style sheets, other selectors, `@media` and scripts.
White text counts as hidden unless an inline background says otherwise, even where a class might have made it dark.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

Attributes = Mapping[str, str | None]
Declarations = dict[str, str]

_NOT_TEXT = """
    audio canvas datalist head iframe math noembed noframes noscript object script style svg template title video
"""
NOT_TEXT = frozenset(_NOT_TEXT.split())
"""Elements whose content is not part of the text that a reader sees."""

_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})\s?|(.))", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_RULE = re.compile(r"([^{}]*)\{([^{}]*)\}")
_SELECTOR = re.compile(r"([a-z][a-z0-9]*)?(?:([.#])([\w-]+))?")
_NUMBER = re.compile(r"(-?\d*\.?\d+)")
_HEX = re.compile(r"#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_FUNCTION = re.compile(r"rgba?\(([^()]*)\)")
_PART = re.compile(r"\d*\.?\d+%?")
_INVISIBLE_PIXELS = 2
_OFF_SCREEN = -999
_FAINT = 0.05
_NEARLY_WHITE = 245
"""Of 255: on white paper nobody reads such letters."""


@dataclass(frozen=True, slots=True)
class Style:
    """The colour of the paper beneath an element, as far as inline styles say."""

    background: str = "white"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The selectors of a document's own style sheets that hide what they select: (tag, `.` or `#`, name)."""

    selectors: frozenset[tuple[str, str, str]] = frozenset()

    def hides(self, tag: str, attributes: Attributes) -> bool:
        """Return whether a rule hides an element of this `tag` with these `attributes`."""
        if not self.selectors:
            return False
        names = [("", "")]
        names += [(".", name) for name in (attributes.get("class") or "").lower().split()]
        names += [("#", (attributes.get("id") or "").lower())]
        return any((each, *name) in self.selectors for name in names for each in (tag, ""))


def read_sheet(css: str) -> Sheet:
    """Return the hiding rules of the style sheet `css`."""
    found: set[tuple[str, str, str]] = set()
    for selectors, body in _RULE.findall(_outside_at_rules(_COMMENT.sub("", css.lower()))):
        if not _hides(_declarations(body), Style()):
            continue
        for selector in selectors.split(","):
            match = _SELECTOR.fullmatch(selector.strip())
            if match and match.group(0):
                found.add((match[1] or "", match[2] or "", match[3] or ""))
    return Sheet(frozenset(found))


def is_hidden(tag: str, attributes: Attributes, sheet: Sheet, style: Style) -> bool:
    """Return whether a reader would not see an element, on paper of the given `style`."""
    if tag in NOT_TEXT or "hidden" in attributes or (tag == "dialog" and "open" not in attributes):
        return True
    return sheet.hides(tag, attributes) or _hides(_inline(attributes), style)


def paper(attributes: Attributes, style: Style) -> Style:
    """Return the style beneath an element's children."""
    background = _background(_inline(attributes))
    return Style(background) if background else style


def _inline(attributes: Attributes) -> Declarations:
    declarations = _declarations(_COMMENT.sub("", (attributes.get("style") or "").lower()))
    for name, of in (("bgcolor", "background-color"), ("color", "color")):
        if attributes.get(name):
            declarations.setdefault(of, (attributes[name] or "").strip().lower())
    return declarations


def _declarations(body: str) -> Declarations:
    plain = _ESCAPE.sub(lambda match: _character(match[1]) if match[1] else match[2], body)
    pairs = (each.partition(":") for each in plain.split(";"))
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in pairs}


def _hides(declarations: Declarations, style: Style) -> bool:
    return (
        declarations.get("display") == "none"
        or declarations.get("visibility") in {"hidden", "collapse"}
        or _below(declarations.get("opacity"), _FAINT)
        or _tiny(declarations.get("font-size") or declarations.get("font"))
        or _clipped(declarations)
        or any(_below(declarations.get(name), _OFF_SCREEN) for name in ("text-indent", "left", "top", "margin-left"))
        or _same_as_paper(declarations, style)
    )


def _tiny(size: str | None) -> bool:
    sizes = [part for part in (size or "").split() if part[:1].isdigit() or part[:1] == "."]
    if not sizes:
        return False
    relative = not sizes[-1].endswith(("px", "pt")) and not sizes[-1].partition("/")[0].endswith(("px", "pt"))
    return _below(sizes[-1], 0.1 if relative else _INVISIBLE_PIXELS)


def _clipped(declarations: Declarations) -> bool:
    if declarations.get("overflow") not in {"hidden", "clip"}:
        return False
    sizes = ("width", "height", "max-width", "max-height")
    return any(
        _below(declarations.get(name), _INVISIBLE_PIXELS) for name in sizes if "%" not in declarations.get(name, "")
    )


def _same_as_paper(declarations: Declarations, style: Style) -> bool:
    colour = _colour(declarations.get("color", ""))
    return bool(colour) and colour in {"transparent", _background(declarations) or style.background}


def _background(declarations: Declarations) -> str:
    shorthand = declarations.get("background", "")
    stated = declarations.get("background-color") or (shorthand if "(" in shorthand else shorthand.split(" ")[0])
    found = _colour(stated)
    return "" if found == "transparent" else found  # then what is beneath shows through


def _colour(text: str) -> str:
    """Return `white` for what is nearly white, `transparent` for what is nearly that, and others in one form."""
    plain = text.strip()
    if plain.replace(" ", "") == "hsl(0,0%,100%)":
        return "white"
    channels = _channels(plain)
    if channels is None:
        return plain
    *ink, alpha = channels
    if alpha <= _FAINT:
        return "transparent"
    return "white" if min(ink) >= _NEARLY_WHITE else "#" + "".join(f"{round(each):02x}" for each in ink)


def _channels(text: str) -> tuple[float, float, float, float] | None:
    """Return red, green and blue from 0 to 255, and alpha from 0 to 1, of a colour written in numbers."""
    if match := _HEX.fullmatch(text):
        digits = match[1] if len(match[1]) > len("rgba") else "".join(2 * each for each in match[1])
        red, green, blue, *alpha = (float(int(digits[at : at + 2], 16)) for at in range(0, len(digits), 2))
        return red, green, blue, alpha[0] / 255 if alpha else 1
    if match := _FUNCTION.fullmatch(text):
        parts = [part for part in re.split(r"[\s,/]+", match[1].strip()) if part]
        if len(parts) in (3, 4) and all(_PART.fullmatch(part) for part in parts):
            red, green, blue = (_part(each, 255) for each in parts[:3])
            return red, green, blue, _part(parts[3], 1) if parts[3:] else 1
    return None


def _part(text: str, whole: float) -> float:
    return float(text[:-1]) / 100 * whole if text.endswith("%") else float(text)


def _below(text: str | None, bound: float) -> bool:
    match = _NUMBER.match(text or "")
    return match is not None and float(match[1]) < bound


def _character(code: str) -> str:
    number = int(code, 16)
    return chr(number) if 0 < number < 0x110000 else "�"  # noqa: PLR2004 - the end of Unicode


def _outside_at_rules(css: str) -> str:
    # A rule within `@media print` says nothing about the screen, so that what is within braces of braces is left out.
    kept, depth, nested_from = [], 0, -1
    for part in re.split(r"([{}])", css):
        if part == "{":
            depth += 1
        elif part == "}":
            depth = max(0, depth - 1)
            if depth == nested_from:
                nested_from = -1
                continue
        elif nested_from < 0 and depth == 0 and "@" in part:
            nested_from = 0
        if nested_from < 0:
            kept.append(part)
    return "".join(kept)
