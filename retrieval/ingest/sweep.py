"""From what an index holds to what the registry says that it should: finds what a crash left, and repairs it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from authz.resource import EntityId, TenantId
from retrieval.document import DocumentRecord, PassageDigest, text_digest
from retrieval.index import Copy, IndexContents, IndexWriter
from retrieval.ingest.destination import floor, labels, staged
from retrieval.registry import Registry

Flaw = Literal[
    "left over",  # of a version or a document that is no more
    "mislabelled",  # under other access, or an older revision, than the registry's
    "lost",  # passages are missing, or say something else
    "unfinished",  # of a write that is under way, or broke off: nothing of it can be read
    "unregistered",  # of a document that the registry does not know
]

SETTLE = 30.0
"""Seconds after which a write has ended: what the registry does not know then is of one that broke off."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the rows of one document, and whether it was repaired."""

    document: EntityId
    flaw: Flaw
    repaired: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """One index, and the registry that it is held against; without `repair` nothing is changed."""

    registry: Registry
    contents: IndexContents
    writer: IndexWriter
    repair: bool
    settle: float = SETTLE
    wait: Callable[[float], None] = time.sleep

    def __call__(self, tenants: Iterable[TenantId]) -> Iterator[tuple[int, int, Sequence[Finding]]]:
        """Yield, document by document, how many of how many are done, and what was found of this one.

        What may be a write under way is looked at last, and repaired only if it is still so when it must have ended.
        """
        known = sorted({record.document for tenant in tenants for record in self.registry.scan(tenant)})
        later = sorted(set(self.contents.documents()).difference(known))
        for done, document in enumerate(known, start=1):
            found = self.look_at(document)
            if self.repair and any(each.flaw == "unfinished" for each in found):
                later.append(document)
                found = [each for each in found if each.flaw != "unfinished"]
            yield done, len(known) + len(later), found
        if later and self.repair:
            self.wait(self.settle)
        for done, document in enumerate(later, start=len(known) + 1):
            yield done, len(known) + len(later), self.look_at(document, settled=True)

    def look_at(self, document: EntityId, *, settled: bool = False) -> Sequence[Finding]:
        """Return what is wrong with `document`, each repaired if that is wanted and nobody else wrote meanwhile."""
        record = self.registry.record(document)
        copies = self.contents.copies(document)
        if record is None:
            return self._stranger(document, copies, settled=settled)
        digests = staged(self.registry, document, record.version) if record.status == "active" else {}
        found = sorted(flaws(record, copies, digests))
        return [Finding(document, flaw, self._mend(flaw, record, copies, settled=settled)) for flaw in found]

    def _stranger(self, document: EntityId, copies: Sequence[Copy], *, settled: bool) -> Sequence[Finding]:
        if not copies:
            return []
        mended = self.repair and settled and self.registry.record(document) is None
        if mended:
            self._clear(document, copies)
        return [Finding(document, "unregistered", mended)]

    def _mend(self, flaw: Flaw, record: DocumentRecord, copies: Sequence[Copy], *, settled: bool) -> bool:
        if not self.repair:
            return False
        current = [copy for copy in copies if copy.version == record.version]
        match flaw:
            case "left over":
                self.writer.remove(record.document, floor(record))
                others = [copy for copy in copies if copy.version != record.version]
                self._clear(record.document, [copy for copy in others if copy.labels.revision == record.revision])
            case "mislabelled":
                self.writer.relabel(record.document, record.version, labels(record))
            case "lost" if current:
                # Once all of it is gone, the next ingestion sees that, and restores it.
                self._clear(record.document, current)
            case "unfinished" if record.status == "retired" and settled and self._same(record):
                self._clear(record.document, [copy for copy in copies if copy.labels.revision > record.revision])
            case _:
                return False
        return self._same(record)

    def _clear(self, document: EntityId, copies: Sequence[Copy]) -> None:
        """Take `copies` away by writing nothing in their place, at their revisions.

        A removal would be remembered for a while, and refuse the ingestion that is to restore what is lost.
        """
        for copy in copies:
            self.writer.put(document, copy.version, copy.labels, ())

    def _same(self, record: DocumentRecord) -> bool:
        """Return whether the registry has not moved on; if it has, whoever moved it writes the index after us."""
        latest = self.registry.record(record.document)
        return latest is not None and latest.revision == record.revision


def flaws(record: DocumentRecord, copies: Sequence[Copy], digests: Mapping[int, PassageDigest]) -> set[Flaw]:
    """Return what is wrong with `copies` of the document of `record`, whose passages have these `digests`."""
    found: set[Flaw] = {"unfinished" for copy in copies if copy.labels.revision > record.revision}
    settled = [copy for copy in copies if copy.labels.revision <= record.revision]
    if record.status == "retired":
        return found | {"left over" for _ in settled}
    current = [copy for copy in settled if copy.version == record.version]
    if len(current) < len(settled):
        found.add("left over")
    if any(copy.labels != labels(record) for copy in current):
        found.add("mislabelled")
    texts = {each.ordinal: text_digest(each.text) for copy in current for each in copy.passages}
    held = {ordinal: each.sha256 for ordinal, each in digests.items() if each.content == record.content}
    if texts != held or not held:
        found.add("lost")
    return found
