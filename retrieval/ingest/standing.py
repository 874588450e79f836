"""From registry, index and intake to what stands where, collection by collection, and what needs a hand."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from authz.resource import EntityId
from retrieval.document import DocumentRecord
from retrieval.index import Stamps
from retrieval.intake import OPEN, IntakeEntry

NONE = "(none)"
"""Of what lies in no collection, or in none that is known."""


@dataclass(slots=True)
class Standing:
    """The documents and sources of one collection, those of the collections within it included."""

    registered: int = 0
    """Active in the registry."""
    indexed: int = 0
    """Of these, in the index at the registry's version and revision."""
    waiting: int = 0
    """Sources that are about to be taken."""
    refused: int = 0
    failed: int = 0

    @property
    def behind(self) -> int:
        """What is handed in or registered, and cannot be found as the registry says."""
        return self.registered - self.indexed + self.waiting

    @property
    def needs_a_hand(self) -> bool:
        """Whether it does not come right by itself."""
        return bool(self.refused or self.failed or self.registered > self.indexed)


@dataclass(slots=True)
class Standings:
    """What stands where in one tenant."""

    whole: Standing = field(default_factory=Standing)
    collections: dict[str, Standing] = field(default_factory=dict)
    missing: list[EntityId] = field(default_factory=list)
    """Registered, and not so in the index."""
    troubles: list[IntakeEntry] = field(default_factory=list)
    """Refused and failed sources, the latest first."""
    latest: list[IntakeEntry] = field(default_factory=list)
    """What was noted last, the latest first."""


def standings(records: Iterable[DocumentRecord], stamps: Stamps, entries: Iterable[IntakeEntry]) -> Standings:
    """Return what stands where, from one pass over each."""
    found = Standings()
    for record in records:
        if record.status == "active":
            _count(found, record, indexed=(record.version, record.revision) in stamps.get(record.document, frozenset()))
    noted = sorted(entries, key=lambda entry: entry.updated, reverse=True)
    for entry in (each for each in noted if each.state in OPEN):
        for standing in _of(found, entry.collections):
            standing.waiting += entry.state == "waiting"
            standing.refused += entry.state == "refused"
            standing.failed += entry.state == "failed"
    found.troubles = [entry for entry in noted if entry.state in {"refused", "failed"}]
    found.latest = noted
    return found


def _count(found: Standings, record: DocumentRecord, *, indexed: bool) -> None:
    for standing in _of(found, record.collections):
        standing.registered += 1
        standing.indexed += indexed
    if not indexed:
        found.missing.append(record.document)


def _of(found: Standings, collections: frozenset[str]) -> Iterator[Standing]:
    yield found.whole
    for collection in collections or {NONE}:
        yield found.collections.setdefault(collection, Standing())
