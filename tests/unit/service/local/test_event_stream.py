from typing import Any

from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from service.local.event_stream import event_frame, exception_frame


def decoded(data: bytes) -> list[Any]:
    """Return botocore's messages, whose attributes its stubs take for numbers."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


def test_an_event_is_what_botocore_decodes() -> None:
    [message] = decoded(event_frame("contentBlockDelta", {"delta": {"text": "Grüße 🧪"}}))

    assert message.headers == {
        ":event-type": "contentBlockDelta",
        ":message-type": "event",
        ":content-type": "application/json",
    }
    assert message.payload == b'{"delta": {"text": "Gr\\u00fc\\u00dfe \\ud83e\\uddea"}}'


def test_an_exception_is_an_error_to_botocore() -> None:
    [message] = decoded(exception_frame("throttlingException", "Too many requests."))

    assert message.headers[":exception-type"] == "throttlingException"
    assert message.to_response_dict()["status_code"] == 400


@given(st.lists(st.text(), max_size=5))
def test_frames_follow_one_another_without_a_gap(texts: list[str]) -> None:
    data = b"".join(event_frame("contentBlockDelta", {"text": text}) for text in texts)

    assert len(decoded(data)) == len(texts)
