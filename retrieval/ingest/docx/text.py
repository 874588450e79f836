"""From a DOCX file's bytes to HTML of its visible text, by mammoth, which gets a file made anew from checked parts.

Not read are deleted text of tracked changes, comments, headers and footers, images, embedded files, formulas, and what
a link leads to. docx/hidden.py says which text counts as hidden. Macros are refused with their file (sniff.py): they
would not run here, but a reader could be shown what they wrote.
"""

import io
import zipfile
from typing import Final
from xml.etree import ElementTree as ET

import mammoth  # type: ignore[import-untyped]  # it has no types

from retrieval.errors import SourceError
from retrieval.ingest.docx.hidden import Sight
from retrieval.ingest.docx.look import read_styles
from retrieval.ingest.docx.package import Parts, read_package

_TYPES: Final = b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
_MAP: Final = "p[style-name='Title'] => h1:fresh"


def html_of_docx(content: bytes) -> str:
    """Return the visible text of a DOCX file as HTML. Raises `SourceError` and says what to do.

    Raises `RecursionError` and `MemoryError` for what is nested too deeply or too large.
    """
    parts = read_package(content)
    try:
        _keep_visible(parts)
        converted = mammoth.convert_to_html(_package(parts), style_map=_MAP, include_embedded_style_map=False)
    except (SourceError, RecursionError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - mammoth does not say what it raises for a file that breaks the format's rules
        message = "a damaged DOCX file: open it and save it anew"
        raise SourceError(message) from None
    return str(converted.value)


def _keep_visible(parts: Parts) -> None:
    sight = Sight(read_styles(parts.others.get("styles")), parts.prefixes)
    for part in (parts.main, *(parts.others[name] for name in ("footnotes", "endnotes") if name in parts.others)):
        sight.keep_visible(part)


def _package(parts: Parts) -> io.BytesIO:
    """Return a file of `parts` alone, where mammoth looks for them if no relationship leads it elsewhere."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        for name, part in {"document": parts.main, **parts.others}.items():
            archive.writestr(f"word/{name}.xml", ET.tostring(part, "utf-8"))
    file.seek(0)
    return file
