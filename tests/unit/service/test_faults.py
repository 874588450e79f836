"""Each dependency down, slow or broken: status, body, record, and never a document's byte before its record."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from authz.errors import DirectoryUnavailableError
from authz.resource import EntityId, TenantId
from retrieval.audit import Entry
from retrieval.embedder import Vectors
from retrieval.errors import AuditUnavailableError, RegistryUnavailableError, SearchUnavailableError
from retrieval.errors import EmbeddingUnavailableError as NoVectorError
from retrieval.index import Hits
from service.model import Stop
from tests.support.application import ACME, BOUNDS, Application, disclosed, said
from tests.support.memory import MemoryAuditLog
from tests.support.refusals import DETAIL, QUESTION, ask, is_refused
from tests.support.scripted import echoes

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
    """(R-06), (A-01)."""
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


@pytest.mark.parametrize("path", [*DOORS, "/v1/me"])
def test_a_directory_that_is_down_is_503_and_never_no_groups(application: Application, path: str) -> None:
    """(R-03)."""
    application.directory.failing = DirectoryUnavailableError(DETAIL)
    with application.client() as client:
        response = client.post(path, json=QUESTION) if path in DOORS[:2] else client.get(path)
    assert is_refused(response)
    assert not application.index.scopes
    assert not application.model.streams


def test_a_directory_without_a_readable_epoch_is_503(application: Application) -> None:
    """(R-03)."""
    del application.directory.epochs[ACME]
    assert is_refused(ask(application))


@pytest.mark.parametrize("path", DOORS)
def test_an_audit_log_that_is_down_means_503_and_no_byte_of_any_document(application: Application, path: str) -> None:
    """(R-10)."""
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
    """(R-10)."""
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
    """(R-07)."""

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
    assert disclosed(said(response.text)) == {(ACME, "plan")}
    for refusal, count in (("malformed", 2), ("foreign", 1), ("unregistered", 1), ("altered", 1)):
        assert application.metric("antechamber_hits_refused_total", refusal=refusal) == count
    assert "Something else" not in response.text


def test_no_place_left_is_503_before_any_backend_is_called(tmp_path: Path) -> None:
    """(R-17)."""
    application = Application(tmp_path, replace(BOUNDS, deadline=5), streams=1)
    place = application.on.streams.enter()
    assert is_refused(ask(application))
    assert application.directory.asked == 0
    assert not application.records()
    place.leave()
    assert ask(application).status_code == 200


def test_an_unreadable_set_of_keys_is_503_and_no_401(application: Application) -> None:
    """(R-02)."""
    application.keys.down = True
    for path in DOORS:
        assert is_refused(ask(application, path=path))
    assert application.directory.asked == 0


def test_policies_that_fail_to_decide_refuse_the_whole_request(application: Application) -> None:
    """(R-05), (L-21)."""
    # A principal whose attributes do not fit the schema makes the engine report an error.
    issuer, subject = "https://login.acme.test", "alice"
    tenant, person = application.directory.persons[issuer, subject]
    application.directory.persons[issuer, subject] = (tenant, replace(person, attributes={"tenant": "acme"}))
    response = ask(application)
    assert response.status_code in {500, 503}
    assert not application.index.scopes
    assert application.records()[0]["outcome"] == "failed"
