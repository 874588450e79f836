"""Ways in which search engines have let out what a reader may not see, tried on a real OpenSearch."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authz.resource import EntityId
from retrieval.index import Query
from retrieval.opensearch_query import header, text_leg
from tests.opensearch.deployment import ACME, DESIGN, Place, allowed, labelled, new_place, query, soon, texts, vector
from tests.support.application import Application, disclosed
from tests.support.corpus import DIMENSIONS, EMBEDDING, SOURCES, Source, canary, ingest_source
from tests.support.memory import MemoryRegistry

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]
QUESTIONS = [
    "the engine plan at work",
    "board sells PWNED",
    "vault code",
    "holidays",
    "zirconium",
    "*",
    "access.readers",
]


@pytest.fixture
def served(opensearch_url: str) -> Iterator[Place]:
    """Return an index that holds the corpus of the application's tests."""
    with new_place(opensearch_url, replace(DESIGN, model=EMBEDDING, dimensions=DIMENSIONS)) as made:
        for source in SOURCES:
            ingest_source(source, MemoryRegistry(), made.writer)
        yield made


def asked(app: Application, question: str) -> tuple[int, Any]:
    response = app.client("bob").post("/v1/search", json={"question": question, "k": 20})
    return response.status_code, response.json()


def shape(plain: Any) -> object:  # noqa: ANN401 - JSON
    if isinstance(plain, dict):
        return {key: shape(each) for key, each in plain.items()}
    return [shape(each) for each in plain[:1]] if isinstance(plain, list) else type(plain).__name__


def test_l09_l10_hidden_documents_change_neither_status_nor_shape_and_bring_nothing_of_theirs(
    served: Place, tmp_path: Path
) -> None:
    """Ranks may change with the statistics of all documents: that is said of this engine, and door two holds."""
    app = Application(tmp_path, index=lambda: served.index)
    before = {question: asked(app, question) for question in QUESTIONS}
    listed = app.client("bob").get("/v1/documents").json()["documents"]
    for number in range(12):
        text = f"engine plan board vault zirconium {number} " * 3
        hidden = Source(ACME, f"hidden/{number}", text, {"readers": ["board"]})
        ingest_source(hidden, app.registry, served.writer)
    for question, (status, body) in before.items():
        after, found = asked(app, question)
        assert (after, shape(found)) == (status, shape(body))
        assert disclosed(json.dumps(found)) == disclosed(json.dumps(body))
        assert "hidden" not in json.dumps(found)
        assert found.keys() == {"receipt", "passages"}  # no total, no score
    assert app.client("bob").get("/v1/documents").json()["documents"] == listed
    gone, there = (app.client("bob").get(f"/v1/documents/{name}") for name in ("hidden/1", "hidden/none"))
    assert gone.status_code == there.status_code == 404
    assert {**gone.json(), "request": ""} == {**there.json(), "request": ""}


def test_l06_l10_answer_of_the_engine_itself_holds_no_total_and_no_access_attribute(served: Place) -> None:
    """L-04."""
    question = Query("engine", vector("x"))
    leg = text_leg(question, {"match_all": {}}, 50, 10_000)
    (rows,) = served.engine.search([(header(served.name), leg)], 20)
    assert rows
    for row in rows:
        assert row.keys() <= {"_index", "_id", "_score"} | {"_source"}
        assert row["_source"].keys() == {"document", "version", "revision", "ordinal", "text"}


LOOK_ALIKES = (
    "acme/User-1", "acme/User-2", "acme/user-1", "acme/User 1", "acme/User", "acme/1", "acme/User-1 ", "acme/caf\u00e9",
    "acme/cafe\u0301", "acme/*", "acme/U*", "acme/User-?", "acme/" + "x" * 507, "acme/" + "x" * 506 + "y", "acme/a/b",
)  # fmt: skip


def test_l11_access_values_that_look_alike_are_different(place: Place) -> None:
    """An analysed field would find `User-2` for `User-1`, and a cut one the long ones for each other."""
    for number, group in enumerate(LOOK_ALIKES):
        place.put(f"acme/{number:02}", "alpha", under=labelled(1, group))
    for number, group in enumerate(LOOK_ALIKES):
        assert place.listed(allowed(group)) == [f"acme/{number:02}"], group
        assert [hit.document for hit in place.found(allowed(group))] == [f"acme/{number:02}"], group


def test_l20_filter_keeps_the_nearest_hidden_passages_from_crowding_out_any_other(place: Place) -> None:
    place.put("acme/hidden", *["alpha beta"] * 150, under=labelled(1, "acme/board"))
    place.put("acme/mine", "something far away")
    assert texts(place.found()) == ["something far away"]


@pytest.mark.parametrize(
    "condition", ["acme/'; --", 'acme/"}},{"match_all":{}}', "acme/x]]}", "acme/\\", "acme/{{x}}", "acme/${x}"]
)
def test_l03_no_group_and_no_document_of_hostile_name_opens_another(condition: str, place: Place) -> None:
    place.put("acme/hidden", "alpha", under=labelled(1, "acme/board"))
    place.put(condition, "alpha", under=labelled(1, condition))
    assert place.listed(allowed(condition)) == [condition]
    assert texts(place.index.passages(EntityId(condition), allowed(condition), 0, 9, soon())) == ["alpha"]
    assert place.index.documents(allowed(condition), EntityId(condition), 9, soon()) == []


def test_l15_removed_text_is_found_by_no_search_of_the_engine_at_all(place: Place) -> None:
    place.put("acme/a", "xylophone one", "xylophone two")
    place.put("acme/a", "xylophone three", under=labelled(2), version=2)
    place.writer.remove(EntityId("acme/a"), 3)
    everything = place.engine.call("POST", f"/{place.name}/_search", {"query": {"match_all": {}}})
    assert everything["hits"]["hits"] == []
    assert place.index.search(query("xylophone"), allowed(), 9, soon()) == []


def test_l01_write_and_search_name_one_index_and_others_of_the_cluster_stay_unseen(
    place: Place, opensearch_url: str
) -> None:
    with new_place(opensearch_url) as other:
        other.put("acme/other", "alpha beta")
        place.put("acme/mine", "alpha beta")
        assert place.listed() == ["acme/mine"]
        assert [hit.document for hit in place.found()] == ["acme/mine"]
        assert other.listed() == ["acme/other"]


def test_canary_of_the_corpus_is_where_it_belongs(served: Place, tmp_path: Path) -> None:
    app = Application(tmp_path, index=lambda: served.index)
    found = app.client("alice").post("/v1/search", json={"question": "engine plan", "k": 20}).text
    assert canary(ACME, "plan") in found
    assert canary(ACME, "board/minutes") not in found
