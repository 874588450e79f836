"""Hidden and absent look the same: status, shape, headers, length, and what else is found."""

from typing import Any

import pytest
from httpx2 import Response

from tests.support.application import (
    ACME,
    ENGINEERING,
    GLOBEX,
    Application,
    Source,
    events,
)
from tests.support.scripted import silent

EVERYTHING = {"question": "engine plan board works holidays vault code virus rotor turbine at work minutes"}


def _shape(response: Response) -> tuple[int, dict[str, Any], list[str]]:
    body = {key: value for key, value in response.json().items() if key not in {"request", "receipt"}}
    return response.status_code, body, sorted(name for name, _ in response.headers.items())


@pytest.mark.parametrize("name", ["plan", "board/minutes", "vault", "quarantined"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_hidden_document_and_one_that_is_not_there_look_the_same(
    application: Application, method: str, name: str
) -> None:
    """(L-10)."""
    with application.client("bob") as client:
        hidden, absent = (client.request(method, f"/v1/documents/{each}") for each in (name, "no/such/document"))
    assert _shape(hidden) == _shape(absent)
    assert hidden.status_code == 404
    assert len(hidden.content) == len(absent.content)


def test_a_refused_write_does_not_say_whether_the_document_is_there(application: Application) -> None:
    """(L-10)."""
    body = {"text": "# Mine\n\nNow mine.", "attributes": _attributes(), "collections": ["company"]}
    with application.client("bob") as client:
        hidden, absent = (client.put(f"/v1/documents/{each}", json=body) for each in ("vault", "no/such"))
    assert _shape(hidden) == _shape(absent)
    assert hidden.status_code == 403


def _attributes(**changed: object) -> dict[str, object]:
    return {
        "classification": 1, "markings": [], "readers": [], "owners": [], "audience": "few", "quarantined": False,
        "legal_hold": False, **changed,
    }  # fmt: skip


def test_a_question_about_what_is_hidden_and_one_about_what_is_nowhere_answer_alike(application: Application) -> None:
    """(L-06), (L-10)."""
    application.model.script = silent
    with application.client("gwen", GLOBEX) as client:
        hidden = client.post("/v1/search", json={"question": "turbine"})
        nowhere = client.post("/v1/search", json={"question": "xylophone"})
        answers = [client.post("/v1/answers", json={"question": word}) for word in ("turbine", "xylophone")]
    assert _shape(hidden) == _shape(nowhere)
    assert len({tuple(name for name, _ in events(each.text)) for each in answers}) == 1
    assert not {"score", "total", "count"} & set(str(hidden.json()).replace("'", " ").split())


def test_what_is_found_does_not_depend_on_what_is_hidden(application: Application) -> None:
    """(L-09)."""

    def found() -> object:
        with application.client("bob") as client:
            passages = client.post("/v1/search", json=EVERYTHING).json()["passages"]
            listed = client.get("/v1/documents").json()
        listed.pop("receipt")
        return passages, listed

    before = found()
    for number in range(20):
        application.ingest(Source(ACME, f"hidden/{number}", "# Hidden\n\nHolidays at work, engine.", ENGINEERING))
    assert found() == before
