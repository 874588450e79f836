"""From the body of a Converse request to what a model sees of it, and from the model's words to bodies and events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.local.errors import invalid

Event = tuple[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that a model sees: the request's own text, in its order."""

    system: str
    messages: tuple[str, ...]
    max_tokens: int | None

    @property
    def text(self) -> str:
        """The whole request as one text."""
        return "\n".join(part for part in (self.system, *self.messages) if part)


def conversation(body: Mapping[str, Any]) -> Conversation:
    """Return what a model sees of a Converse `body`; guardrails and other settings are accepted and have no effect.

    Raises `BedrockError` (ValidationException) if it holds no messages, does not begin and end with the user's, or
    holds anything but text.
    """
    try:
        messages = body["messages"]
        roles = [message["role"] for message in messages]
        conversation = Conversation(
            system=_text(body.get("system") or []),
            messages=tuple(_text(message["content"]) for message in messages),
            max_tokens=_limit(body.get("inferenceConfig") or {}),
        )
    except (KeyError, TypeError, AttributeError) as error:
        message = "The request does not hold messages of text blocks."
        raise invalid(message) from error
    if not roles or roles[0] != "user" or roles[-1] != "user" or not set(roles) <= {"user", "assistant"}:
        message = "A conversation must start and end with a user message."
        raise invalid(message)
    return conversation


def _text(blocks: list[dict[str, Any]]) -> str:
    texts = [block["guardContent"]["text"]["text"] if "guardContent" in block else block["text"] for block in blocks]
    return "\n".join(texts)


def _limit(settings: dict[str, Any]) -> int | None:
    limit = settings.get("maxTokens")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        message = "maxTokens must be a positive integer."
        raise invalid(message)
    return limit


@dataclass(slots=True)
class Reply:
    """A model's answer while it is written; a token is a word, here and in the usage."""

    conversation: Conversation
    words: Iterator[str]
    written: int = 0
    stop_reason: str = "end_turn"

    def __iter__(self) -> Iterator[str]:
        """Yield the words, at most as many as the request allows."""
        for word in self.words:
            if self.written == self.conversation.max_tokens:
                self.stop_reason = "max_tokens"
                return
            self.written += 1
            yield word

    def usage(self) -> dict[str, int]:
        """Return the tokens read and written."""
        read = len(self.conversation.text.split())
        return {"inputTokens": read, "outputTokens": self.written, "totalTokens": read + self.written}


def events(reply: Reply) -> Iterator[Event]:
    """Yield the ConverseStream events of `reply`, in AWS's order."""
    words = iter(reply)
    first = next(words, "")
    yield "messageStart", {"role": "assistant"}
    yield _delta(first)
    for word in words:
        yield _delta(word)
    yield "contentBlockStop", {"contentBlockIndex": 0}
    yield "messageStop", {"stopReason": reply.stop_reason}
    yield "metadata", {"usage": reply.usage(), "metrics": {"latencyMs": 0}}


def response(reply: Reply) -> dict[str, object]:
    """Return the Converse response that holds all of `reply`."""
    content = [{"text": "".join(reply)}]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reply.stop_reason,
        "usage": reply.usage(),
        "metrics": {"latencyMs": 0},
    }


def _delta(text: str) -> Event:
    return "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}
