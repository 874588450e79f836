from collections.abc import Iterator
from typing import Any

import pytest

from service.local.converse import Conversation, Reply, conversation, events, response
from service.local.errors import BedrockError


def message(text: str, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": [{"text": text}]}


def reply(*words: str, max_tokens: int | None = None) -> Reply:
    return Reply(Conversation("be brief", ("how are you",), max_tokens), iter(words))


def test_the_model_sees_system_and_messages_in_their_order() -> None:
    body = {
        "system": [{"text": "one"}, {"text": "two"}],
        "messages": [message("three"), message("four", "assistant"), message("five")],
        "inferenceConfig": {"maxTokens": 7},
    }

    assert conversation(body).text == "one\ntwo\nthree\nfour\nfive"
    assert conversation(body).max_tokens == 7


def test_text_marked_for_a_guardrail_is_read_too() -> None:
    content = [{"guardContent": {"text": {"text": "guarded"}}}, {"text": "plain"}]

    assert conversation({"messages": [{"role": "user", "content": content}]}).messages == ("guarded\nplain",)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": None},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [None]},
        {"messages": [message("hello", "assistant")]},
        {"messages": [message("hello"), message("hello", "assistant")]},
        {"messages": [message("a"), message("b", "system"), message("c")]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": [{"image": {}}]}]},
        {"messages": [{"role": "user", "content": [{"text": 5}]}]},
        {"messages": [{"role": ["user"], "content": []}]},
        {"messages": [message("hello")], "system": "be good"},
        {"messages": [message("hello")], "inferenceConfig": {"maxTokens": 0}},
        {"messages": [message("hello")], "inferenceConfig": {"maxTokens": "many"}},
        {"messages": [message("hello")], "inferenceConfig": 5},
    ],
)
def test_a_malformed_body_is_refused_as_bedrock_refuses_it(body: dict[str, Any]) -> None:
    with pytest.raises(BedrockError) as caught:
        conversation(body)

    assert (caught.value.status, caught.value.kind) == (400, "ValidationException")


def test_a_stream_starts_stops_and_ends_with_its_usage() -> None:
    names = [name for name, _ in events(reply("very ", "well"))]

    assert names == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]


def test_an_empty_answer_is_still_a_whole_stream() -> None:
    assert [name for name, _ in events(reply())][-1] == "metadata"


def test_nothing_is_sent_before_the_first_word_is_known() -> None:
    class Throttled(Iterator[str]):
        def __next__(self) -> str:
            raise BedrockError(429, "ThrottlingException", "later")

    with pytest.raises(BedrockError):
        next(events(Reply(Conversation("", ("hi",), None), Throttled())))


def test_an_answer_is_cut_where_the_request_says() -> None:
    cut = response(reply("one ", "two ", "three", max_tokens=2))

    assert cut["output"] == {"message": {"role": "assistant", "content": [{"text": "one two "}]}}
    assert cut["stopReason"] == "max_tokens"
    assert cut["usage"] == {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}


def test_an_answer_of_exactly_the_allowed_length_ends_by_itself() -> None:
    assert response(reply("one ", "two", max_tokens=2))["stopReason"] == "end_turn"
