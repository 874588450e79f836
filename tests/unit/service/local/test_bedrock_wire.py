import json
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EventStreamError, ReadTimeoutError
from urllib3.exceptions import ProtocolError
from urllib3.exceptions import ReadTimeoutError as StreamTimeoutError

from service.local.bedrock_wire import MAX_BODY, BedrockServer
from service.local.converse import Conversation
from service.local.embedding import Embedding
from service.local.faults import fault_models
from service.local.models import LocalModel, words
from tests.support.cloud import bedrock

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def greet(conversation: Conversation) -> Iterator[str]:
    return words(f"You said: {conversation.messages[-1]}")


def embed(text: str) -> Embedding:
    return Embedding([float(len(text)), 0.5], 2)


def broken(_: object) -> Iterator[str]:
    message = "the text of a document"
    raise KeyError(message)


@pytest.fixture(scope="module")
def server() -> Iterator[BedrockServer]:
    models = {"greeter": LocalModel(greet), "embedder": LocalModel(embed=embed), "broken": LocalModel(broken)}
    with BedrockServer(0, {**models, **fault_models(embed)}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def client(server: BedrockServer) -> Iterator["BedrockRuntimeClient"]:
    with closing(bedrock(f"http://127.0.0.1:{server.server_port}", read_timeout=2)) as client:
        yield client


def converse(client: "BedrockRuntimeClient", model: str, text: str = "Grüße 🧪") -> Any:  # noqa: ANN401 - boto3's dicts
    return client.converse(modelId=model, messages=[{"role": "user", "content": [{"text": text}]}])


def stream(client: "BedrockRuntimeClient", model: str, text: str = "Grüße 🧪") -> Generator[dict[str, Any], None, None]:
    response = client.converse_stream(modelId=model, messages=[{"role": "user", "content": [{"text": text}]}])
    with closing(response["stream"]) as events:
        for event in events:
            yield dict(event)


def invoke(client: "BedrockRuntimeClient", model: str, body: object) -> Any:  # noqa: ANN401 - parsed JSON
    return json.loads(client.invoke_model(modelId=model, body=json.dumps(body))["body"].read())


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)


def test_boto3_converses(client: "BedrockRuntimeClient") -> None:
    response = converse(client, "greeter")

    assert response["output"]["message"]["content"] == [{"text": "You said: Grüße 🧪"}]
    assert response["stopReason"] == "end_turn"
    assert response["usage"] == {"inputTokens": 2, "outputTokens": 4, "totalTokens": 6}


def test_boto3_reads_the_stream_word_by_word(client: "BedrockRuntimeClient") -> None:
    events = list(stream(client, "greeter"))

    assert text_of(events) == "You said: Grüße 🧪"
    assert events[0] == {"messageStart": {"role": "assistant"}}
    assert events[-2] == {"messageStop": {"stopReason": "end_turn"}}
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 4
    assert len(events) == 4 + 4


def test_boto3_invokes_an_embedding(client: "BedrockRuntimeClient") -> None:
    body = {"inputText": "pump", "dimensions": 384, "normalize": True}

    assert invoke(client, "embedder", body) == {"embedding": [4.0, 0.5], "inputTextTokenCount": 2}


def test_a_client_is_served_over_and_over_on_one_connection_even_after_errors(client: "BedrockRuntimeClient") -> None:
    for _ in range(3):
        assert list(stream(client, "greeter"))
        with pytest.raises(ClientError):
            converse(client, "unknown")
        assert converse(client, "greeter")


def test_many_clients_are_served_at_once_and_none_gets_anothers_answer(client: "BedrockRuntimeClient") -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda number: text_of(list(stream(client, "greeter", f"number {number}"))), range(100))

    assert list(answers) == [f"You said: number {number}" for number in range(100)]


@pytest.mark.parametrize("model", ["unknown", "embedder", "../greeter", "arn:aws:bedrock:x:1:model/greeter"])
def test_an_unknown_model_or_one_that_cannot_converse_is_refused(client: "BedrockRuntimeClient", model: str) -> None:
    with pytest.raises(client.exceptions.ValidationException):
        converse(client, model)
    with pytest.raises(client.exceptions.ValidationException):
        next(stream(client, model))


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("greeter", {"inputText": "pump"}),
        ("unknown", {"inputText": "pump"}),
        ("embedder", {"inputText": ""}),
        ("embedder", {"inputText": "\ud800"}),
        ("embedder", ["pump"]),
        ("embedder", None),
    ],
)
def test_an_invocation_that_cannot_be_is_refused(client: "BedrockRuntimeClient", model: str, body: object) -> None:
    with pytest.raises(client.exceptions.ValidationException):
        invoke(client, model, body)


@pytest.mark.parametrize(
    ("model", "code", "status"),
    [("local.throttle", "ThrottlingException", 429), ("local.fail", "InternalServerException", 500)],
)
def test_an_early_fault_is_the_status(client: "BedrockRuntimeClient", model: str, code: str, status: int) -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: converse(client, model),
        lambda: list(stream(client, model)),
        lambda: invoke(client, model, {"inputText": "pump"}),
    )
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_throttling_amid_the_stream_is_an_event_stream_error(client: "BedrockRuntimeClient") -> None:
    events = stream(client, "local.throttle-midstream")

    assert text_of([next(events) for _ in range(3)]) == "Almost there"
    with pytest.raises(EventStreamError, match="throttlingException"):
        next(events)


def test_a_broken_stream_breaks_within_a_frame(client: "BedrockRuntimeClient") -> None:
    events = stream(client, "local.break")

    assert text_of([next(events) for _ in range(3)]) == "Almost there"
    with pytest.raises(ProtocolError, match="IncompleteRead"):
        next(events)
    with pytest.raises(ConnectionClosedError):
        converse(client, "local.break")
    with pytest.raises(ConnectionClosedError):
        invoke(client, "local.break", {"inputText": "pump"})


def test_a_hung_stream_says_one_word_and_then_nothing(client: "BedrockRuntimeClient") -> None:
    events = stream(client, "local.hang")

    assert text_of([next(events), next(events)]) == "Wait"
    with pytest.raises(StreamTimeoutError):
        next(events)
    with pytest.raises(ReadTimeoutError):
        converse(client, "local.hang")
    with pytest.raises(ReadTimeoutError):
        invoke(client, "local.hang", {"inputText": "pump"})


def test_a_slow_model_starts_at_once_and_takes_long(client: "BedrockRuntimeClient") -> None:
    events = stream(client, "local.slow")

    assert text_of([next(events) for _ in range(3)]) == "slowly slowly "
    events.close()
    with pytest.raises(ReadTimeoutError):
        invoke(client, "local.slow", {"inputText": "pump"})


def test_echo_and_obedience_pass_the_wire(client: "BedrockRuntimeClient") -> None:
    assert text_of(list(stream(client, "local.echo", "one\n two"))) == "one\n two"
    assert text_of(list(stream(client, "local.obedient", "Now say hello"))).endswith("\n\nhello")


def test_a_defect_in_a_model_closes_the_connection_and_logs_no_text(
    client: "BedrockRuntimeClient", caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConnectionClosedError):
        converse(client, "broken")

    assert "KeyError" in caplog.text
    assert "document" not in caplog.text


def raw(server: BedrockServer, body: bytes, headers: dict[str, str], path: str = "/model/greeter/converse") -> str:
    """Send a request that boto3 would not send; return its status and error type."""
    with closing(HTTPConnection("127.0.0.1", server.server_port, timeout=20)) as connection:
        connection.putrequest("POST", path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        with connection.getresponse() as response:
            return f"{response.status} {response.getheader('x-amzn-ErrorType')}"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"", {"Content-Length": "0"}),
        (b"", {"Content-Length": "-1"}),
        (b"", {"Content-Length": "many"}),
        (b"", {"Content-Length": str(MAX_BODY + 1)}),
        (b"{", {"Content-Length": "1"}),
        (b"\xff\xff", {"Content-Length": "2"}),
        (b"[" * 100_000, {"Content-Length": "100000"}),
        (b'{"messages": "\\ud800"}', {"Content-Length": "22"}),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(server: BedrockServer, body: bytes, headers: dict[str, str]) -> None:
    assert raw(server, body, headers) == "400 ValidationException"


@pytest.mark.parametrize("headers", [{"Origin": "https://attacker.example"}, {"Host": "attacker.example"}])
def test_a_web_page_is_refused(server: BedrockServer, headers: dict[str, str]) -> None:
    assert raw(server, b"{}", {"Content-Length": "2", **headers}) == "403 AccessDeniedException"


@pytest.mark.parametrize("path", ["/", "/model/greeter/apply", "/model/greeter/converse/x", "/model//converse"])
def test_an_unknown_operation_is_refused(server: BedrockServer, path: str) -> None:
    assert raw(server, b"{}", {"Content-Length": "2"}, path) == "404 UnknownOperationException"
