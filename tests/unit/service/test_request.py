"""What a stranger, a clumsy client or an attacker may send, and what they get back."""

import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.support.application import Application, events
from tests.support.scripted import cites

QUESTION = {"question": "What does the engine plan say?"}
MARK = "CANARYINPUT"
ROUTES = [
    ("POST", "/v1/answers"),
    ("POST", "/v1/search"),
    ("GET", "/v1/documents"),
    ("GET", "/v1/documents/plan"),
    ("PUT", "/v1/documents/plan"),
    ("DELETE", "/v1/documents/plan"),
    ("GET", "/v1/me"),
]


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    with application.client() as client:
        yield client


def untouched(application: Application) -> bool:
    """Return whether no backend was called."""
    return not (
        application.directory.asked or application.embedder.asked or application.index.scopes or application.records()
    )


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_answers_without_a_token(application: Application, method: str, path: str) -> None:
    with application.client(None) as client:
        response = client.request(method, path, json={"question": MARK, "text": MARK, "attributes": {}})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"
    assert MARK not in response.text
    assert untouched(application)


@pytest.mark.parametrize(
    "value",
    ["Basic YWxpY2U6", "Bearer", "Bearer ", "Bearer a b", "Token x", "bearer\tx", "Bearer x, Bearer y"],
)
def test_anything_but_one_bearer_token_is_no_evidence(application: Application, value: str) -> None:
    with application.client(None) as client:
        assert client.get("/v1/me", headers={"Authorization": value}).status_code == 401


def test_two_authorization_headers_are_no_evidence(application: Application) -> None:
    good = application.headers()["Authorization"]
    with application.client(None) as client:
        response = client.get("/v1/me", headers=[("Authorization", good), ("Authorization", good)])
    assert response.status_code == 401


def test_the_scheme_is_read_in_any_case(application: Application) -> None:
    with application.client(None) as client:
        assert client.get("/v1/me", headers={"Authorization": f"bEaReR {application.token()}"}).status_code == 200


def test_a_token_in_the_address_or_the_body_is_not_read(application: Application) -> None:
    with application.client(None) as client:
        assert client.get(f"/v1/me?access_token={application.token()}").status_code == 401


BAD_BODIES = {
    "an unknown field": json.dumps({**QUESTION, MARK: MARK}),
    "an access field": json.dumps({**QUESTION, "groups": [MARK], "tenant": "globex"}),
    "no question": "{}",
    "an empty question": '{"question": ""}',
    "a question of white space": '{"question": " \\n\\t\\u2003 "}',
    "a question of numbers": '{"question": 7}',
    "a list of questions": json.dumps({"question": [MARK]}),
    "a list": json.dumps([QUESTION]),
    "a string": json.dumps(MARK),
    "null": "null",
    "nothing": "",
    "no JSON": '{"question": "CANARYINPUT',
    "a lone surrogate": '{"question": "CANARYINPUT \\ud800"}',
    "a surrogate in a name": '{"question": "x", "CANARYINPUT\\ud800": 1}',
    "NUL": '{"question": "CANARYINPUT \\u0000"}',
    "an escape sequence": '{"question": "CANARYINPUT \\u001b[2J"}',
    "4,097 bytes": json.dumps({"question": "x" * 4097}),
    "4,100 bytes in 2,050 characters": json.dumps({"question": "é" * 2050}, ensure_ascii=False),
    "16 KB in 4,096 characters": json.dumps({"question": "🔒" * 4096}, ensure_ascii=False),
    "deeply nested": '{"question": ' + "[" * 30_000 + "]" * 30_000 + "}",
    "deeply nested objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "a number of 5,000 digits": '{"question": ' + "1" * 5000 + "}",
    "NaN": '{"question": NaN}',
}


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/search"])
@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_body_that_does_not_fit_is_refused_and_never_echoed(
    application: Application, client: TestClient, path: str, case: str
) -> None:
    response = client.post(path, content=BAD_BODIES[case].encode(), headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    assert MARK not in response.text
    assert "xxx" not in response.text
    assert untouched(application)


@pytest.mark.parametrize("body", [b'{"question": "\xff\xfe"}', "{}".encode("utf-16"), b"\x00", b"\xef\xbb\xbf{}"])
def test_bytes_that_are_no_json_are_refused(client: TestClient, body: bytes) -> None:
    response = client.post("/v1/search", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_read(client: TestClient, kind: str) -> None:
    response = client.post("/v1/search", content=json.dumps(QUESTION).encode(), headers={"Content-Type": kind})
    assert response.status_code == 422


@pytest.mark.parametrize("k", [0, -1, 51, 10**30, 3.0, True, "3", None])
def test_k_is_one_to_fifty(client: TestClient, k: object) -> None:
    """(R-17)."""
    response = client.post("/v1/search", json={**QUESTION, "k": k})
    assert response.status_code == 422
    assert response.json()["fields"] == ["k"]


def test_a_question_of_exactly_4096_bytes_is_taken(application: Application, client: TestClient) -> None:
    for text in ("x" * 4096, "é" * 2048, "🔒" * 1024):
        assert client.post("/v1/search", json={"question": text}).status_code == 200
    assert application.question_of(application.records()[-1]) == "🔒" * 1024


def test_a_question_is_only_text_whatever_it_says(application: Application, client: TestClient) -> None:
    application.model.script = cites
    for text in (
        "*",
        '" OR 1=1 --',
        "a AND NOT (",
        "{!lucene}",
        "title:*",
        "\u202e\u200b?",
        "line\none\ttwo",
        "' NEAR(",
    ):
        answered = client.post("/v1/answers", json={"question": text})
        assert events(answered.text)[-1][0] == "done"
        assert client.post("/v1/search", json={"question": text}).status_code == 200


@pytest.mark.parametrize("query", ["limit=0", "limit=51", "limit=x", f"after={MARK * 60}", "limit=1e1"])
def test_a_page_outside_its_bounds_is_refused_and_not_echoed(client: TestClient, query: str) -> None:
    response = client.get(f"/v1/documents?{query}")
    assert response.status_code == 422
    assert MARK not in response.text


def test_the_token_is_judged_before_the_body_and_both_before_the_limits(application: Application) -> None:
    with application.client(None) as client:
        assert client.post("/v1/search", json={"nonsense": 1}).status_code == 401
        assert client.post("/v1/answers", json={"nonsense": 1}).status_code == 401


def test_a_token_over_8_kb_is_refused_before_anything_looks_at_it(application: Application) -> None:
    """(R-17)."""
    with application.client(None) as client:
        response = client.get("/v1/me", headers={"Authorization": f"Bearer {'a' * 8193}"})
    assert response.status_code == 401
    assert application.metric("antechamber_tokens_refused_total", reason="size") == 1
    assert application.keys.asked == 0
    assert untouched(application)


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/answers/", "/v1/search/", "/docs", "/redoc", "/metrics", "/v2/me", "/v1/../v1/me/"]
)
def test_no_other_address_exists(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code in {404, 405}
    assert response.headers["content-type"] == "application/problem+json"


def test_a_method_that_an_address_does_not_take_is_405_and_says_which_it_does(client: TestClient) -> None:
    for method, path, allowed in (
        ("GET", "/v1/answers", "POST"),
        ("HEAD", "/v1/me", "GET"),
        ("OPTIONS", "/v1/search", "POST"),
    ):
        response = client.request(method, path)
        assert response.status_code == 405
        assert response.headers["allow"] == allowed


def test_the_interface_is_described_without_a_token(application: Application) -> None:
    with application.client(None) as client:
        response = client.get("/openapi.json")
    assert response.status_code == 200
    paths = response.json()["paths"]
    assert set(paths) == {
        "/v1/answers",
        "/v1/search",
        "/v1/documents",
        "/v1/documents/{document}",
        "/v1/me",
        "/v1/uploads/{upload}",
    }
    assert "text/event-stream" in paths["/v1/answers"]["post"]["responses"]["200"]["content"]


def test_a_request_id_is_ours_and_never_the_clients(client: TestClient) -> None:
    ids = {client.get("/v1/me", headers={"X-Request-Id": "mine"}).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert "mine" not in ids


def test_nothing_in_a_request_but_the_token_says_who_asks(application: Application) -> None:
    forged = {
        "X-User": "carol",
        "X-Tenant": "globex",
        "X-Forwarded-User": "carol",
        "Cookie": f"token={application.token('carol')}",
    }
    with application.client("bob") as client:
        plain, tricky = client.get("/v1/me").json(), client.get("/v1/me?tenant=globex&sub=carol", headers=forged).json()
    for found in (plain, tricky):
        found.pop("scope")  # holds the instant
    assert plain == tricky
