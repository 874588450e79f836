"""One question asked of an application whose dependency fails, and the refusal that has to come."""

from dataclasses import replace

from httpx2 import Response

from tests.support.application import BOUNDS, Application, disclosed

QUESTION = {"question": "What does the engine plan say?"}
DETAIL = "CANARYDETAIL"
SHORT = replace(BOUNDS, deadline=0.5)


def ask(application: Application, subject: str = "alice", path: str = "/v1/answers") -> Response:
    with application.client(subject) as client:
        return client.get(path) if "documents" in path else client.post(path, json=QUESTION)


def is_refused(response: Response) -> bool:
    """Return whether it is our 503, which says when to come back and nothing else."""
    assert response.status_code == 503, response.text
    assert response.headers["retry-after"] == "5"
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) == {"type", "status", "detail", "request"}
    assert DETAIL not in response.text
    assert not disclosed(response.text)
    return True
