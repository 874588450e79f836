"""A backend that hangs: 503 at the deadline, threads that stay counted, and later requests that are served."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from authz.resource import EntityId
from service.capacity import OWN_WORD
from service.limits import PersonLimits
from tests.support.application import BOUNDS, Application, disclosed
from tests.support.hanging import Hanging, hanging

QUESTION = {"question": "What does the engine plan say?"}
SHORT = replace(BOUNDS, deadline=2.5)
"""Enough for a loaded machine to reach the backend that hangs."""
SLACK = 1.0
"""Seconds that a loaded machine may need beyond the deadline and the last word."""
ROUTES = ("/v1/answers", "/v1/search", "/v1/documents", "/v1/documents/plan", "/v1/me")


def ask(application: Application, path: str, subject: str = "alice") -> Response:
    with application.client(subject) as client:
        return client.post(path, json=QUESTION) if path in ROUTES[:2] else client.get(path)


STEPS = {
    "keys": "identify", "limits": "count", "directory": "look-up", "index": "search", "pointer": "which-index",
    "registry": "admit", "audit": "record",
}  # fmt: skip
"""By backend, the step that waits for it."""


def real(plain: Application, backend: str) -> object:
    """Return what stands behind a port of `plain`."""
    return {"keys": plain.keys, "limits": plain.on.limits, "pointer": plain.on.index}.get(backend) or getattr(
        plain, backend
    )


def with_hung(plain: Application, backend: str, hung: Hanging) -> dict[str, Any]:
    """Return what an application is made with so that it reaches the backends of `plain`, and one of them hangs."""
    if backend in {"registry", "audit"}:
        stores: dict[str, Any] = {backend: hung}
        return {"stores": replace(plain.on.stores, **stores)}
    return {"index": hung} if backend == "pointer" else {backend: (lambda: hung) if backend == "index" else hung}


CASES = [
    *((path, backend) for path in ROUTES[:2] for backend in STEPS),
    *(("/v1/documents", backend) for backend in ("pointer", "registry")),
    *(("/v1/documents/plan", backend) for backend in ("index", "audit")),
    *(("/v1/me", backend) for backend in ("keys", "limits", "directory")),
]


@pytest.mark.parametrize(("path", "backend"), CASES)
def test_r14_whatever_hangs_is_503_at_the_deadline_discloses_nothing_and_later_requests_are_served(
    tmp_path: Path, path: str, backend: str
) -> None:
    plain = Application(tmp_path)
    with hanging(real(plain, backend)) as hung:
        late = Application(tmp_path, SHORT, streams=2, requests=2, **with_hung(plain, backend, hung))
        began = time.monotonic()
        response = ask(late, path)
        assert time.monotonic() - began < SHORT.deadline + OWN_WORD + SLACK
        assert response.status_code == 503
        assert response.headers["retry-after"] == "5"
        assert not disclosed(response.text)
        assert late.metric("antechamber_late_total", step=STEPS[backend]) == 1
        assert late.on.streams.taken + late.on.requests.taken == 1, "the hung thread keeps its place"
        hung.going.set()
        assert late.on.streams.emptied(10)
        assert late.on.requests.emptied(10)
        assert ask(late, path).status_code == 200
        assert not late.model.streams or path == "/v1/answers"


@pytest.mark.parametrize("path", ["/v1/search", "/v1/answers"])
def test_r14_a_directory_that_hangs_takes_no_more_threads_than_there_are_places(tmp_path: Path, path: str) -> None:
    plain = Application(tmp_path)
    with hanging(plain.directory) as hung:
        late = Application(tmp_path, SHORT, streams=3, requests=3, directory=hung)
        before = threading.active_count()
        with ThreadPoolExecutor(12) as pool:
            statuses = list(pool.map(lambda _: ask(late, path).status_code, range(24)))
        assert set(statuses) == {503}
        assert hung.waiting == hung.asked == 3
        assert threading.active_count() - before <= 4 * 3
        assert late.metric("antechamber_refused_total", bound="capacity") == 21
        hung.going.set()
        assert late.on.streams.emptied(10)
        assert late.on.requests.emptied(10)
        assert ask(late, path).status_code == 200


@pytest.mark.parametrize("backend", ["keys", "limits", "directory", "registry", "audit"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_r14_a_write_whose_backend_hangs_is_503_at_the_deadline_and_what_it_then_does_is_on_record(
    tmp_path: Path, method: str, backend: str
) -> None:
    plain = Application(tmp_path)
    body = {"text": "Anew.", "title": "Engine plan"} if method == "PUT" else None
    with hanging(real(plain, backend)) as hung:
        late = Application(tmp_path, SHORT, requests=1, **with_hung(plain, backend, hung))
        with late.client("carol") as client:
            began = time.monotonic()
            assert client.request(method, "/v1/documents/plan", json=body).status_code == 503
            assert time.monotonic() - began < SHORT.deadline + OWN_WORD + SLACK
            assert late.on.requests.taken == 1
            hung.going.set()
            assert late.on.requests.emptied(10)
            assert client.get("/v1/me").status_code == 200
    on = plain if backend in {"registry", "audit"} else late
    before, after = revision_of(Application(tmp_path)), revision_of(on)
    written = [each for each in on.records() if each["event"] == "write" and each["closed"] == "complete"]
    assert bool(written) == (after != before), "no change without its record, no record of a change that was none"


def revision_of(application: Application) -> int:
    """Return the revision of the document that the writes of this file are about."""
    return application.registry.records[EntityId("acme/plan")].revision


def test_r14_a_step_that_is_late_begins_no_further_one_and_its_record_says_failed(tmp_path: Path) -> None:
    plain = Application(tmp_path)
    with hanging(plain.registry) as hung:
        late = Application(tmp_path, SHORT, **with_hung(plain, "registry", hung))
        assert ask(late, "/v1/search").status_code == 503
        hung.going.set()
        assert late.on.requests.emptied(10)
    (record,) = plain.records()
    assert (record["outcome"], record["failure"]) == ("failed", "DeadlineExceededError")


def test_r14_a_record_that_was_made_too_late_stays_and_its_answer_is_closed_as_failed(tmp_path: Path) -> None:
    plain = Application(tmp_path)
    with hanging(plain.audit) as hung:
        late = Application(tmp_path, SHORT, **with_hung(plain, "audit", hung))
        assert ask(late, "/v1/answers").status_code == 503
        hung.going.set()
        assert late.on.streams.emptied(10)
    assert plain.closed() == "failed"
    assert not late.model.streams


def test_a_person_who_was_counted_too_late_is_counted_no_more(tmp_path: Path) -> None:
    limits = PersonLimits("1000/minute", 1)
    with hanging(limits) as hung:
        late = Application(tmp_path, SHORT, limits=hung)
        assert ask(late, "/v1/me").status_code == 503
        hung.going.set()
        assert late.on.requests.emptied(10)
        assert ask(late, "/v1/me").status_code == 200


def test_a_release_that_hangs_holds_no_response_back(tmp_path: Path) -> None:
    class Limits:
        def enter(self, _identity: object) -> Hanging:
            return hung

    with hanging(lambda: None) as hung:
        application = Application(tmp_path, limits=Limits())
        began = time.monotonic()
        assert ask(application, "/v1/me").status_code == 200
        assert ask(application, "/v1/answers").status_code == 200
        assert time.monotonic() - began < 5
        assert (application.on.requests.taken, application.on.streams.taken) == (1, 1)


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_r12_a_wall_clock_that_jumps_moves_no_deadline(
    tmp_path: Path, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Application(tmp_path)
    with hanging(plain.registry) as hung:
        application = Application(tmp_path, SHORT, **with_hung(plain, "registry", hung))
        answers: list[Response] = []
        asking = threading.Thread(target=lambda: answers.append(ask(application, "/v1/search")))
        began = time.monotonic()
        asking.start()
        while not hung.waiting:
            time.sleep(0.01)
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + jump.total_seconds())
        application.watch.now += jump
        time.sleep(0.1)
        assert asking.is_alive(), "no jump ends a request before its deadline"
        asking.join(SHORT.deadline + OWN_WORD + SLACK)
        assert time.monotonic() - began >= SHORT.deadline
    assert answers[0].status_code == 503


def test_r12_a_request_that_is_under_way_when_the_clock_jumps_is_answered_by_its_one_instant(tmp_path: Path) -> None:
    plain = Application(tmp_path)
    with hanging(plain.directory) as hung:
        application = Application(tmp_path, directory=hung)
        answers: list[Response] = []
        asking = threading.Thread(target=lambda: answers.append(ask(application, "/v1/search")))
        asking.start()
        while not hung.waiting:
            time.sleep(0.01)
        application.watch.now += timedelta(days=400)
        hung.going.set()
        asking.join(10)
    assert answers[0].status_code == 200
    (scope,) = application.index.scopes
    (record,) = application.records()
    # Both doors decide by `Scope.now`, the instant at which the token was judged; only the registry read says its own.
    assert scope.now < application.watch.now - timedelta(days=399)
    assert str(record["time"]) < str(record["instant"])
    assert application.metric("antechamber_hits_refused_total", refusal="disagreement") == 0


@pytest.mark.parametrize(
    ("jump", "status"),
    [(timedelta(days=-1), 401), (timedelta(seconds=-50), 200), (timedelta(seconds=50), 200), (timedelta(days=1), 401)],
)
def test_r12_a_token_outside_the_allowed_difference_of_clocks_is_refused(
    tmp_path: Path, jump: timedelta, status: int
) -> None:
    application = Application(tmp_path)
    headers = application.headers()
    application.watch.now += jump
    with application.client(None) as client:
        assert client.get("/v1/me", headers=headers).status_code == status
    assert bool(application.directory.asked) == (status == 200)


def test_r17_late_work_counts_for_its_person_until_it_ends_and_takes_no_place_from_others(tmp_path: Path) -> None:
    plain = Application(tmp_path)
    with hanging(plain.registry) as hung:
        late = Application(
            tmp_path, SHORT, requests=3, limits=PersonLimits("1000/minute", 1), **with_hung(plain, "registry", hung)
        )
        assert ask(late, "/v1/documents").status_code == 503
        assert [ask(late, path).status_code for path in ("/v1/documents", "/v1/me", "/v1/answers")] == [429] * 3
        assert ask(late, "/v1/me", "bob").status_code == 200
        assert late.on.requests.taken == 1
        hung.going.set()
        assert late.on.requests.emptied(10)
        assert ask(late, "/v1/me").status_code == 200
