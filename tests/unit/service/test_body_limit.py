"""A body over its limit is refused before anything reads it, whether it says its size or not."""

import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from service.body_limit import MAX_DOCUMENT, MAX_TOKENS, check_values
from service.errors import TooManyValuesError
from tests.support.application import Application

QUESTION = {"question": "What does the engine plan say?"}


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    with application.client() as client:
        yield client


def untouched(application: Application) -> bool:
    """Return whether no backend was called."""
    return not (
        application.directory.asked or application.embedder.asked or application.index.scopes or application.records()
    )


def _too_large(size: int) -> bytes:
    return json.dumps({"question": "x" * size}).encode()


def _chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 1 << 20):
        yield content[start : start + (1 << 20)]


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/search", "/v1/documents/plan"])
def test_a_body_over_its_limit_is_413_whether_it_says_its_size_or_not(
    application: Application, client: TestClient, path: str
) -> None:
    """(R-17)."""
    method, size = ("PUT", 25 << 20) if "documents" in path else ("POST", 65_537)
    for content in (_too_large(size), _chunks(_too_large(size))):
        response = client.request(method, path, content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 413
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["cache-control"] == "no-store"
        assert response.json()["request"] == response.headers["x-request-id"]
    assert untouched(application)


@pytest.mark.parametrize("size", ["1" * 13, "1" * 5000, "-1", "abc", "", "\u0661"])
def test_a_body_whose_stated_size_is_absurd_is_413(client: TestClient, size: str) -> None:
    response = client.post("/v1/search", content=b"{}", headers={b"Content-Length": size.encode()})
    assert response.status_code == 413


def test_a_body_just_below_the_limit_is_read(client: TestClient) -> None:
    assert client.post("/v1/search", content=b" " * (65_536 - 50) + json.dumps(QUESTION).encode()).status_code == 422
    padded = json.dumps(QUESTION).encode() + b" " * (65_536 - 50)
    response = client.post("/v1/search", content=padded, headers={"Content-Type": "application/json"})
    assert response.status_code == 200


def _filled(piece: bytes) -> bytes:
    frame = b'{"text":"a","attributes":{"a":[%s]}}'
    return frame % (piece * ((MAX_DOCUMENT - len(frame)) // len(piece)))


@pytest.mark.parametrize("piece", [b"[],", b'{"":0},', b'"",', b"0,", b'"\\"",', b"[", b'{"":', b'""', b'"[",'])
def test_r17_body_of_millions_of_values_is_refused_before_it_is_parsed(
    application: Application, client: TestClient, piece: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.put("/v1/documents/plan", content=_filled(piece), headers=headers)
    assert response.status_code == 422
    assert response.json()["detail"] in {
        "The body holds more values than it may.",
        "The request does not fit the interface.",  # two strings side by side are no JSON
    }
    assert untouched(application)
    with pytest.raises(TooManyValuesError):
        check_values(b"[" * MAX_TOKENS + _filled(piece))


@pytest.mark.parametrize("text", ["[{,", '"', "\\", '\\"[,', "\n", 'a "quoted, [word]" ', "\\\\,"])
def test_what_stands_in_a_text_is_no_value(text: str) -> None:
    whole = text * (1 << 20)
    check_values(json.dumps({"text": whole, "attributes": {"a": ["b"] * 5_000}}).encode())
    check_values(json.dumps({"text": whole}, ensure_ascii=False).encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_r17_values_are_counted_whatever_the_text_is_encoded_in(
    application: Application, client: TestClient, encoding: str
) -> None:
    # Half of this character is a quotation mark: counted in bytes, all that follows would stand in a string.
    hostile = '{"text":"\u0122","attributes":{"a":[%s[]]}}' % ("[]," * MAX_TOKENS)
    body = hostile.encode(encoding)
    response = client.put("/v1/documents/plan", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["detail"]) == (422, "The body holds more values than it may.")
    assert untouched(application)


def test_values_are_counted_to_the_last_one() -> None:
    most = b"[" + b"0," * (MAX_TOKENS - 1) + b"0]"
    check_values(most)
    with pytest.raises(TooManyValuesError):
        check_values(most + b",")
    check_values(most.replace(b"0,", b"", 1) + b'"an open string [[[,,,')
