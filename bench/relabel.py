"""A changed manifest over an ingested folder: documents relabelled a second, and looked at where none changes."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from authz.resource import EntityId
from bench.figures import Figure
from bench.world import NOW, TENANT, policies
from retrieval.actor import Role
from retrieval.audit import AuditLog, Json
from retrieval.document import DocumentRecord, PassageDigest, PassageId, text_digest
from retrieval.dynamodb_audit import DynamoDBAuditLog
from retrieval.dynamodb_registry import DynamoDBRegistry
from retrieval.index import IndexedPassage, IndexWriter
from retrieval.ingest.destination import Destination, labels
from retrieval.ingest.manifest import Manifest, parse_manifest
from retrieval.ingest.parse import parse
from retrieval.ingest.relabel_folder import Relabelling, relabel_folder
from retrieval.ingest.source import Write
from retrieval.ingest.vectors import DirectVectors
from retrieval.record import Purpose, record_event
from retrieval.registry import Registry, RegistryView
from retrieval.sqlite_file import SQLiteFile
from retrieval.sqlite_writer import SQLiteIndexWriter
from service.writing import write_details, write_labels
from tests.support.memory import MemoryAuditLog, MemoryRegistry
from tests.support.memory_index import CountingEmbedder
from tests.support.tables import client, new_table

_PART = "7. Relabelling"
_SOURCE = "folder:bench/"
_DIMENSIONS = 384
_MANIFEST = """\
tenant: acme
folders:
  .: {classification: CLASS, audience: staff, readers: [engineering, sales], markings: [], owners: [],
      quarantined: false, legal_hold: false, collections: [company]}
"""


def measure(*, quick: bool) -> Iterator[Figure]:
    """Yield the figures of a folder of documents of one passage each, in the local index."""
    places = (
        ("registry and audit in memory", 1_000 if quick else 10_000, _in_memory),
        ("DynamoDB on loopback (moto)", 100 if quick else 1_000, _in_dynamodb),
    )
    for name, documents, stores in places:
        paths = [f"area/{number % 50}/document-{number:05}.md" for number in range(documents)]
        with TemporaryDirectory() as folder:
            to = _filled(paths, Path(folder) / "index.sqlite", *stores())
            for what, run in (
                ("would change, in a dry run", _run(paths, 3, dry_run=True)),
                ("relabelled", _run(paths, 3)),
                ("unchanged", _run(paths, 3)),
            ):
                yield Figure(_PART, f"{documents:,} documents {what}, {name}", _rate(run, to), "per s")


def _run(paths: Sequence[str], classification: int, *, dry_run: bool = False) -> Relabelling:
    return Relabelling(_manifest(classification), EntityId, "role:bench", _SOURCE, frozenset(paths), dry_run)


def _rate(run: Relabelling, to: Destination) -> float:
    began = time.perf_counter()
    fates = Counter(event.fate for event in relabel_folder(run, to))
    (count,) = fates.values()  # all of one fate, or the figure would be of something else
    return count / (time.perf_counter() - began)


def _manifest(classification: int) -> Manifest:
    text = _MANIFEST.replace("CLASS", str(classification))
    return parse_manifest(text.encode(), lambda _: True, policies().attributes, policies().tenants)


def _filled(paths: Sequence[str], at: Path, registry: Registry, audit: AuditLog) -> Destination:
    """Return where each of `paths` has been ingested."""
    file = SQLiteFile(at, policies().attributes, "bench", _DIMENSIONS)
    file.prepare()
    index, manifest = SQLiteIndexWriter(file), _manifest(1)
    for record in (_record(path, manifest) for path in paths):
        _ingest(record, registry, index)
    vectors = DirectVectors(CountingEmbedder())
    return Destination(registry, index, vectors, parse, _recording(audit), lambda: NOW)


def _record(path: str, manifest: Manifest) -> DocumentRecord:
    access = manifest.access(path, EntityId)
    return DocumentRecord(
        document=EntityId(f"{TENANT}/{path}"), key=secrets.token_hex(16), version=1, revision=1, title=path,
        source=_SOURCE + path, sha256="00" * 32, passages=1, attributes=access.attributes,
        collections=access.collections, status="active", updated=0,
    )  # fmt: skip


def _ingest(record: DocumentRecord, registry: Registry, index: IndexWriter) -> None:
    vector = np.full(_DIMENSIONS, _DIMENSIONS**-0.5, dtype=np.float32)
    passages = [IndexedPassage(0, record.title, None), IndexedPassage(1, "One short passage.", vector)]
    digests = {
        PassageId(record.document, 1, each.ordinal): PassageDigest(record.content, text_digest(each.text), 0, 9)
        for each in passages
    }
    registry.stage(digests)
    registry.put(record, None)
    index.put(record.document, 1, labels(record), passages)


def _recording(audit: AuditLog) -> Callable[[Write], AbstractContextManager[None]]:
    """Return what records each write as the command line does."""

    @contextmanager
    def on_write(write: Write) -> Iterator[None]:
        purpose, rules = Purpose("write", secrets.token_hex(8), "bench"), policies()
        details: dict[str, Json] = write_details(write, (), allowed=True)
        personal = write_labels(write, rules)
        receipt = record_event(Role(TENANT, "role:bench"), purpose, rules, NOW, "open", details, audit, personal)
        yield
        audit.close(receipt, "complete", {})

    return on_write


@dataclass(slots=True)
class _KeyedRegistry(MemoryRegistry):
    """`MemoryRegistry` that finds a document's digests without looking at all of them."""

    def get(self, passages: Sequence[PassageId]) -> RegistryView:
        """Return records and digests."""
        records = {each.document: self.records[each.document] for each in passages if each.document in self.records}
        return RegistryView(records, {each: self.passages[each] for each in passages if each in self.passages})

    def unstage(self, document: EntityId, versions: Sequence[int]) -> None:
        """Drop digests; of these documents there are none but of version 1, and the mark."""
        for version in versions:
            self.passages.pop(PassageId(document, version, 0), None)


def _in_memory() -> tuple[Registry, AuditLog]:
    return _KeyedRegistry(), MemoryAuditLog()


def _in_dynamodb() -> tuple[Registry, AuditLog]:
    log = DynamoDBAuditLog(client(), new_table(), new_table())
    return DynamoDBRegistry(client(), new_table(), policies().attributes.document), log
