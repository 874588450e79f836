"""From YAML text to plain values that know their lines: a small part of YAML, in which nothing is guessed.

Refused: anchors and aliases, tags, duplicate keys, several documents, nesting deeper than a manifest needs, and every
plain scalar that YAML would turn into something else than text, a whole number, `true` or `false`.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

from retrieval.errors import SourceError

MAX_BYTES = 4 << 20
MAX_DEPTH = 6

Plain = bool | int | str

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_MENDS = {
    "timestamp": 'an instant is written in quotes, like "2027-03-01T09:00:00.000Z"',
    "bool": "write true or false; quote it if it is a text",
    "null": "a value is missing; write {}, [] or the value",
    "int": "a whole number is written in decimal digits; quote it if it is a text",
    "float": "a whole number has no fraction; quote it if it is a text",
    "merge": "merge keys are not read; write the values out",
    "value": "quote it if it is a text",
}


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
    """What is wrong on a line."""

    line: int
    text: str


def read_yaml(content: bytes) -> tuple[Node, list[Complaint]]:
    """Return the one document in `content`, and what is wrong with its values.

    Raises `SourceError` if it is no YAML of the kind that is read at all.
    """
    if len(content) > MAX_BYTES:
        message = f"{len(content):,} bytes; at most {MAX_BYTES:,} are read"
        raise SourceError(message)
    try:
        reader = _Reader(yaml.SafeLoader(content.decode("utf-8-sig")))
        return reader.document(), reader.complaints
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}"
        raise SourceError(message) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = f"line {line}: {error.problem or 'not YAML'}"
        raise SourceError(message) from error
    except yaml.YAMLError as error:
        message = "not YAML: it holds characters that YAML does not allow"
        raise SourceError(message) from error


class _Reader:
    def __init__(self, loader: yaml.SafeLoader) -> None:
        # The stubs leave it untyped; it tells what a plain scalar would become.
        self._resolve: Callable[[type, str, object], str] = loader.resolve
        self._events: Iterator[yaml.Event] = iter(loader.get_event, None)
        self.complaints: list[Complaint] = []

    def document(self) -> Node:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            message = "line 1: the file is empty"
            raise SourceError(message)
        root = self._node(next(self._events), 0)
        next(self._events)
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            message = f"line {_line(following)}: one document only"
            raise SourceError(message)
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            message = f"line {line}: anchors and aliases are not read; write the value out"
            raise SourceError(message)
        if depth > MAX_DEPTH:
            message = f"line {line}: nested too deeply"
            raise SourceError(message)
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
                self._complain(line, "a key is a text; quote it")
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
            self._complain(line, _MENDS.get(tag, "quote it if it is a text"))
        return text

    def _complain(self, line: int, text: str) -> None:
        self.complaints.append(Complaint(line, text))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
