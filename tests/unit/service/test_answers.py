"""`/v1/answers` from the token to the closing record."""

from pathlib import Path

from tests.support.application import ACME, Application, canary, events, said
from tests.support.scripted import echoes

QUESTION = {"question": "What does the engine plan say?"}


def test_an_answer_is_streamed_cited_and_recorded(tmp_path: Path) -> None:
    application = Application(tmp_path)
    application.model.script = echoes
    with application.client() as client:
        response = client.post("/v1/answers", json=QUESTION)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    assert canary(ACME, "plan") in said(response.text)
    names = [name for name, _ in events(response.text)]
    assert names[0] == "receipt"
    assert names[-1] == "done"
    (record,) = application.records()
    assert record["closed"] == "complete"
