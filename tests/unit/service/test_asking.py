"""From a question to an answer that may begin: what runs beside what, and what is left behind by a failure."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authz.identity import BearerToken, identify
from retrieval.deadline import Deadline
from retrieval.errors import DeadlineExceededError, SearchUnavailableError
from service.asking import answer, search
from service.errors import ModelUnavailableError
from service.prompt import TEMPLATE, Question
from service.request import Call
from tests.support.application import BOUNDS, Application

QUESTION = Question("What does the engine plan say?")


def call_of(application: Application, seconds: float = 10) -> Call:
    on, now = application.on, application.watch()
    identity = identify(BearerToken(application.token()), on.keys, on.issuers, now)
    return Call(on, "request", identity, now, on.policies(), Deadline.after(seconds), on.streams.enter())


def test_the_embedding_runs_beside_the_directory(tmp_path: Path) -> None:
    application = Application(tmp_path)
    meet = threading.Barrier(2, timeout=10)
    real, embed = application.directory.entitlements, application.embedder.embed

    class Directory:
        def entitlements(self, issuer: str, subject: str) -> Any:  # noqa: ANN401 - as the port's
            meet.wait()
            return real(issuer, subject)

    class Embedder:
        model, dimensions = application.embedder.model, application.embedder.dimensions

        def embed(self, texts: Any) -> Any:  # noqa: ANN401 - as the port's
            meet.wait()
            return embed(texts)

    beside = Application(tmp_path, directory=Directory(), embedder=Embedder())
    _, retrieval = answer(call_of(beside), QUESTION)
    assert retrieval.passages


def test_a_vector_that_hangs_is_waited_for_until_the_deadline_only_and_keeps_its_place(tmp_path: Path) -> None:
    go = threading.Event()
    application = Application(tmp_path)
    embed = application.embedder.embed

    class Embedder:
        model, dimensions = application.embedder.model, application.embedder.dimensions

        def embed(self, texts: Any) -> Any:  # noqa: ANN401 - as the port's
            go.wait(30)
            return embed(texts)

    late = Application(tmp_path, embedder=Embedder())
    call = call_of(late, 0.3)
    with pytest.raises(DeadlineExceededError):
        answer(call, QUESTION)
    call.place.leave()
    assert late.on.streams.taken == 1
    go.set()
    assert late.on.streams.emptied(10)
    assert late.records()[0]["failure"] == "DeadlineExceededError"


def test_the_record_names_model_template_application_and_request(tmp_path: Path) -> None:
    application = Application(tmp_path)
    answer(call_of(application), QUESTION)
    (record,) = application.records()
    assert (record["event"], record["model"], record["template"]) == ("answer", application.model.id, TEMPLATE)
    assert (record["application"], record["request"], record["outcome"]) == ("antechamber/0.1.0", "request", "open")
    assert application.question_of(record) == QUESTION


def test_a_search_is_no_answer_and_asks_no_model(tmp_path: Path) -> None:
    application = Application(tmp_path)
    retrieval = search(call_of(application), QUESTION, 1)
    assert len(retrieval.passages) == 1
    (record,) = application.records()
    assert (record["event"], record["model"], record["outcome"]) == ("search", None, "complete")
    assert not application.model.streams


def test_an_error_of_the_model_is_told_though_its_record_cannot_be_closed(tmp_path: Path) -> None:
    application = Application(tmp_path)
    application.model.failing = ModelUnavailableError("down")
    real = application.audit.append

    def then_down(entry: Any) -> None:  # noqa: ANN401 - as the port's
        real(entry)
        application.audit.failing = SearchUnavailableError("down")

    class Audit:
        append = staticmethod(then_down)
        close, read = application.audit.close, application.audit.read

    on: Any = replace(application.on, stores=replace(application.on.stores, audit=Audit()), bounds=BOUNDS)
    with pytest.raises(ModelUnavailableError):
        answer(replace(call_of(application), on=on), QUESTION)


def test_a_deadline_that_passed_while_recording_asks_no_model(tmp_path: Path) -> None:
    application = Application(tmp_path)
    real = application.audit.append

    class Audit:
        close, read = application.audit.close, application.audit.read

        def append(self, entry: Any) -> None:  # noqa: ANN401 - as the port's
            threading.Event().wait(0.6)
            real(entry)

    on: Any = replace(application.on, stores=replace(application.on.stores, audit=Audit()))
    with pytest.raises(DeadlineExceededError):
        answer(replace(call_of(application, 0.5), on=on), QUESTION)
    assert not application.model.streams
    assert application.closed() == "failed"
