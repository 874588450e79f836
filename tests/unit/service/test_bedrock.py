"""boto3's real client against the wire on loopback: streams, faults, and a hung read that wakes at once."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from botocore.eventstream import ChecksumMismatch
from botocore.parsers import ResponseParserError

from retrieval.errors import EmbeddingUnavailableError
from service.bedrock import BedrockEmbedder, BedrockModel, BedrockStream, Guardrail
from service.errors import ModelInterruptedError, ModelUnavailableError
from service.model import Stop
from service.prompt import Prompt
from tests.support.application import Application, events
from tests.support.cloud import Cloud, bedrock, running_cloud
from tests.support.server import calling, serving

pytestmark = pytest.mark.enable_socket

QUESTION = {"question": "What does the engine plan say?"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Prompt:
    application = Application(Path(tmp_path_factory.mktemp("bedrock")))
    with application.client() as client:
        client.post("/v1/answers", json=QUESTION)
    return application.model.prompts[0]


def model(cloud: Cloud, name: str, read_timeout: float = 20) -> BedrockModel:
    return BedrockModel(bedrock(cloud.bedrock, read_timeout), name, 200)


def test_an_answer_comes_in_pieces_and_ends_with_its_stop(cloud: Cloud, prompt: Prompt) -> None:
    pieces = list(model(cloud, "local.echo").stream(prompt))
    assert pieces[-1] == Stop("end")
    assert prompt.user in "".join(piece for piece in pieces if isinstance(piece, str))


@pytest.mark.parametrize("name", ["local.throttle", "local.fail", "local.no-such-model"])
def test_a_model_that_refuses_is_unavailable_and_its_text_is_not_told(cloud: Cloud, prompt: Prompt, name: str) -> None:
    with pytest.raises(ModelUnavailableError) as refused:
        model(cloud, name).stream(prompt)
    assert "before trying again" not in str(refused.value)
    assert "engine" not in str(refused.value)


def test_an_endpoint_that_is_not_there_is_unavailable(prompt: Prompt) -> None:
    with pytest.raises(ModelUnavailableError):
        BedrockModel(bedrock("http://127.0.0.1:9"), "local.echo", 200).stream(prompt)


@pytest.mark.parametrize("name", ["local.break", "local.throttle-midstream"])
def test_a_stream_that_breaks_says_so_after_what_it_said(cloud: Cloud, prompt: Prompt, name: str) -> None:
    said: list[str | Stop] = []
    with pytest.raises(ModelInterruptedError):
        said.extend(model(cloud, name).stream(prompt))
    assert "".join(str(piece) for piece in said) == "Almost there"


def test_closing_a_hung_stream_wakes_its_reader_at_once(cloud: Cloud, prompt: Prompt) -> None:
    stream = model(cloud, "local.hang", read_timeout=60).stream(prompt)
    pieces, woken = iter(stream), threading.Event()
    assert next(pieces) == "Wait"

    def read() -> None:
        with suppress(ModelInterruptedError):
            next(pieces)
        woken.set()

    threading.Thread(target=read, daemon=True).start()
    assert not woken.wait(0.5), "the stream was to hang"
    began = time.monotonic()
    stream.close()
    stream.close()
    assert woken.wait(10)
    assert time.monotonic() - began < 2


def test_a_hung_stream_ends_at_its_read_timeout(cloud: Cloud, prompt: Prompt) -> None:
    with pytest.raises(ModelInterruptedError):
        list(model(cloud, "local.hang", read_timeout=0.5).stream(prompt))


END = {"stopReason": "end_turn"}


class Events(list[Any]):
    """An event stream of botocore's, already here; its private attribute has vanished."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_closing_a_stream_whose_socket_is_out_of_reach_is_no_error() -> None:
    vanished, released = Events(), Events()
    released._raw_stream = SimpleNamespace(connection=None)  # type: ignore[attr-defined]  # noqa: SLF001 - botocore's
    for found in (vanished, released):
        BedrockStream(found).close()  # type: ignore[arg-type]  # stands in for botocore's
        assert found.closed


def test_a_stream_is_closed_by_its_reader_however_it_ends() -> None:
    for found in (Events(), Events([{"messageStop": {"stopReason": "end_turn"}}])):
        with suppress(ModelInterruptedError):
            list(BedrockStream(found))  # type: ignore[arg-type]  # stands in for botocore's
        assert found.closed


def test_an_answer_begins_with_its_first_event_and_keeps_it() -> None:
    stream = BedrockStream(Events([{"contentBlockDelta": {"delta": {"text": "So"}}}, {"messageStop": END}]))  # type: ignore[arg-type]  # stands in for botocore's
    stream.begin()
    assert list(stream) == ["So", Stop("end")]


class BrokenEvents(Events):
    """An event stream of which nothing, or nothing more, can be read."""

    def __init__(self, error: Exception, *first: object) -> None:
        super().__init__(first)
        self.error = error

    def __iter__(self) -> Iterator[Any]:
        yield from [*super().__iter__()]
        raise self.error


ERRORS = [ChecksumMismatch(1, 2), ResponseParserError("x"), KeyError("x"), AttributeError("x"), OSError("x")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_r09_a_stream_that_cannot_be_read_is_no_answer_before_its_first_event_and_an_interrupted_one_after_it(
    error: Exception,
) -> None:
    before, after = BrokenEvents(error), BrokenEvents(error, {"messageStart": {"role": "assistant"}})
    with pytest.raises(ModelUnavailableError):
        BedrockStream(before).begin()  # type: ignore[arg-type]  # stands in for botocore's
    begun = BedrockStream(after)  # type: ignore[arg-type]  # likewise
    begun.begin()
    with pytest.raises(ModelInterruptedError):
        list(begun)
    assert before.closed
    assert after.closed


def test_r09_a_stream_without_an_event_is_no_answer() -> None:
    with pytest.raises(ModelUnavailableError):
        BedrockStream(Events()).begin()  # type: ignore[arg-type]  # stands in for botocore's


def test_a_closed_stream_leaves_the_client_usable(cloud: Cloud, prompt: Prompt) -> None:
    one = model(cloud, "local.echo")
    for _ in range(3):
        stream = one.stream(prompt)
        next(iter(stream))
        stream.close()
    assert list(one.stream(prompt))[-1] == Stop("end")


def test_a_caller_who_leaves_a_hung_model_ends_the_stream_within_a_second(cloud: Cloud, tmp_path: Path) -> None:
    """(R-15)."""
    application = Application(tmp_path, model=model(cloud, "local.hang", read_timeout=60), streams=1)
    with serving(application.app) as running:
        for _ in range(2):  # the second time shows that the only place, with its thread, is free again
            with calling(running) as caller:
                caller.send("POST", "/v1/answers", application.headers(), QUESTION)
                assert b"event: token" in caller.read_until(b"event: token")
                caller.hang_up()
            began = time.monotonic()
            assert application.closed() == "cancelled"
            assert time.monotonic() - began < 3
            until = time.monotonic() + 10
            while time.monotonic() < until:
                with suppress(Exception):
                    application.on.streams.enter().leave()
                    break
                time.sleep(0.02)


@pytest.mark.parametrize(
    ("name", "last", "closed"),
    [
        ("local.break", "error", "truncated"),
        ("local.throttle-midstream", "error", "truncated"),
        ("local.echo", "done", "complete"),
    ],
)
def test_the_whole_application_over_the_wire(cloud: Cloud, tmp_path: Path, name: str, last: str, closed: str) -> None:
    """(R-09)."""
    application = Application(tmp_path, model=model(cloud, name))
    with application.client() as client:
        response = client.post("/v1/answers", json=QUESTION)
    assert events(response.text)[-1][0] == last
    assert application.closed() == closed


@pytest.mark.parametrize("name", ["local.throttle", "local.fail"])
def test_a_model_that_fails_before_its_first_word_is_503_over_the_wire(cloud: Cloud, tmp_path: Path, name: str) -> None:
    """(R-09)."""
    application = Application(tmp_path, model=model(cloud, name))
    with application.client() as client:
        assert client.post("/v1/answers", json=QUESTION).status_code == 503
    assert application.closed() == "failed"


def test_vectors_are_unit_and_one_for_each_text(cloud: Cloud) -> None:
    found = BedrockEmbedder(bedrock(cloud.bedrock), cloud.embeddings, 384).embed(["holidays", "rotor"])
    assert found.shape == (2, 384)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    assert BedrockEmbedder(bedrock(cloud.bedrock), cloud.embeddings, 384).embed([]).shape == (0, 384)


@pytest.mark.parametrize("name", ["local.throttle", "local.fail", "local.break", "local.no-such-model", "local.echo"])
def test_an_embedding_that_fails_is_unavailable(cloud: Cloud, name: str) -> None:
    with pytest.raises(EmbeddingUnavailableError):
        BedrockEmbedder(bedrock(cloud.bedrock), name, 384).embed(["holidays"])


def test_an_embedding_that_hangs_ends_at_the_read_timeout(cloud: Cloud) -> None:
    with pytest.raises(EmbeddingUnavailableError):
        BedrockEmbedder(bedrock(cloud.bedrock, 0.5), "local.hang", 384).embed(["holidays"])


class Answers:
    """A client that answers `invoke_model` with one body."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def invoke_model(self, **_: object) -> dict[str, Any]:
        return {"body": SimpleNamespace(read=lambda: self.body)}


BODIES = [b"", b"{}", b"[]", b"null", b"x", b'{"embedding": null}', b'{"embedding": [1, 2]}', b'{"embedding": "abc"}',
          b'{"embedding": [0, 0, 0]}', b'{"embedding": [1, 2, NaN]}', b'{"embedding": [1, 2, 1e999]}',
          b'{"embedding": [1, 2, "x"]}', b'{"embedding": [1, 2, null]}', b'{"embedding": [1, 2, [3]]}', b"\xff",
          b'{"embedding": [1, 2, {"a": 1}]}']  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
def test_what_is_no_vector_is_an_unavailable_embedding(body: bytes) -> None:
    client: Any = Answers(body)
    with pytest.raises(EmbeddingUnavailableError):
        BedrockEmbedder(client, "local.vectors", 3).embed(["holidays"])


def test_a_guardrail_is_in_the_request_and_what_it_stops_is_said(prompt: Prompt) -> None:
    sent: list[dict[str, Any]] = []

    class Recorder:
        def converse_stream(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3's own
            sent.append(request)
            return {"stream": Events([{"messageStop": {"stopReason": "guardrail_intervened"}}])}

    client: Any = Recorder()
    assert list(BedrockModel(client, "m", 5, Guardrail("g", "1")).stream(prompt)) == [Stop("guardrail")]
    assert list(BedrockModel(client, "m", 5).stream(prompt))[-1] == Stop("guardrail")
    assert sent[0]["guardrailConfig"]["guardrailIdentifier"] == "g"
    assert "guardrailConfig" not in sent[1]
    assert not {"toolConfig", "tools"} & sent[0].keys()
    assert sent[0]["inferenceConfig"]["maxTokens"] == 5


@pytest.mark.parametrize(
    ("found", "stop"),
    [("end_turn", "end"), ("stop_sequence", "end"), ("max_tokens", "length"), ("guardrail_intervened", "guardrail"),
     ("something_new", "length")],
)  # fmt: skip
def test_a_stop_that_we_do_not_know_is_no_proper_end(found: str, stop: str) -> None:
    stream: Any = Events([{"contentBlockDelta": {"delta": {}}}, {"messageStop": {"stopReason": found}}])
    assert list(BedrockStream(stream)) == ["", Stop(stop)]  # type: ignore[arg-type]  # one of the literals


def test_a_stream_without_a_stop_is_interrupted() -> None:
    stream: Any = Events([{"contentBlockDelta": {"delta": {"text": "So"}}}])
    with pytest.raises(ModelInterruptedError):
        list(BedrockStream(stream))
