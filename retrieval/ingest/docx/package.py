"""From a DOCX file's bytes to the parts that hold its text, after a look at the archive: nothing else is unpacked."""

import io
import posixpath
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from retrieval.errors import SourceError
from retrieval.ingest.docx.xml import Reading

MAX_ENTRIES: Final = 4_000
MAX_PART: Final = 24 << 20
"""Bytes of one part that is read, unpacked."""
MAX_PARTS: Final = 32 << 20
"""Bytes of all parts that are read, unpacked."""
MAX_DECLARED: Final = 512 << 20
"""Bytes that the archive says to hold, images and all."""
MAX_RATIO: Final = 250
"""How many times larger a large entry may become: XML gets twenty to fifty times smaller, a bomb a thousand times."""

_LARGE = 1 << 20
_ENCRYPTED = 0x1
_MAIN = "/officeDocument"
_WANTED = ("styles", "numbering", "footnotes", "endnotes")
_TARGET = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


@dataclass(frozen=True, slots=True)
class Parts:
    """The main part of a document, and those beside it, by what they are: styles, numbering, footnotes, endnotes."""

    main: Element
    others: Mapping[str, Element]
    prefixes: Mapping[str, set[str]]


def read_package(content: bytes) -> Parts:
    """Return the parts of a DOCX file. Raises `SourceError` and says what is wrong with the archive or its XML."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _parts(_Archive(archive, _checked(archive.infolist())))
    except (SourceError, RecursionError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - zipfile raises many kinds for damaged archives, and some hold names within them
        message = "a damaged DOCX file, whose archive cannot be read: open it and save it anew"
        raise SourceError(message) from None


@dataclass(slots=True)
class _Archive:
    zip: zipfile.ZipFile
    entries: Mapping[str, zipfile.ZipInfo]
    """By name, in lower case: names of parts are the same in any case (ECMA-376, part 2, 6.2.2.3)."""
    left: int = MAX_PARTS

    def read(self, name: str) -> bytes | None:
        entry = self.entries.get(name.lower())
        if entry is None:
            return None
        with self.zip.open(entry) as file:
            content = file.read(min(MAX_PART, self.left) + 1)
        self.left -= len(content)
        if len(content) > MAX_PART or self.left < 0:
            message = f"the text of the DOCX file unpacks to more than {MAX_PART >> 20} MiB: split it"
            raise SourceError(message)
        return content


def _checked(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    by_name = {entry.filename.lower(): entry for entry in entries}
    flaw = None
    if len(entries) > MAX_ENTRIES:
        flaw = f"more than {MAX_ENTRIES:,} entries"
    elif len(by_name) < len(entries):
        flaw = "two entries of one name"
    elif any(entry.flag_bits & _ENCRYPTED for entry in entries):
        flaw = "encrypted entries"
    elif any(not _is_inside(entry.filename) for entry in entries):
        flaw = "names that lead out of it"
    elif sum(entry.file_size for entry in entries) > MAX_DECLARED or any(map(_is_bomb, entries)):
        flaw = "entries that unpack to far more than a document holds"
    if flaw is not None:
        message = f"the archive of the DOCX file has {flaw}: open it and save it anew"
        raise SourceError(message)
    return by_name


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and "\\" not in name and ":" not in name and ".." not in name.split("/")


def _is_bomb(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size > _LARGE and entry.file_size > MAX_RATIO * max(1, entry.compress_size)


def _parts(archive: _Archive) -> Parts:
    reading = Reading()
    mains = [target for kind, target in _related(archive, "", reading) if kind.endswith(_MAIN)]
    content = archive.read(mains[0]) if len(mains) == 1 else None
    if content is None:
        message = "a DOCX file without exactly one main part: open it and save it anew"
        raise SourceError(message)
    main = reading.read(content)
    others = {}
    for kind, target in _related(archive, mains[0], reading):
        name = kind.rpartition("/")[2]
        if name in _WANTED and name not in others and (content := archive.read(target)) is not None:
            others[name] = reading.read(content)
    return Parts(main, others, reading.prefixes)


def _related(archive: _Archive, part: str, reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield the kinds and names of the parts that `part`, or the package, refers to."""
    folder, name = posixpath.split(part)
    content = archive.read(posixpath.join(folder, "_rels", f"{name}.rels"))
    for each in reading.read(content).iter(_TARGET) if content is not None else ():
        if each.get("TargetMode") != "External":
            yield (
                each.get("Type", ""),
                posixpath.normpath(posixpath.join("/", folder, each.get("Target", ""))).lstrip("/"),
            )
