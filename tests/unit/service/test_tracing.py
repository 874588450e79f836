"""Spans of whole requests: which step took how long and how it ended, and nothing that anybody said or is called."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from authz.errors import DirectoryUnavailableError
from retrieval.errors import AuditUnavailableError, RegistryUnavailableError, SearchUnavailableError
from service.errors import ModelUnavailableError
from tests.support.application import Application
from tests.support.scripted import echoes, explodes

MARK = "CANARY"
QUESTION = {"question": "What does the engine plan say about CANARYQUESTION?"}
STEPS = {
    "request", "identify", "count", "embed", "which-index", "look-up", "scope", "search", "admit", "record",
    "build-prompt", "generate", "stream", "close",
}  # fmt: skip


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)  # the API lets a process set its own once only
    yield kept
    provider.shutdown()


def spans(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    return list(exporter.get_finished_spans())


def everything(found: list[ReadableSpan]) -> str:
    return "\n".join(span.to_json() for span in found)


def harmless(application: Application, text: str) -> bool:
    """Return whether no text, name or token of a request stands in `text`."""
    said = [MARK, "What does", "alice", "login.acme", "acme/", "plan", "Engine", "Bearer", application.token()[:20]]
    return not [each for each in said if each in text]


def test_one_answer_is_one_trace_of_its_steps_and_none_holds_a_word(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    application = Application(tmp_path)
    application.model.script = echoes
    with application.client() as client:
        headers = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01", "baggage": f"x={MARK}", "X-Other": MARK}
        response = client.post(f"/v1/answers?q={MARK}", json=QUESTION, headers=headers)
    assert application.on.streams.emptied(5)
    found = spans(exporter)
    assert {span.name for span in found} == STEPS
    assert len({span.context.trace_id for span in found if span.context}) == 1
    assert f"{'ab' * 16}" not in everything(found), "a caller's own trace is not believed"
    (root,) = [span for span in found if span.parent is None]
    assert root.attributes == {
        "http.route": "/v1/answers",
        "http.response.status_code": 200,
        "antechamber.request": response.headers["x-request-id"],
    }
    assert harmless(application, everything(found))


FAULTS: Mapping[str, Callable[[Application], object]] = {
    "look-up": lambda on: setattr(on.directory, "failing", DirectoryUnavailableError(MARK)),
    "search": lambda on: setattr(on.index, "failing", SearchUnavailableError(MARK)),
    "admit": lambda on: setattr(on.registry, "failing", RegistryUnavailableError(MARK)),
    "record": lambda on: setattr(on.audit, "failing", AuditUnavailableError(MARK)),
    "generate": lambda on: setattr(on.model, "failing", ModelUnavailableError(MARK)),
    "embed": lambda on: setattr(on.embedder, "failing", RuntimeError(MARK)),
    "stream": lambda on: setattr(on.model, "script", explodes),
}


@pytest.mark.parametrize("step", FAULTS)
def test_a_step_that_fails_is_named_by_its_error_and_tells_nothing_of_it(
    tmp_path: Path, exporter: InMemorySpanExporter, step: str
) -> None:
    application = Application(tmp_path)
    FAULTS[step](application)
    with application.client() as client:
        client.post("/v1/answers", json=QUESTION)
    assert application.on.streams.emptied(5)
    found = spans(exporter)
    failed = next(span for span in found if span.name == step)
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.status.description is None
    assert failed.attributes is not None
    assert str(failed.attributes["error.type"]).endswith("Error")
    assert not any(span.events for span in found), "no recorded exception: its message may hold more"
    assert harmless(application, everything(found))


@pytest.mark.parametrize("path", [f"/v1/documents/{MARK}", f"/{MARK}", f"/v1/documents?after={MARK}"])
def test_no_path_or_query_stands_in_a_span_or_in_the_log(
    tmp_path: Path, exporter: InMemorySpanExporter, path: str
) -> None:
    application = Application(tmp_path)
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        with application.client() as client:
            client.request(MARK, path)
            client.get(path)
        with application.client(None) as client:
            client.get(path, headers={"Authorization": f"Bearer {MARK}"})
    assert harmless(application, everything(spans(exporter)))
    assert MARK not in json.dumps(logs)


def test_the_tracing_of_the_framework_itself_is_off(tmp_path: Path, exporter: InMemorySpanExporter) -> None:
    application = Application(tmp_path)
    with application.client() as client:
        client.get("/v1/me")
    assert {scope.name for span in spans(exporter) if (scope := span.instrumentation_scope)} == {"antechamber"}
