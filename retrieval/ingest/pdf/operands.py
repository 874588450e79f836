"""Operands and dictionaries of a PDF as they are used here: what is missing or of another type is left out.

Viewers skip an operator whose operands do not fit it; so does what reads them here.
"""

from collections.abc import Iterable, Sequence

from pypdf.generic import ArrayObject, DictionaryObject, PdfObject

from retrieval.ingest.pdf.geometry import IDENTITY, Matrix

Operands = Sequence[object]


def numbers(operands: Iterable[object]) -> list[float]:
    """Return the numbers among `operands`."""
    return [float(each) for each in operands if isinstance(each, int | float)]


def matrix(operands: Iterable[object]) -> Matrix | None:
    """Return the six numbers that `operands` are, None if they are others."""
    found = numbers(operands)
    return (found[0], found[1], found[2], found[3], found[4], found[5]) if len(found) == len(IDENTITY) else None


def resolved(value: object) -> object:
    """Return what `value` refers to."""
    return value.get_object() if isinstance(value, PdfObject) else value


def items(value: object) -> list[object]:
    """Return what an array holds, each resolved; nothing of anything else."""
    found = resolved(value)
    return [resolved(each) for each in list.__iter__(found)] if isinstance(found, ArrayObject) else []


def dictionary(value: object) -> DictionaryObject:
    """Return the dictionary (or stream) that `value` is, an empty one for anything else."""
    found = resolved(value)
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def named(resources: DictionaryObject, kind: str, operands: Operands) -> object:
    """Return what `resources` hold of that `kind` under the name that comes first, unresolved; None if nothing."""
    names = dictionary(resources.get(kind))
    name = operands[0] if operands else None
    return names.raw_get(name) if isinstance(name, str) and name in names else None
