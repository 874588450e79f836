"""From a prompt to an answer made of its own sentences, each cited; or to the plain statement that there is none.

It reads the passages and nothing else: it follows no instruction, wherever one stands, and invents no word.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from service.local.minilm import Vector
from service.local.sentences import Sentence, question_of, sentences_of

ABSTENTION = "I found nothing in the passages I was given that answers this."

Vectors = Callable[[str], Vector]
"""Returns the unit vector of a text."""

MAX_COMPARED = 16
"""Sentences compared per answer, each alone and below its heading: some 15 ms (measured)."""
MAX_QUOTED = 3
MIN_COSINE = 0.32
"""Below it, no sentence answers (measured)."""
MIN_SCORE = 0.7
"""Separates questions that the passages answer from those on neighbouring matters (measured on the demo's own)."""
_OVERLAP = 0.4
"""What sharing all words of the question adds to the cosine."""
_NEAR_BEST = 0.92
_MIN_STEM = 3

_WORD = re.compile(r"\w+")
_STOP = frozenset(
    _WORD.findall(
        "a an the and or of to in on at by for from with without is are was were be been being do does did has have "
        "had how what when where which who whom whose why can could may might must shall should will would i me my we "
        "us our you your he she it its they them their this that these those there here as if then than so not no any "
        "all many much about into over under up out per"
    )
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    sentence: Sentence
    order: int
    overlap: float
    cosine: float = 0.0

    @property
    def score(self) -> float:
        return self.cosine + _OVERLAP * self.overlap


def answer(prompt: str, vector: Vectors) -> str:
    """Return those sentences of the passages in `prompt` that answer its question, cited as `[n]`, or `ABSTENTION`."""
    question = question_of(prompt)
    candidates = _most_overlapping(question, sentences_of(prompt))
    if not question or not candidates:
        return ABSTENTION
    quoted = _best(_compared(question, candidates, vector))
    return "\n".join(f"{quote.sentence.text} [{quote.sentence.passage}]" for quote in quoted) or ABSTENTION


def _most_overlapping(question: str, sentences: Sequence[Sentence]) -> list[_Candidate]:
    """Return the sentences that share the rarest words with `question`, at most `MAX_COMPARED`."""
    stems = [(_stems(sentence.text), _stems(sentence.context)) for sentence in sentences]
    weights = _weights(_stems(question), [text | context for text, context in stems])
    candidates = [
        _Candidate(sentence, order, _overlap(weights, *stems[order])) for order, sentence in enumerate(sentences)
    ]
    return sorted(candidates, key=lambda it: -it.overlap)[:MAX_COMPARED]


def _compared(question: str, candidates: Sequence[_Candidate], vector: Vectors) -> list[_Candidate]:
    asked = vector(question)

    def cosine(sentence: Sentence) -> float:
        return max(float(asked @ vector(text)) for text in {sentence.text, _in_context(sentence)})

    return [replace(it, cosine=cosine(it.sentence)) for it in candidates]


def _best(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Return what is near enough to the question, and near the best, in the prompt's order and without repetition."""
    fit = [it for it in candidates if it.cosine >= MIN_COSINE and it.score >= MIN_SCORE]
    unique = {it.sentence.text: it for it in sorted(fit, key=lambda it: it.score)}
    ranked = list(unique.values())[::-1]
    near = [it for it in ranked if it.score >= _NEAR_BEST * ranked[0].score]
    return sorted(near[:MAX_QUOTED], key=lambda it: it.order)


def _in_context(sentence: Sentence) -> str:
    return f"{sentence.context}. {sentence.text}" if sentence.context else sentence.text


def _weights(question: frozenset[str], units: Sequence[frozenset[str]]) -> dict[str, float]:
    """Return how rare each word of the question is among `units`; a word that none holds weighs most."""
    held = Counter(stem for unit in units for stem in unit & question)
    return {stem: math.log(1 + len(units) / (1 + held[stem])) for stem in question}


def _overlap(weights: dict[str, float], text: frozenset[str], context: frozenset[str]) -> float:
    """Return the part of the question's weight found in `text`, and half of what only `context` holds: 0 to 1."""
    total = sum(weights.values())
    own = sum(weight for stem, weight in weights.items() if stem in text)
    above = sum(weight for stem, weight in weights.items() if stem in context - text)
    return (own + above / 2) / total if total else 0.0


def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP)


def _stem(word: str) -> str:
    """Return `word` without a plural or verb ending, crudely: only the match between two texts counts."""
    for ending in ("ies", "ing", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            return word[: -len(ending)]
    return word
