"""From a prompt to its question and its sentences: the smallest parts of a passage that can answer on their own."""

import html
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SENTENCE = 400
"""Characters of one sentence; text without full stops is cut at spaces."""

# The template escapes every `<` and quote of titles, texts and question, so that no text can close a tag or open one.
_PASSAGE = re.compile(r'<passage n="(\d{1,4})" title="([^"<]*)">([^<]*)</passage>')
_QUESTION = re.compile(r"<question>([^<]*)</question>\s*\Z")

_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s+(.*)")
_ROW = re.compile(r"\s*\|(.*)\|\s*")
_RULE = re.compile(r"[\s|:=*_-]+|\s*(?:```|~~~).*")
_MARKS = re.compile(r"\*\*|__|`")
_FORGED = re.compile(r"\[(\d+)\]")

_END = re.compile(r"(?<=[.!?])[\"')\]\u201d\u2019]*\s+(?=[^\sa-z])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|approx|ca|cf|Dr|Mr|Mrs|Ms|Prof|St|No|Nos|Art|Fig|Sec|Inc|Ltd)|\b[A-Z])\.$"
)
_LONGEST = 8
"""Characters that tell an abbreviation: the longest, with its full stop and what stands before it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, list item or table row as it will be quoted, and what stands above it."""

    passage: int
    text: str
    context: str
    """The passage's title, the heading, and the words that lead into a list or the table's head."""


def question_of(prompt: str) -> str:
    """Return the question that ends `prompt`; empty if there is none."""
    found = _QUESTION.search(prompt)
    return html.unescape(found[1]).strip() if found else ""


def sentences_of(prompt: str) -> list[Sentence]:
    """Return the sentences of all passages in `prompt`, in its order."""
    return [
        sentence
        for number, title, text in _PASSAGE.findall(prompt)
        for sentence in _sentences(int(number), html.unescape(title), html.unescape(text))
    ]


def _sentences(passage: int, title: str, text: str) -> Iterator[Sentence]:
    heading, lead, last = "", "", ""
    for kind, block in _blocks(text):
        if kind == "heading":
            heading, lead, last = block, "", kind
            continue
        if kind == "row" and last != "row":
            lead = ""
        above = lead if kind in {"item", "row"} else ""
        context = ". ".join(part for part in (title, heading if heading != title else "", above) if part)
        for sentence in _split(block, whole=kind == "row"):
            yield Sentence(passage, sentence, context)
        if kind == "text" or not lead:
            lead = block if kind == "row" or block.endswith(":") else ""
        last = kind


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield headings, list items, table rows and paragraphs, each as one line without Markdown's marks."""
    kind, lines = "text", list[str]()
    for line in [*text.splitlines(), ""]:
        starts, content = _classify(line)
        if starts and lines:
            yield kind, _plain(" ".join(lines))
            kind, lines = "text", []
        if starts and content:
            kind = starts
        if content:
            lines.append(content)
        if kind in {"heading", "row"} and lines:
            yield kind, _plain(" ".join(lines))
            kind, lines = "text", []


def _classify(line: str) -> tuple[str, str]:
    """Return which kind of block `line` starts (nothing if it continues one) and its content."""
    if not line.strip() or _RULE.fullmatch(line):
        return "text", ""
    if found := _HEADING.fullmatch(line):
        return "heading", found[1].strip("# ")
    if found := _ROW.fullmatch(line):
        return "row", " | ".join(cell.strip() for cell in found[1].split("|"))
    if found := _ITEM.fullmatch(line):
        return "item", found[1]
    return "", line.strip()


def _plain(text: str) -> str:
    """Return `text` without emphasis, and with what looks like a citation made harmless: only the answer cites."""
    return " ".join(_FORGED.sub(r"(\1)", _MARKS.sub("", text)).split())


def _split(block: str, *, whole: bool) -> list[str]:
    if whole:
        return [block[:MAX_SENTENCE]]
    parts, start = list[str](), 0
    for end in _END.finditer(block):
        if not _ABBREVIATION.search(block[max(start, end.start() - _LONGEST) : end.start()]):
            parts.append(block[start : end.end()].strip())
            start = end.end()
    parts.append(block[start:].strip())
    return [piece for part in parts if part for piece in textwrap.wrap(part, MAX_SENTENCE)]
