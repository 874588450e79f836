import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from authz.resource import TenantId
from retrieval.document import text_digest
from retrieval.embedder import Vectors
from retrieval.errors import EmbeddingUnavailableError
from retrieval.ingest.split import Draft, Piece
from retrieval.ingest.vectors import BATCH, CachedVectors, DirectVectors
from tests.support.memory_index import CountingEmbedder

ACME, GLOBEX = TenantId("acme"), TenantId("globex")


def draft(*texts: str, title: str = "Title") -> Draft:
    return Draft("0" * 64, title, tuple(Piece(0, len(text), text) for text in texts))


def cached(tmp_path: Path, model: str = "test.digest-8") -> tuple[CachedVectors, CountingEmbedder]:
    counting = CountingEmbedder(model)
    return CachedVectors(counting, tmp_path / "vectors.db"), counting


def test_each_text_is_embedded_once_and_its_vector_kept(tmp_path: Path) -> None:
    vectors, embedder = cached(tmp_path)
    first = vectors.of(ACME, draft("a", "b", "a"))
    again = CachedVectors(CountingEmbedder(), vectors.path).of(ACME, draft("a", "b", "a"))
    assert embedder.texts == ["Title\na", "Title\nb"]
    assert np.array_equal(first, again)
    assert np.array_equal(first, DirectVectors(CountingEmbedder()).of(ACME, draft("a", "b", "a")))


def test_tenant_model_and_title_are_part_of_the_key(tmp_path: Path) -> None:
    vectors, embedder = cached(tmp_path)
    vectors.of(ACME, draft("a"))
    vectors.of(GLOBEX, draft("a"))
    vectors.of(ACME, draft("a", title="Other"))
    assert len(embedder.texts) == 3
    other, again = cached(tmp_path, model="other")
    other.of(ACME, draft("a"))
    assert again.texts == ["Title\na"]


def test_forgotten_passages_are_embedded_again_and_overwritten_in_the_file(tmp_path: Path) -> None:
    vectors, embedder = cached(tmp_path)
    blob = vectors.of(ACME, draft("a"))[0].tobytes()
    vectors.of(GLOBEX, draft("a"))
    vectors.forget(ACME, [text_digest("a"), text_digest("unknown")])
    with closing(sqlite3.connect(vectors.path)) as connection:
        assert connection.execute("SELECT tenant FROM vector_1").fetchall() == [("globex",)]
    vectors.forget(GLOBEX, [text_digest("a")])
    assert blob not in vectors.path.read_bytes()
    vectors.of(ACME, draft("a"))
    assert len(embedder.texts) == 3


def test_file_is_its_owners_only(tmp_path: Path) -> None:
    vectors, _ = cached(tmp_path)
    vectors.of(ACME, draft("a"))
    assert vectors.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"not a database, by far" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_corrupt_file_is_deleted_and_rebuilt_with_a_warning(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    vectors, embedder = cached(tmp_path)
    vectors.path.write_bytes(content)
    assert vectors.of(ACME, draft("a")).shape == (1, 8)
    assert "corrupt" in caplog.text
    vectors.of(ACME, draft("a"))
    assert len(embedder.texts) == 1


def test_corrupt_file_has_forgotten_everything(tmp_path: Path) -> None:
    vectors, _ = cached(tmp_path)
    vectors.path.write_bytes(b"not a database, by far" * 100)
    vectors.forget(ACME, ["0" * 64])
    assert not vectors.path.exists()


@pytest.mark.parametrize("blob", [b"", b"\0" * 31, b"\0" * 32, b"\xff" * 32])
def test_vector_that_is_none_is_embedded_again(tmp_path: Path, blob: bytes) -> None:
    vectors, embedder = cached(tmp_path)
    vectors.of(ACME, draft("a"))
    with closing(sqlite3.connect(vectors.path)) as connection, connection:
        connection.execute("UPDATE vector_1 SET vector = ?", (blob,))
    assert abs(np.linalg.norm(vectors.of(ACME, draft("a"))) - 1) < 0.001
    assert len(embedder.texts) == 2


def test_interrupted_embedding_goes_on_after_the_last_batch(tmp_path: Path) -> None:
    @dataclass
    class Tiring(CountingEmbedder):
        left: int = 2

        def embed(self, texts: Sequence[str]) -> Vectors:
            if not self.left:
                message = "throttled"
                raise EmbeddingUnavailableError(message)
            self.left -= 1
            return CountingEmbedder.embed(self, texts)

    many = draft(*(str(number) for number in range(3 * BATCH)))
    with pytest.raises(EmbeddingUnavailableError):
        CachedVectors(Tiring(), tmp_path / "vectors.db").of(ACME, many)
    vectors, embedder = cached(tmp_path)
    assert vectors.of(ACME, many).shape == (3 * BATCH, 8)
    assert len(embedder.texts) == BATCH


def test_file_that_cannot_be_used_is_an_error_and_stays(tmp_path: Path) -> None:
    vectors, _ = cached(tmp_path)
    vectors.path.mkdir()
    with pytest.raises(EmbeddingUnavailableError, match="locked"):
        vectors.of(ACME, draft("a"))
    with pytest.raises(EmbeddingUnavailableError, match="locked"):
        vectors.forget(ACME, ["0" * 64])
    assert vectors.path.exists()


@pytest.mark.parametrize("shape", [(1, 8), (2, 7), (3, 8), (16,)])
def test_answer_of_another_shape_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    class Wrong(CountingEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:  # noqa: ARG002 - the port's signature
            return np.ones(shape, dtype=np.float32)

    for vectors in (DirectVectors(Wrong()), CachedVectors(Wrong(), tmp_path / "vectors.db")):
        with pytest.raises(EmbeddingUnavailableError, match="shape"):
            vectors.of(ACME, draft("a", "b"))


def test_vectors_that_are_not_numbers_are_refused() -> None:
    class Wrong(CountingEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:  # noqa: ARG002 - the port's signature
            return np.full((1, 8), np.nan, dtype=np.float32)

    with pytest.raises(EmbeddingUnavailableError):
        DirectVectors(Wrong()).of(ACME, draft("a"))


def test_no_passages_have_no_vectors(tmp_path: Path) -> None:
    assert cached(tmp_path)[0].of(ACME, draft()).shape == (0, 8)
    assert DirectVectors(CountingEmbedder()).of(ACME, draft()).shape == (0, 8)


def test_direct_vectors_have_nothing_to_forget() -> None:
    DirectVectors(CountingEmbedder()).forget(ACME, ["0" * 64])
