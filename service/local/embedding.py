"""From the body of an InvokeModel request to a text, and from its vector to the response, in Titan's format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.local.errors import invalid

MAX_CHARACTERS = 50_000
"""Titan Text Embeddings' own limit."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """A unit vector, and how many tokens the model read for it."""

    vector: Sequence[float]
    tokens: int


Embed = Callable[[str], Embedding]


def input_text(body: Mapping[str, Any], dimensions: int) -> str:
    """Return the text to embed. Raises `BedrockError` (ValidationException) for what this model cannot do as asked."""
    if body.keys() - {"inputText", "dimensions", "normalize"}:
        message = "Malformed input request: extraneous key is not permitted."
        raise invalid(message)
    text = body.get("inputText")
    if not isinstance(text, str) or not 0 < len(text) <= MAX_CHARACTERS:
        message = f"inputText must hold 1 to {MAX_CHARACTERS} characters."
        raise invalid(message)
    if body.get("dimensions", dimensions) != dimensions or body.get("normalize", True) is not True:
        message = f"This model gives normalized vectors of {dimensions} dimensions only."
        raise invalid(message)
    return text


def output(embedding: Embedding) -> dict[str, object]:
    """Return the response that holds `embedding`."""
    return {"embedding": list(embedding.vector), "inputTextTokenCount": embedding.tokens}
