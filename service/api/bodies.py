"""The shapes of requests and responses. What does not fit is refused without being echoed."""

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from retrieval.admission import Passage
from retrieval.index import MAX_HITS

MAX_QUESTION = 4096
"""Bytes of UTF-8."""


def _question(text: str) -> str:
    if len(text.encode()) > MAX_QUESTION:
        message = f"a question has at most {MAX_QUESTION} bytes"
        raise ValueError(message)
    if any(unicodedata.category(character) == "Cc" and character not in "\t\n\r" for character in text):
        message = "a question holds no control characters"
        raise ValueError(message)
    return text


QuestionText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_question)]


class Body(BaseModel):
    """A request's body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AnswerBody(Body):
    """What is asked."""

    question: QuestionText


class SearchBody(Body):
    """What is sought, and how many passages at most."""

    question: QuestionText
    k: Annotated[int, Field(ge=1, le=MAX_HITS)] = 10


class DocumentBody(Body):
    """A document to write: its text, and its access attributes, which are data to be authorized."""

    text: Annotated[str, StringConstraints(min_length=1)]
    media_type: Literal["text/markdown", "text/html", "text/plain"] = "text/markdown"
    title: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    attributes: dict[str, bool | int | str | list[str]] | None = None
    """None keeps those of the document that is there."""
    collections: list[str] | None = None
    """Likewise."""
    revision: Annotated[str, StringConstraints(pattern="[0-9]{1,19}")] | None = None
    """The revision that this write follows: it fails if the document changed since."""


FIELDS = frozenset(AnswerBody.model_fields) | frozenset(SearchBody.model_fields) | frozenset(DocumentBody.model_fields)
"""The names that an error may mention; any other name came from the caller."""


class PassageView(BaseModel):
    """An admitted passage."""

    document: str
    title: str
    version: int
    ordinal: int
    start: int
    end: int
    text: str


class SearchView(BaseModel):
    """What was found, best first. No totals, no scores: they would speak of what is hidden."""

    receipt: str
    passages: list[PassageView]


class DocumentView(BaseModel):
    """A document's passages, in order."""

    receipt: str
    document: str
    title: str
    version: int
    revision: str
    passages: list[PassageView]
    next: int | None


class DocumentItem(BaseModel):
    """A document in the list."""

    document: str
    title: str
    version: int


class DocumentList(BaseModel):
    """A page of the documents that the caller may read, in order of their ids."""

    receipt: str
    documents: list[DocumentItem]
    next: str | None


class WriteView(BaseModel):
    """What became of a write."""

    document: str
    outcome: Literal["stored", "retired"]
    revision: str


def name_of(document: str) -> str:
    """Return a document's id without its tenant: what the API and people call it."""
    return document.partition("/")[2]


def views(passages: Sequence[Passage]) -> list[PassageView]:
    """Return admitted passages as they are sent."""
    return [
        PassageView(
            document=name_of(each.document),
            title=each.title,
            version=each.version,
            ordinal=each.ordinal,
            start=each.start,
            end=each.end,
            text=each.text,
        )
        for each in passages
    ]
