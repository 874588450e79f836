"""Amazon Bedrock: Converse for answers, InvokeModel for vectors. boto3 is always the real client."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
from botocore.eventstream import EventStream, ParserError
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from retrieval.embedder import Vectors
from retrieval.errors import EmbeddingUnavailableError
from service.errors import ModelInterruptedError, ModelUnavailableError
from service.model import ModelStream, Stop, StopReason
from service.prompt import Prompt

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime.client import BedrockRuntimeClient
    from mypy_boto3_bedrock_runtime.type_defs import ConverseStreamOutputTypeDef, ConverseStreamRequestTypeDef

_STOPS: dict[str, StopReason] = {"end_turn": "end", "stop_sequence": "end", "guardrail_intervened": "guardrail"}

_REFUSED = (ClientError, BotoCoreError, ResponseParserError, HTTPError)
"""What a call of boto3's raises; EventStreamError is a ClientError."""
_BROKEN = (*_REFUSED, ParserError, OSError, ValueError, LookupError, TypeError, AttributeError)
"""What reading a stream raises besides: bytes that are no frames, frames of another shape, a socket shut by `close`."""


@dataclass(frozen=True, slots=True)
class Guardrail:
    """An Amazon Bedrock guardrail, applied within the request."""

    id: str
    version: str


@dataclass(frozen=True, slots=True)
class BedrockModel:
    """`Model` by ConverseStream (AWS: Bedrock API reference)."""

    client: "BedrockRuntimeClient"
    id: str
    max_tokens: int
    guardrail: Guardrail | None = None

    @property
    def policy(self) -> str | None:
        """The guardrail's id and version."""
        return f"{self.guardrail.id}:{self.guardrail.version}" if self.guardrail else None

    def stream(self, prompt: Prompt) -> ModelStream:
        """Return the model's answer, once its first event is there: what is no answer is no answer that broke off.

        botocore's bounded retries happen before, never after.
        """
        try:
            response = self.client.converse_stream(**self._request(prompt))
        except _REFUSED as error:
            message = f"the model did not begin an answer: {_name(error)}"
            raise ModelUnavailableError(message) from error
        stream = BedrockStream(response["stream"])
        stream.begin()
        return stream

    def _request(self, prompt: Prompt) -> "ConverseStreamRequestTypeDef":
        request: ConverseStreamRequestTypeDef = {
            "modelId": self.id,
            "system": [{"text": prompt.system}],
            "messages": [{"role": "user", "content": [{"text": prompt.user}]}],
            "inferenceConfig": {"maxTokens": self.max_tokens, "temperature": 0.0},
        }
        if self.guardrail is not None:
            request["guardrailConfig"] = {
                "guardrailIdentifier": self.guardrail.id,
                "guardrailVersion": self.guardrail.version,
                "trace": "disabled",
                "streamProcessingMode": "sync",
            }
        return request


class BedrockStream:
    """`ModelStream` over botocore's event stream."""

    def __init__(self, events: "EventStream[ConverseStreamOutputTypeDef]") -> None:
        self._events = events
        self._coming = iter(events)
        self._first: list[ConverseStreamOutputTypeDef] = []
        self._closed = threading.Event()
        self._read = threading.Event()

    def begin(self) -> None:
        """Wait for the first event. Raises `ModelUnavailableError` if none comes."""
        try:
            self._first = [next(self._coming)]
        except (*_BROKEN, StopIteration) as error:
            self._events.close()
            message = f"the model began no answer that can be read: {_name(error)}"
            raise ModelUnavailableError(message) from error

    def __iter__(self) -> Iterator[str | Stop]:
        """Yield the pieces of text, then the stop."""
        self._read.set()
        try:
            for event in chain(self._first, self._coming):
                if "contentBlockDelta" in event:
                    yield event["contentBlockDelta"]["delta"].get("text", "")
                if "messageStop" in event:
                    yield Stop(_STOPS.get(event["messageStop"]["stopReason"], "length"))
                    return
        except _BROKEN as error:
            message = f"the model's stream broke: {_name(error)}"
            raise ModelInterruptedError(message) from error
        finally:
            self._events.close()  # by its reader, who does not wait any more
        message = "the model's stream ended without a stop"
        raise ModelInterruptedError(message)

    def close(self) -> None:
        """End the stream: shut its socket down, which wakes a waiting reader at once.

        botocore's own `close` waits for a blocked read. The socket is private API: should it vanish, the stream ends
        at its read timeout instead.
        """
        if self._closed.is_set():
            return
        self._closed.set()
        with suppress(AttributeError, OSError):
            self._events._raw_stream.connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        if not self._read.is_set():
            self._events.close()  # nobody waits for it, and nobody will


@dataclass(frozen=True, slots=True)
class BedrockEmbedder:
    """`Embedder` by InvokeModel, in the words of Amazon Titan Text Embeddings V2: one text a call."""

    client: "BedrockRuntimeClient"
    model: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of shape (len(`texts`), `dimensions`). Raises `EmbeddingUnavailableError`."""
        vectors = np.asarray([self._one(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimensions)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(vectors).all() and (norms > 0).all()):
            message = "the embedding model returned a vector without a direction"
            raise EmbeddingUnavailableError(message)
        unit: Vectors = (vectors / norms).astype(np.float32)
        return unit

    def _one(self, text: str) -> list[float]:
        body = json.dumps({"inputText": text, "dimensions": self.dimensions, "normalize": True})
        try:
            response = self.client.invoke_model(modelId=self.model, body=body, contentType="application/json")
            vector = json.loads(response["body"].read())["embedding"]
        except (*_REFUSED, OSError, ValueError, KeyError, TypeError) as error:
            message = f"no vector could be had: {_name(error)}"
            raise EmbeddingUnavailableError(message) from error
        if not _is_numbers(vector) or len(vector) != self.dimensions:
            message = f"the embedding model does not return {self.dimensions} dimensions; check the settings"
            raise EmbeddingUnavailableError(message)
        return vector


def _is_numbers(value: object) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(type(each) in {int, float} for each in value)


def _name(error: Exception) -> str:
    """Return what kind of error it is, without its text, which may quote the request."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__
