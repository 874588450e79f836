"""From docs/threats.toml and the tests' own words to the tables of docs/threat-model.md.

Usage: python tools/threat_model.py [--check]

A test proves a threat by carrying its id at the start of its name (`test_j02_…`), in its docstring ("J-02: …",
"J-02." or "(J-02)") or in its decorators, or by being named in the list itself. With `--check` nothing is written:
drift, and an id that no threat has, are errors.
"""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREATS = ROOT / "docs" / "threats.toml"
DOCUMENT = ROOT / "docs" / "threat-model.md"
OPEN = "**open**"

_IN_NAME = re.compile(r"test_((?:[jlpra]\d\d_)+)")
_IN_DOCSTRING = re.compile(r"\b([JLPRA]-\d\d)(?=[:,;.)]| and\b)")
_IN_DECORATOR = re.compile(r"\b([JLPRA]-\d\d)\b")
_TestFunction = ast.FunctionDef | ast.AsyncFunctionDef


class DriftError(Exception):
    """The tests, the list of threats and the document do not agree; the message says where."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What `docs/threats.toml` says."""

    groups: Mapping[str, Mapping[str, str]]
    threats: Mapping[str, str]
    tests: Mapping[str, Sequence[str]]
    """By id, tests whose own text does not carry it, as `file::test`."""
    lists: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, order=True)
class Proof:
    """A test, by its file relative to the repository and its name."""

    path: str
    name: str


def main(arguments: Sequence[str]) -> int:
    """Write the tables, or check them; return the exit code."""
    if list(arguments) not in ([], ["--check"]):
        sys.stderr.write(__doc__ or "")
        return 2
    written = DOCUMENT.read_text(encoding="utf-8")
    try:
        expected = document(written, read_catalogue(), ROOT)
    except DriftError as error:
        sys.stderr.write(f"threat model: {error}\n")
        return 1
    if arguments and written != expected:
        sys.stderr.write("threat model: docs/threat-model.md is out of step; run `python tools/threat_model.py`\n")
        return 1
    if written != expected:
        DOCUMENT.write_text(expected, encoding="utf-8")
    return 0


def read_catalogue(path: Path = THREATS) -> Catalogue:
    """Return the catalogue in the TOML file at `path`."""
    plain = tomllib.loads(path.read_text(encoding="utf-8"))
    return Catalogue(plain["groups"], plain["threats"], plain["tests"], plain["lists"])


def document(text: str, catalogue: Catalogue, root: Path) -> str:
    """Return `text` with every generated part anew. Raises `DriftError` if a part's markers are not there once."""
    proofs = proofs_of(catalogue, root)
    parts = {group: _threats(group, catalogue, proofs) for group in catalogue.groups}
    parts["lists"] = _lists(catalogue.lists)
    parts["summary"] = _summary(catalogue, proofs)
    for name, part in parts.items():
        text = _with_part(text, name, part)
    return text


def proofs_of(catalogue: Catalogue, root: Path) -> dict[str, list[Proof]]:
    """Return, by id, the tests under `root` that prove it. Raises `DriftError` for an unknown id or a missing test."""
    proofs: dict[str, set[Proof]] = defaultdict(set)
    known: set[Proof] = set()
    for path in sorted((root / "tests").rglob("test_*.py")):
        relative = path.relative_to(root).as_posix()
        for function in _tests(ast.parse(path.read_text(encoding="utf-8"))):
            proof = Proof(relative, function.name)
            known.add(proof)
            for id_ in ids_of(function):
                proofs[id_].add(proof)
    for id_, named in catalogue.tests.items():
        proofs[id_] |= _named(named, known)
    for id_ in sorted(proofs.keys() - catalogue.threats.keys()):
        places = ", ".join(f"{proof.path}::{proof.name}" for proof in sorted(proofs[id_]))
        message = f"no threat has the id {id_}, which stands in {places}"
        raise DriftError(message)
    return {id_: sorted(found) for id_, found in proofs.items()}


def ids_of(function: _TestFunction) -> frozenset[str]:
    """Return the ids in a test's name, docstring and decorators."""
    start = _IN_NAME.match(function.name)
    in_name = [f"{each[0].upper()}-{each[1:]}" for each in start[1].split("_") if each] if start else []
    decorators = "\n".join(ast.unparse(each) for each in function.decorator_list)
    in_docstring = _IN_DOCSTRING.findall(ast.get_docstring(function) or "")
    return frozenset([*in_name, *in_docstring, *_IN_DECORATOR.findall(decorators)])


def _with_part(text: str, name: str, part: str) -> str:
    start, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
    before, found_start, rest = text.partition(start)
    _, found_end, after = rest.partition(end)
    if not found_start or not found_end or start in after:
        message = f"docs/threat-model.md needs one part between the markers of {name}"
        raise DriftError(message)
    return f"{before}{start}{part}{end}{after}"


def _tests(module: ast.Module) -> Iterator[_TestFunction]:
    for node in ast.walk(module):
        if isinstance(node, _TestFunction) and node.name.startswith("test_"):
            yield node


def _named(named: Iterable[str], known: set[Proof]) -> set[Proof]:
    found = {Proof(*each.split("::", 1)) for each in named}
    for proof in sorted(found - known):
        message = f"docs/threats.toml names {proof.path}::{proof.name}, and there is no such test"
        raise DriftError(message)
    return found


def _threats(group: str, catalogue: Catalogue, proofs: Mapping[str, Sequence[Proof]]) -> str:
    lines = [catalogue.groups[group]["text"], "", "| id | what must hold | proved by |", "|---|---|---|"]
    for id_, behaviour in catalogue.threats.items():
        if id_.startswith(f"{group}-"):
            lines.append(f"| {id_} | {behaviour} | {_cell(proofs.get(id_, ()))} |")
    return "\n".join(lines) + "\n"


def _cell(proofs: Sequence[Proof]) -> str:
    by_file: dict[str, list[str]] = defaultdict(list)
    for proof in proofs:
        by_file[proof.path].append(f"`{proof.name}`")
    cells = (f"[{Path(path).name}](../{path}): {', '.join(names)}" for path, names in by_file.items())
    return "; ".join(cells) or OPEN


def _summary(catalogue: Catalogue, proofs: Mapping[str, Sequence[Proof]]) -> str:
    missing = [id_ for id_ in catalogue.threats if not proofs.get(id_)]
    total = len(catalogue.threats)
    return f"{total - len(missing)} of {total} behaviours are proved by tests; open: {', '.join(missing) or 'none'}.\n"


def _lists(lists: Sequence[Mapping[str, object]]) -> str:
    lines: list[str] = []
    for each in lists:
        lines += [f"### {each['title']}", "", "| id | about | where it is handled |", "|---|---|---|"]
        rows = each["rows"]
        lines += [f"| {' | '.join(row)} |" for row in rows] if isinstance(rows, list) else []
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
