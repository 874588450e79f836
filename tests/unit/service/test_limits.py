"""How often and how many at once: counted per person, released however a request ends."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authz.errors import DirectoryUnavailableError
from authz.identity import Identity
from retrieval.errors import SearchUnavailableError
from service.errors import ModelUnavailableError, TooManyRequestsError
from service.limits import PersonLimits
from tests.support.application import ACME, GLOBEX, Application
from tests.support.gate import judge
from tests.support.tokens import claims, issuer, rsa_key

QUESTION = {"question": "What does the engine plan say?"}


def person(subject: str = "alice", at: str = "https://login.acme.test") -> Identity:
    return judge(rsa_key().sign(claims(sub=subject, iss=at)), issuer(issuer=at))


def test_one_person_may_ask_so_often_and_others_are_not_held_back() -> None:
    limits = PersonLimits("2/minute", 8)
    for _ in range(2):
        limits.enter(person())()
    with pytest.raises(TooManyRequestsError):
        limits.enter(person())
    limits.enter(person("bob"))()


def test_two_persons_whose_names_join_alike_do_not_share_a_limit() -> None:
    limits = PersonLimits("1/minute", 8)
    limits.enter(person("b/c", "https://login.test/a"))()
    limits.enter(person("c", "https://login.test/a/b"))()
    with pytest.raises(TooManyRequestsError):
        limits.enter(person("c", "https://login.test/a/b"))


def test_so_many_at_once_and_a_release_counts_once_however_often_it_is_called() -> None:
    limits = PersonLimits("1000/minute", 2)
    releases = [limits.enter(person()) for _ in range(2)]
    with pytest.raises(TooManyRequestsError):
        limits.enter(person())
    for _ in range(5):
        releases[0]()
    limits.enter(person())
    with pytest.raises(TooManyRequestsError):
        limits.enter(person())


def test_never_more_than_the_limit_run_at_once_from_many_threads() -> None:
    limits, lock, most, now = PersonLimits("100000/minute", 3), threading.Lock(), [0], [0]

    def one(_: int) -> None:
        try:
            release = limits.enter(person())
        except TooManyRequestsError:
            return
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        with lock:
            now[0] -= 1
        release()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(300)))
    assert 1 <= most[0] <= 3
    assert now[0] == 0


def test_a_rate_that_is_none_stops_the_start() -> None:
    with pytest.raises(ValueError, match="rate"):
        PersonLimits("often", 1)


BREAKS: dict[str, Callable[[Application], object]] = {
    "directory": lambda on: setattr(on.directory, "failing", DirectoryUnavailableError("down")),
    "unforeseen": lambda on: setattr(on.directory, "failing", RuntimeError("down")),
    "index": lambda on: setattr(on.index, "failing", SearchUnavailableError("down")),
    "audit": lambda on: setattr(on.audit, "failing", RuntimeError("down")),
    "model": lambda on: setattr(on.model, "failing", ModelUnavailableError("down")),
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("fault", BREAKS)
def test_every_way_that_a_request_may_end_frees_the_person_and_the_place(tmp_path: Path, fault: str) -> None:
    application = Application(tmp_path, streams=1, limits=PersonLimits("1000/minute", 1))
    BREAKS[fault](application)
    with application.client() as client:
        for _ in range(3):
            expected = {200} if fault == "nothing" else {200, 500, 503}
            for response in (
                client.post("/v1/answers", json=QUESTION),
                client.post("/v1/answers", json={"question": ""}),
                client.post("/v1/search", json=QUESTION),
                client.get("/v1/me"),
                client.get("/v1/documents/none"),
            ):
                assert response.status_code in expected | {404, 422}
        for broken in (application.directory, application.index, application.audit, application.model):
            broken.failing = None
        assert client.post("/v1/answers", json=QUESTION).status_code == 200
        assert client.get("/v1/me").status_code == 200


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/search", "/v1/me", "/v1/documents"])
def test_too_many_is_429_with_retry_after_before_any_backend_is_called(tmp_path: Path, path: str) -> None:
    """(R-17)."""
    application = Application(tmp_path, limits=PersonLimits("1/minute", 8))
    with application.client() as client, application.client("alice", GLOBEX) as other:
        client.get("/v1/documents/none")
        asked = application.directory.asked
        response = client.post(path, json=QUESTION) if path in {"/v1/answers", "/v1/search"} else client.get(path)
        assert response.status_code == 429
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert application.directory.asked == asked
        assert other.get("/v1/me").status_code == 200, "the same subject of another issuer is another person"
    assert len(application.records(ACME)) == 1


def test_an_invalid_token_counts_against_nobody(tmp_path: Path) -> None:
    application = Application(tmp_path, limits=PersonLimits("1/minute", 8))
    with application.client(None) as stranger, application.client() as client:
        for _ in range(5):
            assert stranger.get("/v1/me", headers={"Authorization": "Bearer a.b.c"}).status_code == 401
        assert client.get("/v1/me").status_code == 200
