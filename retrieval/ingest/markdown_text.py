"""From Markdown to its text as written, without front matter, HTML tags, and what these hide.

Code is kept as it stands, so that documents may show HTML. Everything else goes through the same HTML parser as
whole pages do: an element that hides what follows does so over any number of Markdown blocks.
"""

import re
from html import escape
from itertools import groupby

from markdown_it import MarkdownIt
from markdown_it.common.html_re import open_tag

from retrieval.ingest.html_text import visible_source

_FRONT_MATTER = re.compile(r"---[ \t]*\n(?=[\w-]+[ \t]*:).*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_CODE_SPAN = r"(?<![`\\])(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).){1,500}?(?<!`)(?P=ticks)(?!`)"
_MARKUP = re.compile(rf"(?P<code>{_CODE_SPAN})|(?P<escaped>\\<)|(?P<angle><)|&(?!#?\w{{1,32}};)", re.DOTALL)
_OPEN_TAG = re.compile(open_tag)
_BEGINNING = 20_000
_PLACEHOLDER = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)>")
_OTHER_MARKUP = re.compile(r"</[a-zA-Z]|<!|<\?")
_KIND = {"fence": "code", "code_block": "code", "html_block": "html"}

_ELEMENT_NAMES = """
    a abbr acronym address area article aside audio b base bdi bdo big blockquote body br button canvas caption
    center cite code col colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset figcaption
    figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd
    label legend li link main map mark marquee math menu meta meter nav nobr noembed noframes noscript object ol
    optgroup option output p param picture pre progress q rp rt ruby s samp script search section select slot small
    source span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title
    tr track tt u ul var video wbr
"""
_ELEMENTS = frozenset(_ELEMENT_NAMES.split())


def text_of_markdown(source: str) -> str:
    """Return the text of Markdown `source`, lines ended by line feeds. Raises `SourceError` for too many HTML tags."""
    front = _FRONT_MATTER.match(source)
    body = source[front.end() :] if front else source
    if "<" not in body:
        return body
    lines = body.split("\n")
    kinds = _kinds(body, len(lines))
    pieces = []
    for kind, group in groupby(range(len(lines)), kinds.__getitem__):
        text = "\n".join(lines[number] for number in group)
        pieces.append(escape(text, quote=False) if kind == "code" else text if kind == "html" else _prose(text))
    # In a `<div>`, so that the parser keeps the white space at the beginning.
    return visible_source("<div>" + "\n".join(pieces))


def heading(text: str) -> str | None:
    """Return the text of the first heading near the beginning of Markdown `text`, without its markup, or None."""
    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    tokens = iter(parser.parse(text[:_BEGINNING]))
    for token in tokens:
        if token.type == "heading_open" and (words := _words(next(tokens).content)):
            return words
    return None


def _words(inline: str) -> str:
    (token,) = MarkdownIt("commonmark").parseInline(inline)
    kept = (" " if child.type.endswith("break") else child.content for child in token.children or ())
    return " ".join("".join(kept).split())


def _kinds(body: str, lines: int) -> list[str]:
    kinds = ["prose"] * lines
    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    for token in parser.parse(body):
        if token.map and token.type in _KIND:
            kinds[slice(*token.map)] = [_KIND[token.type]] * (token.map[1] - token.map[0])
    return kinds[:lines]


def _prose(text: str) -> str:
    return _MARKUP.sub(_markup, text)


def _markup(match: re.Match[str]) -> str:
    """Return what an HTML parser reads as CommonMark would read what `match` found (its chapters 2.4, 6.1 and 6.6)."""
    if match["code"]:
        return escape(match["code"], quote=False)
    if match["escaped"]:
        return "\\&lt;"
    if not match["angle"]:
        return "&amp;"
    placeholder = _PLACEHOLDER.match(match.string, match.start())
    if placeholder and placeholder[1].lower() not in _ELEMENTS:
        return "&lt;"
    if _OPEN_TAG.match(match.string, match.start()) or _OTHER_MARKUP.match(match.string, match.start()):
        return "<"
    return "&lt;"
