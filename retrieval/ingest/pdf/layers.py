"""From a PDF's optional content to what its first view leaves out (ISO 32000-2, 8.11).

Read are the default configuration's base state with its lists, and membership by policy. Not read are visibility
expressions and what an application switches by usage (print, zoom, language): such content counts as shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, PdfObject

Reference = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layers:
    """Which groups of optional content are switched on when the document is opened."""

    off: frozenset[Reference]
    on: frozenset[Reference]
    shown: bool = True
    """Whether a group in neither list is on."""

    def hides(self, content: object) -> bool:
        """Return whether what belongs to `content`, a group or a membership dictionary, is not shown."""
        found = _resolved(content)
        if not isinstance(found, DictionaryObject):
            return False
        if found.get("/Type") != "/OCMD":
            return not self._shows(content)
        groups = [self._shows(each) for each in _members(found)]
        policy = {"/AllOn": all, "/AnyOff": _any_off, "/AllOff": _all_off}.get(str(found.get("/P")), any)
        return bool(groups) and not policy(groups)

    def _shows(self, group: object) -> bool:
        if not isinstance(group, IndirectObject):
            return self.shown
        reference = (group.idnum, group.generation)
        return reference not in self.off if self.shown else reference in self.on


def _any_off(shown: list[bool]) -> bool:
    return not all(shown)


def _all_off(shown: list[bool]) -> bool:
    return not any(shown)


def layers_of(root: DictionaryObject) -> Layers:
    """Return the layers of the document with the catalogue `root`."""
    properties = _resolved(root.get("/OCProperties"))
    default = _resolved(properties.get("/D")) if isinstance(properties, DictionaryObject) else None
    if not isinstance(default, DictionaryObject):
        return Layers(frozenset(), frozenset())
    off, on = (frozenset(_references(default.get(name))) for name in ("/OFF", "/ON"))
    return Layers(off, on, default.get("/BaseState") != "/OFF")


def _references(listed: object) -> Iterator[Reference]:
    found = _resolved(listed)
    for each in list.__iter__(found) if isinstance(found, ArrayObject) else ():
        if isinstance(each, IndirectObject):
            yield each.idnum, each.generation


def _members(membership: DictionaryObject) -> Iterator[object]:
    raw = membership.raw_get("/OCGs") if "/OCGs" in membership else None
    found = _resolved(raw)
    if isinstance(found, ArrayObject):
        yield from list.__iter__(found)
    elif raw is not None:
        yield raw


def _resolved(value: object) -> object:
    return value.get_object() if isinstance(value, PdfObject) else value
