"""The local index's file: where it lies, what it must have been made for, a connection for each operation."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from authz.schema import AttributeSchema
from retrieval.deadline import Deadline
from retrieval.embedder import Vectors
from retrieval.errors import DeadlineExceededError, IndexMismatchError, SearchUnavailableError
from retrieval.sqlite_filter import count_column, scalar_column

_OPCODES = 20_000
"""How many of SQLite's virtual machine steps pass between two looks at the deadline."""
_PROBE = 2.0
"""Seconds that a look at the index may take."""
_LOCKED = 10.0
"""Seconds to wait for another process's write, at most."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (made_for TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS floor (document TEXT PRIMARY KEY, below INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS document (
  id INTEGER PRIMARY KEY, document TEXT NOT NULL, version INTEGER NOT NULL, revision INTEGER NOT NULL, {columns},
  UNIQUE (document, version));
CREATE TABLE IF NOT EXISTS element (
  document INTEGER NOT NULL REFERENCES document, attribute TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (document, attribute, value)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passage (
  id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES document, ordinal INTEGER NOT NULL, text TEXT NOT NULL,
  length INTEGER NOT NULL, vector BLOB, UNIQUE (document, ordinal));
CREATE TABLE IF NOT EXISTS posting (
  term TEXT NOT NULL, passage INTEGER NOT NULL REFERENCES passage, frequency INTEGER NOT NULL,
  PRIMARY KEY (term, passage)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS posting_passage ON posting (passage)
"""


@dataclass(frozen=True, slots=True)
class SQLiteFile:
    """Where an index lies, and what it must have been made for."""

    path: Path
    attributes: AttributeSchema
    model: str
    dimensions: int

    @contextmanager
    def connect(self, deadline: Deadline | None = None) -> Iterator[sqlite3.Connection]:
        """Open a connection for one operation, in one transaction, a writer's without a deadline.

        Raises `SearchUnavailableError`, and `DeadlineExceededError` if the deadline has passed before it begins.
        """
        wait = _LOCKED if deadline is None else min(_LOCKED, deadline.left())
        try:
            with closing(sqlite3.connect(self.path, isolation_level=None, timeout=wait)) as connection:
                connection.executescript("PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;")
                connection.create_function("ln", 1, np.log, deterministic=True)
                if deadline is not None:
                    connection.set_progress_handler(lambda: _passed(deadline), _OPCODES)
                connection.execute("BEGIN" if deadline else "BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        except (sqlite3.Error, OverflowError, UnicodeError) as error:  # the latter: a parameter that SQLite cannot hold
            message = f"the local index cannot answer: {type(error).__name__}"
            raise SearchUnavailableError(message) from error

    def prepare(self) -> None:
        """Create the index if it is not there. Raises `IndexMismatchError` if it was made for something else."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch(mode=0o600)  # it holds every document's text; SQLite gives its log the same mode
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with self.connect() as connection:
            for statement in tables(self.attributes):
                connection.execute(statement)
            row = connection.execute("SELECT made_for FROM meta").fetchone()
            if row is None:
                connection.execute("INSERT INTO meta VALUES (?)", (self._made_for(),))
            elif row[0] != self._made_for():
                message = (
                    f"the index {self.path.name} was made for another schema or embedding model; "
                    "delete it and ingest again, or restore the settings that it was made with"
                )
                raise IndexMismatchError(message)

    def probe(self) -> None:
        """Return if the index answers. Raises `SearchUnavailableError`."""
        with self.connect(Deadline.after(_PROBE)) as connection:
            connection.execute("SELECT made_for FROM meta").fetchone()

    def fits(self, vector: Vectors) -> bool:
        """Return whether `vector` is finite and of this file's dimensions."""
        return vector.shape == (self.dimensions,) and bool(np.isfinite(vector).all())

    def checkpoint(self) -> None:
        """Move all that is committed into the file and empty its log, where erased text would otherwise linger."""
        try:
            with closing(sqlite3.connect(self.path, timeout=_LOCKED)) as connection:
                busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                message = "the local index is being read and could not be emptied of what was erased: repeat it"
                raise SearchUnavailableError(message)
        except sqlite3.Error as error:
            message = f"the local index cannot be emptied of what was erased: {type(error).__name__}"
            raise SearchUnavailableError(message) from error

    def _made_for(self) -> str:
        return json.dumps([self.model, self.dimensions, tables(self.attributes)])


def _passed(deadline: Deadline) -> bool:
    try:
        deadline.left()
    except DeadlineExceededError:
        return True
    return False


def tables(attributes: AttributeSchema) -> list[str]:
    """Return the statements that make an index's tables for a schema."""
    columns = [
        f"{count_column(type_.name)} INTEGER"
        if type_.is_set
        else f"{scalar_column(type_.name)} {'INTEGER' if type_.kind in {'long', 'boolean', 'datetime'} else 'TEXT'}"
        for _, type_ in sorted(attributes.document.items())
    ]
    schema = _SCHEMA.format(columns=", ".join(columns))
    return [statement.strip() for statement in schema.split(";")]
