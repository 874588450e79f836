"""From passages to vectors while ingesting: each text is embedded once, and its vector kept until it is forgotten.

Questions never come here. A vector can be turned back into much of its text, so the file is as confidential as the
documents: readable by its owner only, and what is forgotten is overwritten.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
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

_ROUNDING = 1e-3
_TABLES = (
    "CREATE TABLE IF NOT EXISTS vector_1 (tenant TEXT NOT NULL, model TEXT NOT NULL, text TEXT NOT NULL, "
    "passage TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (tenant, model, text)) WITHOUT ROWID; "
    "CREATE INDEX IF NOT EXISTS passage_1 ON vector_1 (tenant, passage);"
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
        held = self._held(tenant, passages)
        for batch in batches(text for text in passages if text not in held):
            fresh = dict(zip(batch, embed(self.embedder, batch), strict=True))
            self._keep(tenant, fresh, passages)
            held |= fresh
        return (
            np.stack([held[text] for text in texts]) if texts else np.empty((0, self.embedder.dimensions), np.float32)
        )

    def forget(self, tenant: TenantId, passages: Iterable[str]) -> None:
        """Drop every vector of the `passages` with these digests, of any model, and overwrite it in the file."""
        rows = [(tenant, digest) for digest in passages]
        # A corrupt file is deleted, and has forgotten everything.
        with suppress(_CorruptFileError), self._connect() as connection:
            connection.executemany("DELETE FROM vector_1 WHERE tenant = ? AND passage = ?", rows)

    def _held(self, tenant: TenantId, texts: Iterable[str]) -> dict[str, Vectors]:
        held: dict[str, Vectors] = {}
        query = "SELECT vector FROM vector_1 WHERE tenant = ? AND model = ? AND text = ?"
        with suppress(_CorruptFileError), self._connect() as connection:
            for text in texts:
                row = connection.execute(query, (tenant, self.embedder.model, text_digest(text))).fetchone()
                if row and (vector := self._usable(row[0])) is not None:
                    held[text] = vector
        return held

    def _usable(self, blob: bytes) -> Vectors | None:
        if len(blob) != self.embedder.dimensions * np.dtype(np.float32).itemsize:
            return None
        vector = np.frombuffer(blob, dtype=np.float32)
        # A vector that is not of unit length, or not a number, was not written by us.
        return vector if abs(float(np.linalg.norm(vector)) - 1) < _ROUNDING else None

    def _keep(self, tenant: TenantId, vectors: dict[str, Vectors], passages: dict[str, str]) -> None:
        rows = [
            (tenant, self.embedder.model, text_digest(text), passages[text], vector.tobytes())
            for text, vector in vectors.items()
        ]
        with suppress(_CorruptFileError), self._connect() as connection:
            connection.executemany("INSERT OR REPLACE INTO vector_1 VALUES (?, ?, ?, ?, ?)", rows)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.touch(mode=0o600)
            with closing(sqlite3.connect(self.path)) as connection, connection:
                # The journal stays in memory: a journal file would hold what was overwritten in the other.
                connection.executescript(f"PRAGMA secure_delete = ON; PRAGMA journal_mode = MEMORY; {_TABLES}")
                yield connection
        except (OSError, sqlite3.OperationalError) as error:
            # Locked, full or not permitted: the file may well be sound.
            message = "the file of kept vectors cannot be used: is it locked, or the disk full?"
            raise EmbeddingUnavailableError(message) from error
        except sqlite3.DatabaseError as error:
            _log.warning("the file of kept vectors is corrupt: it is deleted, and documents are embedded again")
            self.path.unlink(missing_ok=True)
            raise _CorruptFileError from error


class _CorruptFileError(Exception):
    """The file of kept vectors was corrupt, and is gone."""


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
