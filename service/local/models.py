"""From a model id to the model behind it: the answerer, the vectors and, only if asked for, the fault models."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from service.local import minilm
from service.local.converse import Conversation
from service.local.embedding import Embed, Embedding
from service.local.extractive import Vectors, answer

ANSWERS = "local.extractive-v1"

Chat = Callable[[Conversation], Iterator[str]]
"""Yields an answer word by word. An error before the first word is the response's status, later it ends the stream."""

_SENTENCES = 4096
"""How many sentences' vectors the answerer keeps: 6 MB."""
_WORD = re.compile(r"\s*\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """What one model id can do: converse, embed, or (the fault models) both."""

    chat: Chat | None = None
    embed: Embed | None = None


Models = Mapping[str, LocalModel]


def real_models(model: minilm.MiniLM, word_delay: float) -> Models:
    """Return the models of the demo; the answerer waits `word_delay` seconds before each word after the first."""
    return {
        ANSWERS: LocalModel(chat=_answerer(model.vector, word_delay)),
        minilm.MODEL_ID: LocalModel(embed=embedder(model)),
    }


def embedder(model: minilm.MiniLM) -> Embed:
    """Return the function that embeds a text with `model`."""
    return lambda text: Embedding([float(value) for value in model.vector(text)], model.count(text))


def words(text: str, delay: float = 0.0) -> Iterator[str]:
    """Yield `text` word by word with its white space, `delay` seconds apart; joined they are `text` again."""
    for number, word in enumerate(_WORD.findall(text)):
        if number:
            time.sleep(delay)
        yield word


def _answerer(vector: Vectors, delay: float) -> Chat:
    # The same sentences are compared with question after question.
    kept = lru_cache(_SENTENCES)(vector)
    return lambda conversation: words(answer(conversation.messages[-1], kept), delay)
