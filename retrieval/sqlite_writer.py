"""Writing the local index: every write carries its revision, and a removal wins over whatever comes late."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from authz.resource import EntityId, TenantId
from retrieval.document import TITLE
from retrieval.errors import IndexMismatchError
from retrieval.index import IndexedPassage, Labels, Stamps
from retrieval.sqlite import tokens
from retrieval.sqlite_file import SQLiteFile
from retrieval.sqlite_filter import COLLECTIONS, count_column, scalar_column


@dataclass(frozen=True, slots=True)
class SQLiteIndexWriter:
    """`IndexWriter` and `IndexStamps` over one file; `file.prepare()` must have been called."""

    file: SQLiteFile

    def put(self, document: EntityId, version: int, labels: Labels, passages: Sequence[IndexedPassage]) -> None:
        """Write one version beside what is there; nothing if a newer revision removed or replaced it."""
        blobs = [self._blob(passage) for passage in passages]
        with self.file.connect() as connection:
            if _is_late(connection, document, version, labels.revision):
                return
            _delete(connection, "document = ? AND version = ?", (document, version))
            row = self._insert_document(connection, document, version, labels)
            counts = tokens(connection, [passage.text for passage in passages])
            for passage, blob, count in zip(passages, blobs, counts, strict=True):
                _insert_passage(connection, row, passage, blob, count)

    def relabel(self, document: EntityId, version: int, labels: Labels) -> None:
        """Replace the access attributes of one version, unless a newer revision was written."""
        with self.file.connect() as connection:
            if _is_late(connection, document, version, labels.revision):
                return
            found = connection.execute(
                "SELECT id FROM document WHERE document = ? AND version = ?", (document, version)
            )
            for (row,) in found.fetchall():
                columns = self._columns(labels)
                assignments = ", ".join(f"{name} = ?" for name in columns)
                connection.execute(f"UPDATE document SET {assignments} WHERE id = ?", (*columns.values(), row))
                connection.execute("DELETE FROM element WHERE document = ?", (row,))
                _insert_elements(connection, row, labels)

    def remove(self, document: EntityId, below: int) -> None:
        """Remove all of `document` written at a revision lower than `below`, and refuse such writes from now on."""
        with self.file.connect() as connection:
            connection.execute(
                "INSERT INTO floor VALUES (?, ?) "
                "ON CONFLICT (document) DO UPDATE SET below = max(below, excluded.below)",
                (document, below),
            )
            _delete(connection, "document = ? AND revision < ?", (document, below))
        self.file.checkpoint()

    def holds(self, document: EntityId) -> bool:
        """Return whether any passage of `document` is still there."""
        with self.file.connect() as connection:
            return connection.execute("SELECT 1 FROM document WHERE document = ?", (document,)).fetchone() is not None

    def stamps(self, tenant: TenantId) -> Stamps:
        """Return versions and revisions of the documents of `tenant`, from one scan of the documents' table."""
        found: dict[EntityId, set[tuple[int, int]]] = {}
        with self.file.connect() as connection:
            rows = connection.execute(
                "SELECT document, version, revision FROM document WHERE substr(document, 1, ?) = ?",
                (len(tenant) + 1, f"{tenant}/"),
            )
            for document, version, revision in rows:
                found.setdefault(EntityId(document), set()).add((version, revision))
        return {document: frozenset(stamps) for document, stamps in found.items()}

    def _blob(self, passage: IndexedPassage) -> bytes | None:
        if (passage.vector is None) != (passage.ordinal == TITLE):
            message = f"passage {passage.ordinal}: every passage has a vector, and a title has none"
            raise IndexMismatchError(message)
        if passage.vector is None:
            return None
        vector = np.asarray(passage.vector, dtype=np.float32)
        if not self.file.fits(vector):
            message = f"a vector has the shape {vector.shape}; the index holds finite vectors of {self.file.dimensions}"
            raise IndexMismatchError(message)
        return vector.tobytes()

    def _insert_document(self, connection: sqlite3.Connection, document: EntityId, version: int, labels: Labels) -> int:
        columns = {"document": document, "version": version, **self._columns(labels)}
        marks = ", ".join("?" * len(columns))
        cursor = connection.execute(
            f"INSERT INTO document ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values())
        )
        row = int(cursor.lastrowid or 0)
        _insert_elements(connection, row, labels)
        return row

    def _columns(self, labels: Labels) -> dict[str, int | str | None]:
        columns: dict[str, int | str | None] = {"revision": labels.revision}
        for name, type_ in self.file.attributes.document.items():
            value = labels.attributes.get(name)
            if type_.is_set:
                columns[count_column(name)] = len(value) if isinstance(value, frozenset) else None
            else:
                columns[scalar_column(name)] = None if isinstance(value, frozenset) else value
        return columns


def _is_late(connection: sqlite3.Connection, document: EntityId, version: int, revision: int) -> bool:
    newer = connection.execute(
        "SELECT 1 FROM floor WHERE document = ? AND below > ? "
        "UNION ALL SELECT 1 FROM document WHERE document = ? AND version = ? AND revision > ?",
        (document, revision, document, version, revision),
    )
    return newer.fetchone() is not None


def _delete(connection: sqlite3.Connection, where: str, parameters: tuple[int | str, ...]) -> None:
    rows = [row[0] for row in connection.execute(f"SELECT id FROM document WHERE {where}", parameters)]
    for row in rows:
        connection.execute("DELETE FROM posting WHERE passage IN (SELECT id FROM passage WHERE document = ?)", (row,))
        connection.execute("DELETE FROM passage WHERE document = ?", (row,))
        connection.execute("DELETE FROM element WHERE document = ?", (row,))
        connection.execute("DELETE FROM document WHERE id = ?", (row,))


def _insert_elements(connection: sqlite3.Connection, row: int, labels: Labels) -> None:
    elements: Iterable[tuple[str, str]] = (
        (name, element)
        for name, value in labels.attributes.items()
        if isinstance(value, frozenset)
        for element in value
    )
    collections = ((COLLECTIONS, collection) for collection in labels.collections)
    connection.executemany("INSERT INTO element VALUES (?, ?, ?)", ((row, *each) for each in (*elements, *collections)))


def _insert_passage(
    connection: sqlite3.Connection, row: int, passage: IndexedPassage, blob: bytes | None, count: dict[str, int]
) -> None:
    cursor = connection.execute(
        "INSERT INTO passage (document, ordinal, text, length, vector) VALUES (?, ?, ?, ?, ?)",
        (row, passage.ordinal, passage.text, sum(count.values()), blob),
    )
    if blob is not None:
        connection.executemany(
            "INSERT INTO posting VALUES (?, ?, ?)", ((term, cursor.lastrowid, f) for term, f in count.items())
        )
