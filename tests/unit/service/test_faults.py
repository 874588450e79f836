"""Each dependency down, slow or broken: status, body, record, and never a document's byte before its record."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from httpx2 import Response

from authz.errors import DirectoryUnavailableError
from authz.resource import EntityId, TenantId
from retrieval.audit import Entry, Json, Outcome, Receipt
from retrieval.document import PassageId
from retrieval.embedder import Vectors
from retrieval.errors import AuditUnavailableError, RegistryUnavailableError, SearchUnavailableError
from retrieval.errors import EmbeddingUnavailableError as NoVectorError
from retrieval.index import Hits
from retrieval.registry import RegistryView
from service.errors import ModelUnavailableError
from service.model import Stop
from tests.support.application import ACME, BOUNDS, SOURCES, Application, canary, events, said
from tests.support.memory import MemoryAuditLog, MemoryRegistry
from tests.support.scripted import breaks, cites, echoes, explodes, hangs, rambles

QUESTION = {"question": "What does the engine plan say?"}
DETAIL = "CANARYDETAIL"
SHORT = replace(BOUNDS, deadline=0.5)


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return Application(tmp_path)


def ask(application: Application, subject: str = "alice", path: str = "/v1/answers") -> Response:
    with application.client(subject) as client:
        return client.get(path) if "documents" in path else client.post(path, json=QUESTION)


def disclosed(text: str) -> list[str]:
    """Return the names of the documents of which `text` holds something."""
    return [source.name for source in SOURCES if canary(source.tenant, source.name) in text]


def is_refused(response: Response) -> bool:
    """Return whether it is our 503, which says when to come back and nothing else."""
    assert response.status_code == 503, response.text
    assert response.headers["retry-after"] == "5"
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) == {"type", "status", "detail", "request"}
    assert DETAIL not in response.text
    assert not disclosed(response.text)
    return True


DOORS = ("/v1/answers", "/v1/search", "/v1/documents", "/v1/documents/plan")
FAULTS: Mapping[str, Callable[[Application], None]] = {
    "registry": lambda on: setattr(on.registry, "failing", RegistryUnavailableError(DETAIL)),
    "index": lambda on: setattr(on.index, "failing", SearchUnavailableError(DETAIL)),
}


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_store_is_503_recorded_as_failed_and_the_model_is_not_asked(
    application: Application, path: str, fault: str
) -> None:
    FAULTS[fault](application)
    assert is_refused(ask(application, path=path))
    (record,) = application.records()
    assert record["outcome"] == "failed"
    assert not application.model.streams
    assert DETAIL not in str(record)
    assert application.metric("antechamber_faults_total", fault=str(record["failure"])) == 1


@pytest.mark.parametrize("path", DOORS[:2])
def test_a_failing_embedding_is_503_and_recorded(application: Application, path: str) -> None:
    application.embedder.failing = NoVectorError(DETAIL)
    assert is_refused(ask(application, path=path))
    assert application.records()[0]["failure"] == "EmbeddingUnavailableError"
    assert not application.model.streams


@pytest.mark.parametrize("path", (*DOORS, "/v1/me"))
def test_a_directory_that_is_down_is_503_and_never_no_groups(application: Application, path: str) -> None:
    application.directory.failing = DirectoryUnavailableError(DETAIL)
    with application.client() as client:
        response = client.post(path, json=QUESTION) if path in DOORS[:2] else client.get(path)
    assert is_refused(response)
    assert not application.index.scopes
    assert not application.model.streams


def test_a_directory_without_a_readable_epoch_is_503(application: Application) -> None:
    del application.directory.epochs[ACME]
    assert is_refused(ask(application))


@pytest.mark.parametrize("path", DOORS)
def test_an_audit_log_that_is_down_means_503_and_no_byte_of_any_document(application: Application, path: str) -> None:
    application.audit.failing = AuditUnavailableError(DETAIL)
    assert is_refused(ask(application, path=path))
    assert not application.model.streams
    assert not application.records()


@pytest.mark.parametrize("path", DOORS)
def test_a_failing_store_and_a_failing_audit_log_are_503(application: Application, path: str) -> None:
    application.index.failing = SearchUnavailableError(DETAIL)
    application.audit.failing = AuditUnavailableError(DETAIL)
    assert is_refused(ask(application, path=path))


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("place", ["directory", "registry", "index", "audit"])
def test_what_nobody_foresaw_is_500_without_its_text_and_logged_by_its_type(
    application: Application, path: str, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    getattr(application, place).failing = RuntimeError(DETAIL)
    response = ask(application, path=path)
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json()["request"] == response.headers["x-request-id"]
    output = "".join(capfd.readouterr())
    assert DETAIL not in response.text + output
    assert "RuntimeError" in output
    assert not disclosed(response.text + output)
    assert not application.model.streams
    application.audit.failing = None
    if place in {"registry", "index"}:
        assert application.records()[0]["outcome"] == "failed"


@dataclass(slots=True)
class LateAuditLog(MemoryAuditLog):
    """Says when the record was durable."""

    durable: float = 0

    def append(self, entry: Entry) -> None:
        time.sleep(0.3)
        MemoryAuditLog.append(self, entry)
        self.durable = time.monotonic()


def test_the_record_is_durable_before_the_model_is_asked_and_before_the_first_byte(tmp_path: Path) -> None:
    application = Application(tmp_path)
    audit = LateAuditLog()
    application = Application(tmp_path, stores=replace(application.on.stores, audit=audit))
    asked: list[float] = []

    def script(*_: object) -> Any:  # noqa: ANN401 - a generator
        asked.append(time.monotonic())
        yield Stop("end")

    application.model.script = script
    ask(application)
    assert 0 < audit.durable <= asked[0]


def test_a_model_that_does_not_begin_is_503_and_its_record_is_closed_as_failed(application: Application) -> None:
    application.model.failing = ModelUnavailableError(DETAIL)
    assert is_refused(ask(application))
    (record,) = application.records()
    assert (record["outcome"], record["closed"]) == ("open", "failed")


def test_a_model_that_raises_what_nobody_foresaw_leaves_a_record_closed_as_failed(application: Application) -> None:
    application.model.failing = RuntimeError(DETAIL)
    response = ask(application)
    assert response.status_code == 500
    assert DETAIL not in response.text
    assert application.closed() == "failed"


@pytest.mark.parametrize("script", [breaks, explodes])
def test_a_stream_that_breaks_ends_in_an_error_event_and_a_record_that_says_truncated(
    application: Application,
    script: Any,
    capfd: pytest.CaptureFixture[str],  # noqa: ANN401 - a script
) -> None:
    application.model.script = script
    response = ask(application)
    assert response.status_code == 200
    assert said(response.text) == "Almost "
    name, data = events(response.text)[-1]
    assert (name, data["outcome"]) == ("error", "truncated")
    assert application.closed() == "truncated"
    assert "CANARY" not in response.text + "".join(capfd.readouterr())
    assert application.metric("antechamber_faults_total", fault="ModelInterruptedError") == 1


@pytest.mark.parametrize(
    ("reason", "outcome"), [("length", "truncated"), ("guardrail", "truncated"), ("end", "complete")]
)
def test_why_the_model_stopped_is_said_and_recorded(application: Application, reason: Any, outcome: str) -> None:  # noqa: ANN401 - a literal
    def script(*_: object) -> Any:  # noqa: ANN401 - a generator
        yield "So far [1]"
        yield Stop(reason)

    application.model.script = script
    name, data = events(ask(application).text)[-1]
    assert (name, data) == ("done", {"outcome": outcome, "reason": reason, "abstained": False})
    assert application.closed() == outcome


def test_a_model_that_does_not_begin_in_time_is_503_and_what_it_begins_later_is_closed(tmp_path: Path) -> None:
    application = Application(tmp_path, SHORT)
    application.model.ready.clear()
    began = time.monotonic()
    assert is_refused(ask(application))
    assert time.monotonic() - began < 5
    application.model.ready.set()
    assert application.closed() == "failed"
    assert application.model.streams[0].closed.is_set()


def test_a_slow_embedding_is_503_at_the_deadline_and_recorded(tmp_path: Path) -> None:
    application = Application(tmp_path, SHORT)
    application.embedder.delay = 2
    for path in DOORS[:2]:
        began = time.monotonic()
        assert is_refused(ask(application, path=path))
        assert time.monotonic() - began < 1.9
    assert [record["failure"] for record in application.records()] == ["DeadlineExceededError"] * 2
    assert not application.model.streams


def test_a_directory_slower_than_the_deadline_leaves_nothing_to_ask_the_model(tmp_path: Path) -> None:
    application = Application(tmp_path, SHORT)
    real = application.directory.entitlements

    class SlowDirectory:
        def entitlements(self, issuer: str, subject: str) -> Any:  # noqa: ANN401 - as the port's
            time.sleep(0.7)
            return real(issuer, subject)

    slow = Application(tmp_path, SHORT, directory=SlowDirectory())
    assert is_refused(ask(slow))
    assert not slow.model.streams


def test_a_slow_store_ends_at_the_deadline_for_the_caller_and_its_record_follows(tmp_path: Path) -> None:
    class SlowRegistry(MemoryRegistry):
        def get(self, passages: Sequence[PassageId]) -> RegistryView:
            time.sleep(1.5)
            return MemoryRegistry.get(self, passages)

    plain = Application(tmp_path)
    registry = SlowRegistry(records=plain.registry.records, passages=plain.registry.passages)
    slow = Application(tmp_path, SHORT, stores=replace(plain.on.stores, registry=registry))
    began = time.monotonic()
    assert is_refused(ask(slow))
    assert time.monotonic() - began < 1.4
    time.sleep(1.5)
    assert not slow.model.streams
    assert plain.closed() == "failed"


def test_a_closing_record_that_cannot_be_written_is_counted_and_the_opening_one_stands(
    application: Application,
) -> None:
    class Unclosable(MemoryAuditLog):
        def close(self, receipt: Receipt, outcome: Outcome, detail: Mapping[str, Json]) -> None:
            raise AuditUnavailableError(DETAIL)

    with_it = Application(
        Path(str(application.index.real.file.path.parent)),
        stores=replace(application.on.stores, audit=Unclosable()),
    )
    response = ask(with_it)
    assert events(response.text)[-1][0] == "done"
    assert with_it.metric("antechamber_faults_total", fault="AuditUnavailableError") == 1


def _partial_vector(texts: Sequence[str]) -> Vectors:
    return np.full((len(texts), 3), 0.5, np.float32)


def _nan_vector(texts: Sequence[str]) -> Vectors:
    return np.full((len(texts), 64), np.nan, np.float32)


def _no_vector(texts: Sequence[str]) -> Vectors:  # noqa: ARG001 - as the port's
    return np.empty((0, 64), np.float32)


@pytest.mark.parametrize("vectors", [_partial_vector, _nan_vector, _no_vector])
def test_a_vector_that_is_none_never_becomes_an_answer(
    tmp_path: Path, vectors: Callable[[Sequence[str]], Vectors]
) -> None:
    class Broken:
        model, dimensions = "test.hashing-64", 64

        def embed(self, texts: Sequence[str]) -> Vectors:
            return vectors(texts)

    application = Application(tmp_path, embedder=Broken())
    response = ask(application)
    assert response.status_code in {500, 503}
    assert application.records()[0]["outcome"] == "failed"
    assert not application.model.streams


def test_hits_that_are_partial_foreign_or_altered_are_dropped_counted_and_the_rest_answers(
    application: Application,
) -> None:
    def change(hits: Hits) -> Hits:
        good = next(hit for hit in hits if hit.document == "acme/plan")
        nothing: Any = None
        return [
            replace(good, version=nothing),
            replace(good, ordinal=nothing),
            replace(good, tenant=TenantId("globex"), document=EntityId("globex/plan")),
            replace(good, document=EntityId("acme/nowhere")),
            good,
            *(
                replace(hit, untrusted_text="Something else entirely.")
                for hit in hits
                if hit.document == "acme/handbook"
            ),
        ]

    application.index.change = change
    application.model.script = echoes
    response = ask(application)
    assert disclosed(said(response.text)) == ["plan"]
    for refusal, count in (("malformed", 2), ("foreign", 1), ("unregistered", 1), ("altered", 1)):
        assert application.metric("antechamber_hits_refused_total", refusal=refusal) == count
    assert "Something else" not in response.text


def test_no_place_left_is_503_before_any_backend_is_called(tmp_path: Path) -> None:
    application = Application(tmp_path, replace(BOUNDS, deadline=5), streams=1)
    place = application.on.streams.enter()
    assert is_refused(ask(application))
    assert application.directory.asked == 0
    assert not application.records()
    place.leave()
    assert ask(application).status_code == 200


def test_an_unreadable_set_of_keys_is_503_and_no_401(application: Application) -> None:
    application.keys.down = True
    for path in DOORS:
        assert is_refused(ask(application, path=path))
    assert application.directory.asked == 0


def test_policies_that_fail_to_decide_refuse_the_whole_request(application: Application) -> None:
    # A principal whose attributes do not fit the schema makes the engine report an error.
    issuer, subject = "https://login.acme.test", "alice"
    tenant, person = application.directory.persons[issuer, subject]
    application.directory.persons[issuer, subject] = (tenant, replace(person, attributes={"tenant": "acme"}))
    response = ask(application)
    assert response.status_code in {500, 503}
    assert not application.index.scopes
    assert application.records()[0]["outcome"] == "failed"


def test_scripts_that_never_end_do_not_hang_a_client_that_has_had_enough(tmp_path: Path) -> None:
    application = Application(tmp_path, replace(BOUNDS, answer_timeout=0.5))
    for script in (hangs, rambles):
        application.model.script = script
        name, data = events(ask(application).text)[-1]
        assert (name, data["outcome"]) == ("error", "cancelled")
        assert application.closed() == "cancelled"
    application.model.script = cites
    assert ask(application).status_code == 200
