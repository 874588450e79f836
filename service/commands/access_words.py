"""From access attributes to what an operator reads: words without their tenant, and a line for each access class."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from authz.resource import Attributes
from authz.schema import TENANT, AttributeTypes, plain_attributes
from retrieval.ingest.manifest_review import AccessClass

_LARGEST, _SMALLEST = 20, 10
"""Classes that are printed: the rest lies between."""


def words(attributes: Attributes, collections: frozenset[str], types: AttributeTypes) -> dict[str, str]:
    """Return what each attribute is, and the collections, in words."""
    plain = {**plain_attributes(types, attributes), "collections": sorted(collections)}
    return {name: _word(value) for name, value in plain.items() if name != TENANT}


def table(classes: Sequence[AccessClass], types: AttributeTypes) -> Iterator[str]:
    """Yield what most documents have, then a line for each of `classes` with what it has otherwise.

    Of very many, only the largest and the smallest have a line.
    """
    rows = [words(each.attributes, each.collections, types) for each in classes]
    names = [*types, "collections"]
    usual = dict(_usual(rows, classes, names))
    if usual:
        yield f"   usual  {_line(usual)}"
    last = max(_LARGEST, len(rows) - _SMALLEST)
    for number, (each, row) in enumerate(zip(classes, rows, strict=True)):
        if number < _LARGEST or number >= last:
            own = {name: row.get(name, "absent") for name in names if row.get(name) != usual.get(name)}
            example = f"  ({each.example})" if each.documents == 1 else ""
            yield f"{each.documents:>8,}  {_line(own) or 'as usual'}{example}"
        elif number == _LARGEST:
            between = classes[_LARGEST:last]
            yield f"{sum(one.documents for one in between):>8,}  in {len(between)} more classes; --json lists them"


def _usual(
    rows: Sequence[Mapping[str, str]], classes: Sequence[AccessClass], names: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield what more than half of all documents have of each attribute, if there is such a value."""
    total = sum(each.documents for each in classes)
    for name in names:
        counts: Counter[str] = Counter()
        for row, each in zip(rows, classes, strict=True):
            counts[row.get(name, "")] += each.documents
        word, count = counts.most_common(1)[0] if counts else ("", 0)
        if word and 2 * count > total:
            yield name, word


def _line(row: Mapping[str, str]) -> str:
    return "  ".join(f"{name} {word}" for name, word in row.items())


def _word(value: object) -> str:
    if isinstance(value, list):
        return ",".join(str(each).partition("/")[2] or str(each) for each in value) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
