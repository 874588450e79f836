"""What a policy compares a document with: literals read from Cedar's nodes, and the refusals with their mends."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any as Unknown

from authz.engine import pst
from authz.errors import ResourceError, UncompilableError
from authz.resource import check_text
from authz.schema import to_milliseconds

RESOURCE = pst.Var("resource")
"""The document that a policy is about."""


def mentions_resource(node: object) -> bool:
    """Return whether the resource occurs anywhere under the expression `node`."""
    stack: list[Unknown] = [node]
    while stack:
        value = stack.pop()
        if value == RESOURCE:
            return True
        if isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, tuple):
            stack.extend(value)
        elif is_dataclass(value):
            stack.extend(getattr(value, field.name) for field in fields(value))
    return False


def checked(text: str) -> str:
    """Refuse a literal that no attribute can equal, before an engine reads it in a way of its own."""
    try:
        check_text(text)
    except ResourceError as error:
        message = f"a literal cannot be asked of an index: {error}"
        raise UncompilableError(message) from error
    return text


def parts_of(pattern: tuple[pst.PatternElem, ...]) -> tuple[str, ...]:
    """Return the literal parts of a `like` pattern: any text stands between each two."""
    parts = [""]
    for element in pattern:
        if isinstance(element, pst.Char):
            parts[-1] += element.value
        else:
            parts.append("")
    return tuple(parts)


def instant(expr: pst.Expr) -> int:
    """Fold a datetime literal, or the offset from the epoch as which Cedar prints a computed one, to milliseconds."""
    match expr:
        case pst.UnaryOp("datetime", pst.StringLit(text)):
            try:
                return to_milliseconds(datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00Z"))
            except (ValueError, TypeError) as error:
                raise refusal(expr, "datetime") from error
        case pst.BinaryOp("offset", base, pst.UnaryOp("duration", pst.StringLit(text))) if text.endswith("ms"):
            try:
                return instant(base) + int(text[:-2])
            except ValueError as error:
                raise refusal(expr, "duration") from error
        case _:
            raise refusal(expr, "datetime")


_ADVICE = {
    "add": "compute the sum when the document is labelled, and compare the stored attribute",
    "sub": "compute the difference when the document is labelled, and compare the stored attribute",
    "mul": "compute the product when the document is labelled, and compare the stored attribute",
    "get_tag": "declare an attribute instead of a tag",
    "has_tag": "declare an attribute instead of a tag",
    "GetAttr": "an index holds a document's own attributes only: copy what you need onto the document",
    "HasAttr": "ask for one attribute of the document itself",
    "Like": "match a single string attribute of the document itself",
    "eq": "compare one attribute of the document with something known; name a collection instead of one document",
    "in": 'write "principal in resource.<set of groups>" or "resource in Collection::…"',
    "resource in": "only collections hold documents",
}


def culprit(expr: pst.BinaryOp) -> pst.Expr:
    """Return the operand that computes with the document, if one does: the advice is about that."""
    for side in (expr.left, expr.right):
        if mentions_resource(side) and side != RESOURCE and not _is_attribute(side):
            return side
    return expr


def _is_attribute(expr: pst.Expr) -> bool:
    return isinstance(expr, pst.GetAttr) and expr.base == RESOURCE


def refusal(expr: pst.Expr, operator: str | None = None) -> UncompilableError:
    """Return the error that names the operator of `expr`, and what to write instead."""
    name = operator or (expr.op if isinstance(expr, pst.BinaryOp | pst.UnaryOp) else type(expr).__name__)
    advice = _ADVICE.get(name, "compare one attribute of the document with something known")
    return UncompilableError(f'operator "{name}" cannot be asked of an index; {advice}')
