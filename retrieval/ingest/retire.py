"""From a document to its tombstone: the registry first, so that no door opens any more, then every copy."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from authz.resource import EntityId
from authz.schema import to_milliseconds
from retrieval.document import DocumentRecord
from retrieval.errors import ConflictError, SearchUnavailableError, SourceError
from retrieval.ingest.destination import Destination, floor, forget, traces
from retrieval.ingest.source import Write

Step = Literal["registry", "index", "vectors and digests", "probe"]


@dataclass(frozen=True, slots=True)
class Retirement:
    """The tombstone, and the steps done, in order."""

    record: DocumentRecord
    steps: tuple[Step, ...]


def retire(document: EntityId, actor: str, to: Destination) -> Retirement:
    """Remove `document` from registry, index and vectors, leaving a tombstone; doing it again repeats every removal.

    A conflict with another writer is tried once more. Raises `SourceError` if the registry does not know it,
    `SearchUnavailableError` if the index still holds it afterwards, `ConflictError`, and what `to` raises.
    """
    try:
        record = _tombstone(document, actor, to)
    except ConflictError:
        record = _tombstone(document, actor, to)
    done: list[Step] = ["registry"]
    steps: tuple[tuple[Step, Callable[[DocumentRecord, Destination], None]], ...] = (
        ("index", _unindex),
        ("vectors and digests", _forget),
        ("probe", _probe),
    )
    for name, step in steps:
        step(record, to)
        done.append(name)
    return Retirement(record, tuple(done))


def _tombstone(document: EntityId, actor: str, to: Destination) -> DocumentRecord:
    record = to.registry.record(document)
    if record is None:
        message = f"{document}: the registry does not know this document"
        raise SourceError(message)
    # What an interrupted new ingestion left in the index bears the next revision: only a further one removes it.
    if record.status == "retired" and record.version + 1 not in traces(to, record):
        return record
    after = replace(
        record,
        revision=record.revision + 1,
        title="",
        passages=0,
        status="retired",
        updated=to_milliseconds(to.clock()),
    )
    with to.on_write(Write("erase", actor, record, after)):
        to.registry.put(after, record.revision)
    return after


def _unindex(record: DocumentRecord, to: Destination) -> None:
    to.index.remove(record.document, floor(record))


def _forget(record: DocumentRecord, to: Destination) -> None:
    forget(to, record)


def _probe(record: DocumentRecord, to: Destination) -> None:
    if to.index.holds(record.document):
        message = "the index still holds passages of the retired document: retire it again"
        raise SearchUnavailableError(message)
