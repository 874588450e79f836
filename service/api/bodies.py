"""The shapes of requests and responses. What does not fit is refused without being echoed."""

import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from retrieval.admission import Passage
from retrieval.index import MAX_HITS
from retrieval.ingest.source import MediaType

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


def _base64(text: str) -> str:
    try:
        canonical = b64encode(b64decode(text, validate=True)).decode() == text
    except ValueError:
        canonical = False
    if not canonical:
        message = "content is base64 with padding, and nothing else"
        raise ValueError(message)
    return text


class AnswerBody(Body):
    """What is asked."""

    question: QuestionText


class SearchBody(Body):
    """What is sought, and how many passages at most."""

    question: QuestionText
    k: Annotated[int, Field(ge=1, le=MAX_HITS)] = 10


class DocumentBody(Body):
    """A document to write: its text or its bytes, and its access attributes, which are data to be authorized."""

    text: Annotated[str, StringConstraints(min_length=1)] | None = None
    content: Annotated[str, StringConstraints(min_length=1), AfterValidator(_base64)] | None = None
    """In base64 (RFC 4648 §4), in place of `text`: PDF and DOCX, or any text as it is stored."""
    media_type: MediaType | None = None
    """A hint; text is Markdown unless it says otherwise."""
    title: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    attributes: dict[str, bool | int | str | list[str]] | None = None
    """None keeps those of the document that is there."""
    collections: list[str] | None = None
    """Likewise."""
    revision: Annotated[str, StringConstraints(pattern="^[0-9]{1,19}$")] | None = None
    """The revision that this write follows: it fails if the document changed since."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.text is None) == (self.content is None):
            message = "a document has a text, or a content in base64"
            raise ValueError(message)
        if self.text is not None and self.media_type not in {None, "text/markdown", "text/html", "text/plain"}:
            message = "what is no text is sent as content in base64"
            raise ValueError(message)
        return self

    @property
    def source(self) -> bytes:
        """The document's bytes."""
        return b64decode(self.content) if self.content is not None else (self.text or "").encode()

    @property
    def hint(self) -> MediaType | None:
        """What its bytes may be."""
        return "text/markdown" if self.media_type is None and self.text is not None else self.media_type


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
    page: int | None
    """The page of a PDF where it begins, from 1."""
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
            page=each.page,
            text=each.text,
        )
        for each in passages
    ]
