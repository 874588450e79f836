"""From HTML to readable text: what a reader would see, with headings and lists as in Markdown."""

import re
from collections.abc import Iterator
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.errors import SourceError
from retrieval.ingest.hidden import Style, is_hidden, paper, read_sheet

MAX_TAGS = 20_000
"""Deeply nested elements cost the parser quadratic time: this many nested ones took 2 s."""

_BLOCK_NAMES = """
    address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form
    header hr html legend main menu nav ol p pre section summary table tbody tfoot thead ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HEADINGS = {f"h{level}": "\n\n" + "#" * level + " " for level in range(1, 7)}
_BEFORE = _HEADINGS | {"li": "\n- ", "tr": "\n", "br": "\n"}
_AFTER = dict.fromkeys(_HEADINGS, "\n\n") | {"td": " | ", "th": " | "}
_PREFORMATTED = frozenset({"pre", "textarea"})
_SPACE = re.compile(r"[ \t\r\n\f]+")
_CELLS = frozenset({"td", "th"})
_TAG = re.compile(r"<[a-zA-Z]")


def text_of_html(html: str, most: int = MAX_TAGS) -> str:
    """Return what a reader of `html` would see. Raises `SourceError` if it has more than `most` tags."""
    pieces = []
    for step, node, preformatted in _visible(_parsed(html, most)):
        tag = node.tag or ""
        if step == "text":
            text = node.text_content or ""
            pieces.append(text if preformatted else _SPACE.sub(" ", text))
        elif tag == "p" and node.parent is not None and node.parent.tag in _CELLS:
            pieces.append(" " if step == "enter" and node.prev is not None else "")  # a row stays one line
        else:
            pieces.append("\n\n" if tag in _BLOCKS else (_BEFORE if step == "enter" else _AFTER).get(tag, ""))
    return _tidy("".join(pieces))


def visible_source(source: str) -> str:
    """Return Markdown `source` without its HTML tags and what they hide, its white space kept.

    Raises `SourceError` if it has more than `MAX_TAGS` tags.
    """
    pieces = []
    for step, node, _ in _visible(_parsed(source)):
        tag = node.tag or ""
        if step == "text":
            pieces.append(node.text_content or "")
        elif step == "enter":
            pieces.append(_BEFORE.get(tag, "").lstrip("\n") if tag in _HEADINGS else "\n" if tag == "br" else "")
    return "".join(pieces)


def _tidy(text: str) -> str:
    plain = re.sub(r"[ \t]+(?=\n)|(?<=\n)[ \t]+(?=\n)", "", text)
    plain = re.sub(r"(?: \|)+(?=\n|\Z)", "", plain)
    return re.sub(r"\n{3,}", "\n\n", plain)


def _parsed(html: str, most: int = MAX_TAGS) -> LexborHTMLParser:
    if sum(1 for _ in _TAG.finditer(html)) > most:
        message = f"more than {most:,} HTML tags: split the document"
        raise SourceError(message)
    return LexborHTMLParser(html)


Step = Literal["enter", "text", "leave"]


def _visible(tree: LexborHTMLParser) -> Iterator[tuple[Step, LexborNode, bool]]:
    """Yield text nodes, and elements before and after their children; not what is hidden; bool: within `<pre>`."""
    sheet = read_sheet("\n".join(node.text() for node in tree.css("style")))
    stack: list[tuple[LexborNode, Style, bool, bool]] = [(tree.root, Style(), False, False)] if tree.root else []
    # A stack of our own: nesting is as deep as the author likes.
    while stack:
        node, style, preformatted, left = stack.pop()
        if left:
            yield "leave", node, preformatted
        elif node.is_text_node:
            yield "text", node, preformatted
        elif node.is_element_node and not is_hidden(node.tag or "", node.attributes, sheet, style):
            yield "enter", node, preformatted
            stack.append((node, style, preformatted, True))
            beneath, within = paper(node.attributes, style), preformatted or node.tag in _PREFORMATTED
            children = [(child, beneath, within, False) for child in node.iter(include_text=True)]
            stack.extend(reversed(children))
