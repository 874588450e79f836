"""A model, or anything before it, that fails, breaks off or takes too long: the caller hears of it, the record too."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.audit import Json, Outcome, Receipt
from retrieval.document import PassageId
from retrieval.errors import AuditUnavailableError
from retrieval.registry import RegistryView
from service.errors import ModelUnavailableError
from service.model import Stop
from tests.support.application import BOUNDS, Application, events, said
from tests.support.memory import MemoryAuditLog, MemoryRegistry
from tests.support.refusals import DETAIL, SHORT, ask, is_refused
from tests.support.scripted import breaks, cites, explodes, hangs, rambles

DOORS = ("/v1/answers", "/v1/search")


def test_a_model_that_does_not_begin_is_503_and_its_record_is_closed_as_failed(application: Application) -> None:
    """(R-09)."""
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
    script: Any,  # noqa: ANN401 - a script
    capfd: pytest.CaptureFixture[str],
) -> None:
    """(R-09)."""
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
    """(R-14)."""
    application = Application(tmp_path, SHORT)
    application.model.ready.clear()
    began = time.monotonic()
    assert is_refused(ask(application))
    assert time.monotonic() - began < 5
    application.model.ready.set()
    assert application.closed() == "failed"
    assert application.model.streams[0].closed.is_set()


def test_a_slow_embedding_is_503_at_the_deadline_and_recorded(tmp_path: Path) -> None:
    """(R-14)."""
    application = Application(tmp_path, SHORT)
    application.embedder.delay = 2
    for path in DOORS[:2]:
        began = time.monotonic()
        assert is_refused(ask(application, path=path))
        assert time.monotonic() - began < 1.9
    assert [record["failure"] for record in application.records()] == ["DeadlineExceededError"] * 2
    assert not application.model.streams


def test_a_directory_slower_than_the_deadline_leaves_nothing_to_ask_the_model(tmp_path: Path) -> None:
    """(R-14)."""
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
    """(R-14)."""

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
    (record,) = plain.records()
    assert (record["outcome"], record["failure"]) == ("failed", "DeadlineExceededError")


def test_a_closing_record_that_cannot_be_written_is_counted_and_the_opening_one_stands(
    application: Application,
) -> None:
    class Unclosable(MemoryAuditLog):
        def close(self, receipt: Receipt, outcome: Outcome, detail: Mapping[str, Json]) -> None:  # noqa: ARG002 - the port's
            raise AuditUnavailableError(DETAIL)

    with_it = Application(
        Path(str(application.index.real.file.path.parent)),
        stores=replace(application.on.stores, audit=Unclosable()),
    )
    response = ask(with_it)
    assert events(response.text)[-1][0] == "done"
    assert with_it.metric("antechamber_faults_total", fault="AuditUnavailableError") == 1


def test_scripts_that_never_end_do_not_hang_a_client_that_has_had_enough(tmp_path: Path) -> None:
    application = Application(tmp_path, replace(BOUNDS, answer_timeout=0.5))
    for script in (hangs, rambles):
        application.model.script = script
        name, data = events(ask(application).text)[-1]
        assert (name, data["outcome"]) == ("error", "cancelled")
        assert application.closed() == "cancelled"
    application.model.script = cites
    assert ask(application).status_code == 200
