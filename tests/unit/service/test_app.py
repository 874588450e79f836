"""One table from error to status, headers on everything, and nothing unforeseen in the log but its type."""

import inspect
import logging
from pathlib import Path

import pytest

from authz import errors as authz_errors
from retrieval import errors as retrieval_errors
from service import errors as service_errors
from service.app import _STATUS
from tests.support.application import Application
from tests.support.server import calling, serving

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
NEVER_OF_A_REQUEST = {
    "AuthzError", "RetrievalError", "ServiceError",  # roots
    "PolicyError", "UncompilableError", "IndexMismatchError",  # at start
    "ResourceError",  # translated where a request can cause it
    "ModelInterruptedError",  # after the first byte: an event
}  # fmt: skip


def test_every_error_that_a_request_may_end_in_has_a_status() -> None:
    errors = [
        each
        for module in (authz_errors, retrieval_errors, service_errors)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Exception)
    ]
    assert {each.__name__ for each in errors if not set(each.__mro__) & _STATUS.keys()} == NEVER_OF_A_REQUEST
    assert _STATUS.keys() <= set(errors)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200), ("GET", "/nowhere", 404), ("POST", "/healthz", 405), ("GET", "/v1/me", 401),
        ("POST", "/v1/answers", 401), ("GET", "/openapi.json", 200),
    ],
)  # fmt: skip
def test_every_response_carries_the_same_headers_and_an_id(tmp_path: Path, method: str, path: str, status: int) -> None:
    application = Application(tmp_path)
    with application.client(None) as client:
        response = client.request(method, path, json={"question": "plan"} if method == "POST" else None)
    assert response.status_code == status
    assert HEADERS.items() <= dict(response.headers).items()
    assert len(response.headers["x-request-id"]) == 16
    assert "server" not in response.headers
    assert "set-cookie" not in response.headers


def test_an_answer_carries_them_too(tmp_path: Path) -> None:
    application = Application(tmp_path)
    with application.client() as client:
        response = client.post("/v1/answers", json={"question": "plan"})
    assert HEADERS.items() <= dict(response.headers).items()
    assert "content-length" not in response.headers


def test_requests_are_counted_by_route_and_status(tmp_path: Path) -> None:
    application = Application(tmp_path)
    with application.client() as client:
        client.get("/v1/me")
        client.get("/nowhere")
    assert application.metric("antechamber_requests_total", route="/v1/me", status="200") == 1
    assert application.metric("antechamber_requests_total", route="none", status="404") == 1


@pytest.mark.enable_socket
def test_the_server_logs_no_traceback_and_no_text_of_what_nobody_foresaw(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    application = Application(tmp_path)
    application.directory.failing = RuntimeError("CANARYERROR")
    with caplog.at_level(logging.DEBUG), serving(application.app) as running, calling(running) as caller:
        caller.send("POST", "/v1/answers", application.headers(), {"question": "CANARYQUESTION"})
        caller.read_until(b"Something went wrong")
    output = "".join(capfd.readouterr()) + caplog.text
    assert b" 500 " in caller.received
    assert "RuntimeError" in output
    assert "CANARY" not in output
    assert "Traceback" not in output
    assert application.token()[:30] not in output
