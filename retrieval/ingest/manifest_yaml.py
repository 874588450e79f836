"""From YAML text to plain values that know their lines: a small part of YAML, in which nothing is guessed.

Refused: anchors and aliases, tags, duplicate keys, several documents, nesting deeper than a manifest needs, and every
plain scalar that YAML would turn into something else than text, a whole number, `true` or `false`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

import yaml

MAX_BYTES = 4 << 20
MAX_DEPTH = 6

Plain = bool | int | str

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_TEXT = "quote it if it is a text"
_MENDS = {
    "timestamp": ("an instant without quotes", 'write it in quotes, like "2027-03-01T09:00:00.000Z"'),
    "bool": ("a word that some take for true or false", f"write true or false; {_TEXT}"),
    "null": ("a value is missing", "write {}, [] or the value"),
    "int": ("not a whole number as it is written here", f"write decimal digits; {_TEXT}"),
    "float": ("not a whole number", f"write it without a fraction; {_TEXT}"),
    "merge": ("merge keys are not read", "write the values out"),
}
_OTHER = ("neither a text nor a whole number, true or false", _TEXT)


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line on which it begins, from 1."""

    line: int
    value: "Plain | list[Node] | dict[str, tuple[int, Node]]"
    """A mapping holds for each key its line and its value."""

    def plain(self) -> object:
        """Return the value without its lines."""
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        if isinstance(self.value, dict):
            return {key: each.plain() for key, (_, each) in self.value.items()}
        return self.value


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong on a line, of which folder or document if it is of one, and what to write instead."""

    line: int
    text: str
    instead: str | None = None
    entry: str | None = None

    def __str__(self) -> str:
        """Return it as one line, without the number of its own."""
        about = "" if self.entry is None else f'"{self.entry}": '
        return f"{about}{self.text}{f'; {self.instead}' if self.instead else ''}"


def read_yaml(content: bytes) -> tuple[Node | None, list[Complaint]]:
    """Return the one document in `content` (None if it is not YAML of the kind that is read), and what is wrong."""
    if len(content) > MAX_BYTES:
        return None, [Complaint(1, f"at most {MAX_BYTES:,} bytes are read", "state by folder what documents share")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [Complaint(line, f"not UTF-8 at byte {error.start}")]
    try:
        reader = _Reader(yaml.SafeLoader(text))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return None, [Complaint(line, "characters that YAML does not allow")]
    return reader.read(), reader.complaints


class _UnreadableError(Exception):
    """Nothing of the file can be read, whatever follows; what is wrong was complained of."""


class _Reader:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        # The stubs leave it untyped; it tells what a plain scalar would become.
        self._resolve: Callable[[type, str, object], str] = loader.resolve
        self._events: Iterator[yaml.Event] = iter(loader.get_event, None)
        self.complaints: list[Complaint] = []

    def read(self) -> Node | None:
        """Return the one document, or None."""
        try:
            return self._document()
        except _UnreadableError:
            return None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            self._complain(line, error.problem or "not YAML")
        except (yaml.YAMLError, ValueError, OverflowError):  # an escape beyond Unicode is none of YAML's own errors
            self._complain(1, "characters that YAML does not allow")
        return None

    def _document(self) -> Node:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._stop(1, "the file is empty")
        root = self._node(next(self._events), 0)
        next(self._events)
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            self._stop(_line(following), "one document only")
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._stop(line, "anchors and aliases are not read", "write the value out")
        if depth > MAX_DEPTH:
            self._stop(line, "nested too deeply")
        if isinstance(event, yaml.ScalarEvent):
            return Node(line, self._scalar(event))
        if getattr(event, "tag", None) is not None:
            self._complain(line, "tags are not read")
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(line, list(self._items(depth)))
        return Node(line, self._mapping(depth))

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, depth: int) -> dict[str, tuple[int, Node]]:
        found: dict[str, tuple[int, Node]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line, key = _line(event), self._node(event, depth + 1).value
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, str):
                self._complain(line, "a key is a text", "quote it")
            elif key in found:
                self._complain(line, f'"{key}" stands here twice; first on line {found[key][0]}')
            else:
                found[key] = (line, value)
        return found

    def _scalar(self, event: yaml.ScalarEvent) -> Plain:
        line, text = _line(event), event.value
        if event.tag is not None:
            self._complain(line, "tags are not read")
            return text
        tag = self._resolve(yaml.ScalarNode, text, event.implicit).rpartition(":")[2]
        if tag == "bool" and text in {"true", "false"}:
            return text == "true"
        if tag == "int" and _WHOLE.fullmatch(text):
            return int(text)
        if tag != "str":
            self._complain(line, *_MENDS.get(tag, _OTHER))
        return text

    def _complain(self, line: int, text: str, instead: str | None = None) -> None:
        self.complaints.append(Complaint(line, text, instead))

    def _stop(self, line: int, text: str, instead: str | None = None) -> NoReturn:
        self._complain(line, text, instead)
        raise _UnreadableError


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
