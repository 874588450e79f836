"""What stands before every route: a place, a known and counted caller, and only then the body."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from httpx2 import Response
from starlette.routing import BaseRoute

from authz.identity import BearerToken, Identity, identify
from service.limits import PersonLimits
from service.request import Authenticated
from service.route import BoundedRoute
from tests.support.application import BOUNDS, Application
from tests.support.hanging import hanging
from tests.support.server import Caller, Running, calling, serving

QUESTION = {"question": "What does the engine plan say?"}
SHORT = replace(BOUNDS, deadline=0.6)
WITH_BODY = [("POST", "/v1/answers"), ("POST", "/v1/search"), ("PUT", "/v1/documents/plan")]
ROUTES = [
    *WITH_BODY, ("DELETE", "/v1/documents/plan"), ("GET", "/v1/documents"), ("GET", "/v1/documents/plan"),
    ("GET", "/v1/uploads/x"), ("GET", "/v1/me"),
]  # fmt: skip


def untouched(application: Application) -> bool:
    """Return whether no backend was called."""
    return not (
        application.directory.asked
        or application.embedder.asked
        or application.index.scopes
        or application.model.streams
        or application.records()
    )


def _routes(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _routes(list(getattr(getattr(route, "original_router", route), "routes", None) or []))


def test_every_route_but_the_two_of_health_is_bounded(application: Application) -> None:
    found = {route.path: route for route in _routes(list(application.app.routes))}
    assert len(found) >= 7
    assert {path for path, route in found.items() if not isinstance(route, BoundedRoute)} == {"/healthz", "/readyz"}


def test_a_route_that_is_not_bounded_knows_no_caller(application: Application) -> None:
    app: FastAPI = application.app

    @app.get("/v1/open")
    async def read_open(call: Authenticated) -> str:
        return call.id

    with application.client() as client:
        assert client.get("/v1/open").status_code == 500
    assert application.metric("antechamber_faults_total", fault="TypeError") == 1


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("content", [b"", b"{", b"\xff" * 99, b"[" * 60_000, b" " * (25 << 20)])
def test_r17_a_stranger_is_401_whatever_the_body_is(
    application: Application, method: str, path: str, content: bytes
) -> None:
    with application.client(None) as client:
        response = client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 401
    assert untouched(application)


def test_a_body_that_is_no_json_is_422_for_who_is_known(application: Application) -> None:
    with application.client() as client:
        for content in (b"", b"{", b"\xff" * 99, b"[" * 60_000, b'{"question":"a","question":{}}'):
            response = client.post("/v1/search", content=content, headers={"Content-Type": "application/json"})
            assert response.status_code in {400, 422}, content[:10]
    assert untouched(application)


def head(method: str, path: str, headers: dict[str, str], **sizes: str) -> bytes:
    """Return the head of a request whose body may or may not follow."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in sizes.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def answer(caller: Caller) -> bytes:
    """Return the whole response; the server closes the connection."""
    return caller.read_until(b"never sent")


@contextmanager
def opened(running: Running, content: bytes) -> Iterator[Caller]:
    """Connect, and send the beginning of a request."""
    with calling(running) as caller:
        caller.socket.sendall(content)
        yield caller


@pytest.mark.enable_socket
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize(
    "sizes", [{"Content_Length": "100"}, {"Transfer_Encoding": "chunked"}, {"Content_Length": str(25 << 20)}]
)
def test_r17_a_stranger_is_401_at_once_though_the_body_never_comes_and_the_connection_is_closed(
    application: Application, method: str, path: str, sizes: dict[str, str]
) -> None:
    with serving(application.app) as running, opened(running, head(method, path, {}, **sizes)) as caller:
        began = time.monotonic()
        said = answer(caller)
        assert time.monotonic() - began < 5
    assert b" 401 " in said.split(b"\r\n")[0]
    assert b"connection: close" in said.lower()
    assert untouched(application)


@pytest.mark.enable_socket
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
@pytest.mark.parametrize("sizes", [{"Content_Length": "100"}, {"Transfer_Encoding": "chunked"}])
def test_r17_a_body_that_never_comes_is_408_at_the_deadline(
    tmp_path: Path, method: str, path: str, sizes: dict[str, str]
) -> None:
    application = Application(tmp_path, SHORT)
    sent = head(method, path, application.headers("carol"), **sizes)
    with serving(application.app) as running, opened(running, sent) as caller:
        began = time.monotonic()
        said = answer(caller)
        assert 0.3 < time.monotonic() - began < SHORT.deadline + 2
    assert b" 408 " in said.split(b"\r\n")[0]
    assert application.metric("antechamber_refused_total", bound="slow-body") == 1
    assert untouched(application)
    assert application.on.requests.emptied(5)
    assert application.on.streams.emptied(5)


@pytest.mark.enable_socket
def test_r17_a_body_that_drips_is_408_at_the_deadline(tmp_path: Path) -> None:
    application = Application(tmp_path, SHORT)
    sent = head("POST", "/v1/search", application.headers(), Content_Length="1000")
    with serving(application.app) as running, opened(running, sent) as caller:
        caller.socket.settimeout(0.1)
        until = time.monotonic() + SHORT.deadline + 3
        while time.monotonic() < until and b"\r\n\r\n" not in caller.received:
            caller.socket.sendall(b" ")
            try:
                caller.received += caller.socket.recv(65_536)
            except TimeoutError:
                continue
    assert b" 408 " in caller.received.split(b"\r\n")[0]
    assert untouched(application)


@pytest.mark.enable_socket
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_r17_a_body_that_says_it_is_too_large_is_413_before_a_byte_of_it(
    application: Application, method: str, path: str
) -> None:
    sent = head(method, path, application.headers("carol"), Content_Length=str(25 << 20))
    with serving(application.app) as running, opened(running, sent) as caller:
        said = answer(caller)
    assert b" 413 " in said.split(b"\r\n")[0]
    assert application.metric("antechamber_refused_total", bound="body") == 1
    assert untouched(application)


@pytest.mark.enable_socket
def test_r17_a_body_without_a_stated_size_is_413_where_it_is_too_much(application: Application) -> None:
    sent = head("PUT", "/v1/documents/plan", application.headers("carol"), Transfer_Encoding="chunked")
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    with serving(application.app) as running, opened(running, sent) as caller:
        try:
            for _ in range(26):
                caller.socket.sendall(chunk)
        except OSError:
            pass  # it has heard enough
        said = caller.read_until(b"\r\n\r\n")
    assert b" 413 " in said.split(b"\r\n")[0]
    assert untouched(application)


def test_a_document_of_sixteen_mebibytes_fits_into_its_request(application: Application) -> None:
    content = json.dumps({"text": "x" * (22 << 20), "unknown": 1}).encode()
    with application.client("carol") as client:
        response = client.put("/v1/documents/a", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 422, "it was read, and then refused for what stands in it"


@pytest.mark.enable_socket
def test_r17_a_full_process_refuses_at_once_before_the_body_and_stays_alive(tmp_path: Path) -> None:
    plain = Application(tmp_path)
    with hanging(plain.directory) as hung:
        application = Application(tmp_path, streams=2, requests=2, directory=hung, probes={"index": lambda: None})
        with serving(application.app) as running, ThreadPoolExecutor(4) as pool:
            url = ("/v1/answers", "/v1/search")
            begun = [pool.submit(_post, application, path) for path in url for _ in range(2)]
            while hung.waiting < 4:
                time.sleep(0.01)
            for path in url:
                sent = head("POST", path, application.headers("bob"), Content_Length="100")
                began = time.monotonic()
                with opened(running, sent) as caller:
                    said = answer(caller)
                assert time.monotonic() - began < 3
                assert b" 503 " in said.split(b"\r\n")[0]
                assert b"retry-after: 5" in said.lower()
            with application.client(None) as stranger:
                assert stranger.get("/healthz").status_code == 200
                assert stranger.get("/readyz").status_code == 200
            assert hung.asked == 4
            hung.going.set()
            assert [each.result(20).status_code for each in begun] == [200] * 4
    assert application.metric("antechamber_refused_total", bound="capacity") == 2
    assert application.metric("antechamber_in_flight", places="answers") == 0


def _post(application: Application, path: str) -> Response:
    with application.client() as client:
        return client.post(path, json=QUESTION)


def test_r17_of_a_thousand_requests_at_once_as_many_run_as_there_are_places_and_the_rest_are_503(
    tmp_path: Path,
) -> None:
    plain = Application(tmp_path)
    with hanging(plain.directory) as hung:
        application = Application(tmp_path, requests=5, directory=hung, limits=PersonLimits("100000/minute", 10_000))
        headers = application.headers()
        with application.client() as client, ThreadPoolExecutor(40) as pool:
            begun = [pool.submit(client.get, "/v1/me", headers=headers) for _ in range(1000)]
            until = time.monotonic() + 60
            while sum(each.done() for each in begun) < 995 and time.monotonic() < until:
                time.sleep(0.02)
            assert hung.waiting == hung.asked == 5
            assert client.get("/healthz").status_code == 200
            hung.going.set()
            statuses = [each.result(20).status_code for each in begun]
    assert (statuses.count(200), statuses.count(503)) == (5, 995)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_r17_one_persons_requests_at_once_are_bounded_before_any_backend(
    tmp_path: Path, method: str, path: str
) -> None:
    application = Application(tmp_path, limits=PersonLimits("1000/minute", 1))
    with application.client() as client:
        release = application.on.limits.enter(_identity_of(application))
        response = client.request(method, path, content=b" " * (25 << 20))
        assert response.status_code == 429
        assert response.headers["retry-after"] == "1"
        assert application.metric("antechamber_refused_total", bound="concurrency") == 1
        assert untouched(application)
        release()
        assert client.get("/v1/me").status_code == 200


def _identity_of(application: Application) -> Identity:
    on = application.on
    return identify(BearerToken(application.token()), on.keys, on.issuers, application.watch())
