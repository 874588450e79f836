"""From passages to vectors while ingesting: each text is embedded once, and its vector kept until it is forgotten.

Questions never come here. A vector can be turned back into much of its text, so the file is as confidential as the
documents: readable by its owner only, and what is forgotten is overwritten.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from authz.resource import TenantId
from retrieval.document import text_digest
from retrieval.embedder import Embedder, Vectors
from retrieval.errors import EmbeddingUnavailableError
from retrieval.ingest.split import Draft

BATCH: Final = 32
"""Texts per call of the embedder; after each call its vectors are kept, so that an interrupted run goes on there."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS vector_1 (tenant TEXT NOT NULL, model TEXT NOT NULL, text TEXT NOT NULL, "
    "passage TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (tenant, model, text)) WITHOUT ROWID"
)
_log = logging.getLogger(__name__)


class PassageVectors(Protocol):
    """Gives each passage of a draft its vector."""

    def of(self, tenant: TenantId, draft: Draft) -> Vectors:
        """Return unit vectors of shape (passages, dimensions) of title and text. Raises `EmbeddingUnavailableError`."""
        ...

    def forget(self, tenant: TenantId, passages: Iterable[str]) -> None:
        """Drop what is kept of the `passages` with these digests. Raises `EmbeddingUnavailableError` if it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class DirectVectors:
    """`PassageVectors` that keep nothing."""

    embedder: Embedder

    def of(self, tenant: TenantId, draft: Draft) -> Vectors:  # noqa: ARG002 - the port names it for those that keep
        """Return unit vectors of shape (passages, dimensions)."""
        parts = [embed(self.embedder, texts) for texts in batches(embedded_texts(draft))]
        return np.concatenate(parts) if parts else np.empty((0, self.embedder.dimensions), np.float32)

    def forget(self, tenant: TenantId, passages: Iterable[str]) -> None:
        """Do nothing: nothing was kept."""


@dataclass(frozen=True, slots=True)
class CachedVectors:
    """`PassageVectors` kept in a file by tenant, model and SHA-256 of the embedded text."""

    embedder: Embedder
    path: Path

    def of(self, tenant: TenantId, draft: Draft) -> Vectors:
        """Return unit vectors of shape (passages, dimensions), embedding what the file does not hold."""
        texts = embedded_texts(draft)
        passages = {text: text_digest(piece.text) for text, piece in zip(texts, draft.pieces, strict=True)}
        held = {text: vector for text in passages if (vector := self._read(tenant, text)) is not None}
        for batch in batches([text for text in passages if text not in held]):
            fresh = dict(zip(batch, embed(self.embedder, batch), strict=True))
            self._keep(tenant, fresh, passages)
            held |= fresh
        return (
            np.stack([held[text] for text in texts]) if texts else np.empty((0, self.embedder.dimensions), np.float32)
        )

    def forget(self, tenant: TenantId, passages: Iterable[str]) -> None:
        """Drop every vector of the `passages` with these digests, of any model, and overwrite it in the file."""
        rows = [(tenant, digest) for digest in passages]
        if self.path.exists():
            with self._connect() as connection:
                connection.executemany("DELETE FROM vector_1 WHERE tenant = ? AND passage = ?", rows)

    def _read(self, tenant: TenantId, text: str) -> Vectors | None:
        key = (tenant, self.embedder.model, text_digest(text))
        with self._connect() as connection:
            row = connection.execute(
                "SELECT vector FROM vector_1 WHERE tenant = ? AND model = ? AND text = ?", key
            ).fetchone()
        return None if row is None else self._usable(row[0])

    def _usable(self, blob: bytes) -> Vectors | None:
        if len(blob) != self.embedder.dimensions * np.dtype(np.float32).itemsize:
            return None
        vector = np.frombuffer(blob, dtype=np.float32)
        # A vector that is not of unit length, or not a number, was not written by us.
        return vector if abs(float(np.linalg.norm(vector)) - 1) < 1e-3 else None  # noqa: PLR2004 - float32 rounding

    def _keep(self, tenant: TenantId, vectors: dict[str, Vectors], passages: dict[str, str]) -> None:
        rows = [
            (tenant, self.embedder.model, text_digest(text), passages[text], vector.tobytes())
            for text, vector in vectors.items()
        ]
        with self._connect() as connection:
            connection.executemany("INSERT OR REPLACE INTO vector_1 VALUES (?, ?, ?, ?, ?)", rows)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._opened()
        except sqlite3.Error as error:
            raise _unavailable() from error
        try:
            with connection:
                yield connection
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):
                self._discard()
            raise _unavailable() from error
        finally:
            connection.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.OperationalError:
            # Locked, full or not permitted: the file may well be sound.
            raise
        except sqlite3.DatabaseError:
            self._discard()
            return self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.touch(mode=0o600)
        except OSError as error:
            raise _unavailable() from error
        connection = sqlite3.connect(self.path)
        try:
            # The journal stays in memory: a journal file would hold what was overwritten in the other.
            connection.executescript(f"PRAGMA secure_delete = ON; PRAGMA journal_mode = MEMORY; {_TABLE};")
            connection.execute("SELECT count(*) FROM vector_1").fetchone()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _discard(self) -> None:
        _log.warning("the file of kept vectors is corrupt: it is deleted, and documents are embedded again")
        self.path.unlink(missing_ok=True)


def embedded_texts(draft: Draft) -> list[str]:
    """Return what is embedded of each passage: the document's title, and the text beneath it."""
    return [f"{draft.title}\n{piece.text}" for piece in draft.pieces]


def batches(texts: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield `texts` in lists of at most `BATCH`."""
    rest = iter(texts)
    while batch := list(islice(rest, BATCH)):
        yield batch


def embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    """Return the vectors of `texts`. Raises `EmbeddingUnavailableError` if they are not one finite vector for each."""
    vectors = np.asarray(embedder.embed(texts), dtype=np.float32)
    if vectors.shape != (len(texts), embedder.dimensions) or not np.isfinite(vectors).all():
        message = f"the embedding model answered {len(texts)} texts with an array of shape {vectors.shape}"
        raise EmbeddingUnavailableError(message)
    return vectors


def _unavailable() -> EmbeddingUnavailableError:
    return EmbeddingUnavailableError("the file of kept vectors cannot be used: is it locked, or the disk full?")
