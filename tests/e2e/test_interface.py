"""The interface as it describes itself, asked with whatever fits or does not fit it, by three people and a stranger."""

import itertools
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import response_headers_conformance
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.demo import Demo, events_of

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]

PEOPLE = ("ana", "ben", "carlo", None)
"""Of payroll, of engineering, a contractor, and nobody."""
EXAMPLES = int(os.environ.get("ANTECHAMBER_EXAMPLES", "12"))
"""Requests of one person to one operation, of each kind: those that fit the description, and those that do not."""
CHECKS = [content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance]
OPERATIONS = [
    ("post", "/v1/answers"),
    ("post", "/v1/search"),
    ("get", "/v1/documents"),
    ("get", "/v1/documents/{document}"),
    ("put", "/v1/documents/{document}"),
    ("delete", "/v1/documents/{document}"),
    ("get", "/v1/me"),
]
_SEED = int(os.environ.get("ANTECHAMBER_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
_CANARIES = (f"CANARY{_SEED:x}x{number}x" for number in itertools.count())
_DROPPED = frozenset(
    {"host", "authorization", "content-length", "transfer-encoding", "connection", "expect", "upgrade"}
)
"""Headers that belong to the client, or to the question who asks."""


@pytest.fixture(scope="module")
def interface(demo: Demo) -> Any:  # noqa: ANN401 - schemathesis's
    with demo.client() as client:
        return schemathesis.openapi.from_dict(client.get("/openapi.json").json())


def test_every_operation_is_described(interface: Any, say: Callable[[str], None]) -> None:  # noqa: ANN401 - schemathesis's
    say(f"schemathesis {version('schemathesis')}, seed {_SEED} (ANTECHAMBER_SEED to repeat)")
    described = {(each.ok().method, each.ok().path) for each in interface.get_all_operations()}
    assert set(OPERATIONS) <= described


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)
def test_whatever_is_sent_is_answered_as_described_and_never_repeated(
    demo: Demo,
    interface: Any,  # noqa: ANN401 - schemathesis's
    method: str,
    path: str,
) -> None:
    operation = interface[path][method]
    kinds = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @seed(_SEED)
    @settings(
        max_examples=EXAMPLES * len(kinds),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(kinds))
    def ask(case: Case[Any]) -> None:
        for person in PEOPLE:
            canary = next(_CANARIES)
            response = send(demo, person, case, canary)
            assert response.status_code < 500, case.as_curl_command()
            assert response.status_code != 401 or person is None
            assert response.status_code in {401, 404, 405} or person is not None
            if response.is_error:
                assert canary not in response.text + str(response.headers)
            if response.headers["content-type"].startswith("text/event-stream"):
                assert is_stream(response.text)
                case.validate_response(response, checks=CHECKS, excluded_checks=[response_schema_conformance])
            elif response.status_code != httpx2.codes.METHOD_NOT_ALLOWED:
                case.validate_response(response, checks=CHECKS)

    ask()


def is_stream(text: str) -> bool:
    """Return whether it is an answer from its receipt to its end: OpenAPI 3.1 has no words for events."""
    names = [name for name, _ in events_of(iter(text.splitlines()))]
    return names[0] == "receipt" and names[-1] in {"done", "error"} and set(names[1:-1]) <= {"token", "citation"}


def send(demo: Demo, person: str | None, case: Case[Any], canary: str) -> httpx2.Response:
    """Send `case` for `person`, with a word in it that nobody knows; ask again where the machine was too busy."""
    plain = case.as_transport_kwargs(base_url=f"http://127.0.0.1:{demo.port}")
    headers = {name: value for name, value in plain["headers"].items() if name.lower() not in _DROPPED}
    headers |= {"X-Canary": canary, **({"Authorization": f"Bearer {demo.token(person)}"} if person else {})}
    content = plain.get("data") if plain.get("json") is None else json.dumps(plain["json"])
    query: Mapping[str, Any] = {**(plain.get("params") or {}), "canary": canary}
    with httpx2.Client(timeout=60, trust_env=False) as client:
        for _ in range(5):
            response = client.request(plain["method"], plain["url"], params=query, headers=headers, content=content)
            if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                return response
            time.sleep(1)
    pytest.fail("the demo is not ready")


HIDDEN = {
    "ana": ["hr/executive-pay.md", "board/minutes-2026-06.md", "finance/deals/acquisition-nimbus.md"],
    "ben": ["hr/salary-bands.md", "hr/executive-pay.md", "board/minutes-2026-06.md"],
    "carlo": ["hr/salary-bands.md", "finance/budget-2027.md", "finance/projects/kestrel-cost-plan.md"],
}
WRITE: dict[str, Any] = {"text": "# A text\n\nNobody may write it.\n"}
STATED: dict[str, Any] = {
    "attributes": {"classification": 1, "audience": "staff", "readers": [], "markings": [], "owners": [],
                   "quarantined": False, "legal_hold": False},
    "collections": ["board"],
}  # fmt: skip


def pairs() -> Iterator[tuple[str, str]]:
    """Yield people with a document that is hidden from them."""
    for person, documents in HIDDEN.items():
        for document in documents:
            yield person, document


@pytest.mark.parametrize(("person", "document"), [*pairs()])
@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("GET", None),
        ("DELETE", None),
        ("PUT", WRITE),
        ("PUT", WRITE | STATED),
        ("PUT", WRITE | {"revision": "1"}),
        ("PUT", WRITE | STATED | {"revision": "1"}),
    ],
)
def test_l10_what_is_hidden_is_answered_as_what_is_absent(
    demo: Demo, person: str, document: str, method: str, body: Mapping[str, Any] | None
) -> None:
    absent = f"{document[:-6]}{random.Random(_SEED).randrange(100):02}x.md"  # noqa: S311 - as long, and nobody's
    with demo.client(demo.token(person), patience=5) as client:
        answers = [client.request(method, f"/v1/documents/{name}", json=body) for name in (document, absent)]
    hidden, missing = (told(each) for each in answers)
    assert hidden == missing
    assert answers[0].is_client_error


def told(response: httpx2.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return all that a response says, but for the request's id."""
    body = response.json()
    headers = {name.lower(): value for name, value in response.headers.items()}
    assert body.pop("request") == headers.pop("x-request-id")
    return response.status_code, body, headers
