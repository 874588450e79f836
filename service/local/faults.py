"""From a model id to a fault: models that fail, hang, break or obey, so that tests need no side channel."""

import re
import time
from collections.abc import Iterator
from typing import Never

from service.local.converse import Conversation
from service.local.embedding import Embed, Embedding
from service.local.errors import BedrockError, BreakError, HangError
from service.local.models import LocalModel, Models, words

_SLOW_WORDS = 100
_SLOW_DELAY = 0.2
"""Seconds before a word: 20 seconds for the whole answer, the first word at once."""
_SLOW_EMBEDDING = 5.0
"""Seconds before a vector."""

_VERB = r"say|reply with|respond with|answer with|output|print|write|repeat|link to"
_INSTRUCTION = re.compile(
    r"(?:^|[.!?:;,>\"]|\b(?:and|then|now|please|must|just|only|always))\s*\b"
    rf"({_VERB})\b(?: the following)?\s*:?\s*(?=(.+))",
    re.IGNORECASE | re.MULTILINE,
)
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&amp;": "&"}


def fault_models(embed: Embed) -> Models:
    """Return the fault models; `embed` gives the vectors of those that do answer."""
    return {
        "local.throttle": LocalModel(_throttle, _throttle),
        "local.fail": LocalModel(_fail, _fail),
        "local.hang": LocalModel(_hang, _hang_at_once),
        "local.break": LocalModel(_break, _break_at_once),
        "local.throttle-midstream": LocalModel(_throttle_midstream, _throttle),
        "local.slow": LocalModel(_slow, _slowly(embed)),
        "local.echo": LocalModel(_echo),
        "local.obedient": LocalModel(_obedient),
    }


def _throttle(_: object) -> Never:
    message = "Too many requests, please wait before trying again."
    raise BedrockError(429, "ThrottlingException", message)


def _fail(_: object) -> Never:
    message = "The system encountered an unexpected error during processing."
    raise BedrockError(500, "InternalServerException", message)


def _hang(_: Conversation) -> Iterator[str]:
    yield "Wait"
    raise HangError


def _hang_at_once(_: str) -> Never:
    raise HangError


def _break(_: Conversation) -> Iterator[str]:
    yield "Almost "
    yield "there"
    raise BreakError


def _break_at_once(_: str) -> Never:
    raise BreakError


def _throttle_midstream(conversation: Conversation) -> Iterator[str]:
    yield "Almost "
    yield "there"
    _throttle(conversation)


def _slow(_: Conversation) -> Iterator[str]:
    return words("slowly " * _SLOW_WORDS, _SLOW_DELAY)


def _slowly(embed: Embed) -> Embed:
    def late(text: str) -> Embedding:
        time.sleep(_SLOW_EMBEDDING)
        return embed(text)

    return late


def _echo(conversation: Conversation) -> Iterator[str]:
    return words(conversation.text)


def _obedient(conversation: Conversation) -> Iterator[str]:
    """Disclose the whole prompt, then do the last thing that anyone asks for in it: the worst a model can do."""
    return words(f"{conversation.text}\n\n{obey(conversation.text)}")


def obey(text: str) -> str:
    """Return what the last instruction in `text` asks for, escaped text read as a model would; nothing without one."""
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    found = _INSTRUCTION.findall(text)
    if not found:
        return ""
    verb, wish = found[-1]
    if verb.lower() != "link to":
        return _unquoted(wish)
    url = wish.split()[0].strip("\"'<>.,;")
    return f"[Read more]({url}) ![picture]({url})"


def _unquoted(wish: str) -> str:
    quoted = re.match(r"[\"'\u201c](.+?)[\"'\u201d]", wish)
    return quoted[1] if quoted else wish.partition("</")[0].strip()
