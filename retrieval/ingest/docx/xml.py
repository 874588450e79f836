"""From a part of a DOCX file to its elements: no DOCTYPE, so no entities; UTF-8; bounded in depth and number."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from retrieval.errors import SourceError

MAX_DEPTH: Final = 256
MAX_ELEMENTS: Final = 500_000
"""In all parts together: a book of some 500 pages."""

W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
"""Names of WordprocessingML, as written in trees; the strict variant's are translated into them."""
_STRICT = {
    "http://purl.oclc.org/ooxml/wordprocessingml/main": W[1:-1],
    "http://purl.oclc.org/ooxml/officeDocument/relationships": (
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    ),
}
_ENCODING = "a DOCX file in another encoding than UTF-8: open it and save it anew"
_UTF8 = {None, "utf-8", "utf8", "us-ascii", "ascii"}


@dataclass(slots=True)
class Reading:
    """Reads the parts of one file: what is left to be read, and which prefixes they bind."""

    elements: int = MAX_ELEMENTS
    prefixes: dict[str, set[str]] = field(default_factory=dict)
    """Each prefix with every namespace that it stands for somewhere."""
    _depth: int = 0

    def read(self, content: bytes) -> Element:
        """Return the root of a part. Raises `SourceError` and says what is wrong with it."""
        builder = TreeBuilder()
        parser = expat.ParserCreate("utf-8", "}")
        parser.buffer_text = True
        parser.XmlDeclHandler = _declared
        parser.StartDoctypeDeclHandler = _doctype
        parser.StartNamespaceDeclHandler = self._bind
        parser.StartElementHandler = lambda name, attributes: self._start(builder, name, attributes)
        parser.EndElementHandler = lambda name: self._end(builder, name)
        parser.CharacterDataHandler = builder.data
        self._depth = 0
        try:
            content.decode()  # expat would believe the first bytes of UTF-16
            parser.Parse(content, True)  # noqa: FBT003 - expat's way to say that this is all
            return builder.close()
        except UnicodeDecodeError:
            raise SourceError(_ENCODING) from None
        except (expat.ExpatError, AssertionError):
            message = "a damaged DOCX file, whose XML cannot be read: open it and save it anew"
            raise SourceError(message) from None

    def _bind(self, prefix: str | None, uri: str | None) -> None:
        self.prefixes.setdefault(prefix or "", set()).add(uri or "")

    def _start(self, builder: TreeBuilder, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self.elements -= 1
        if self._depth > MAX_DEPTH or self.elements < 0:
            message = "the DOCX file is nested too deeply, or too large: split it"
            raise SourceError(message)
        builder.start(_qualified(name), {_qualified(key): value for key, value in attributes.items()})

    def _end(self, builder: TreeBuilder, name: str) -> None:
        self._depth -= 1
        builder.end(_qualified(name))


def children(element: Element | None, *path: str) -> Iterator[Element]:
    """Yield the children of `element` along `path`, names of WordprocessingML."""
    found = [element] if element is not None else []
    for name in path:
        found = [child for each in found for child in each if child.tag == W + name]
    yield from found


def child(element: Element | None, *path: str) -> Element | None:
    """Return the first of `children`, or None."""
    return next(children(element, *path), None)


def value(element: Element | None, name: str = "val") -> str | None:
    """Return an attribute of WordprocessingML, or None."""
    return None if element is None else element.get(W + name)


def _qualified(name: str) -> str:
    uri, found, local = name.rpartition("}")
    return f"{{{_STRICT.get(uri, uri)}}}{local}" if found else name


def _declared(_: str, encoding: str | None, __: int) -> None:
    if (encoding and encoding.lower()) not in _UTF8:
        raise SourceError(_ENCODING)


def _doctype(*_: object) -> None:
    message = "a DOCX file with a DOCTYPE, which no office suite writes: it is not read"
    raise SourceError(message)
