"""`PUT` and `DELETE` of documents: Cedar decides, the record comes first, and a refusal says nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from authz.resource import EntityId
from retrieval.errors import AuditUnavailableError
from retrieval.ingest.parse import Parsed
from retrieval.ingest.source import SourceItem
from tests.support.application import Application
from tests.support.memory import MemoryRegistry

MARK = "CANARYINPUT"


def body(**changed: object) -> dict[str, object]:
    attributes: dict[str, object] = {
        "classification": 1, "markings": [], "readers": [], "owners": [], "audience": "staff", "quarantined": False,
        "legal_hold": False,
    }  # fmt: skip
    names = {"text", "title", "media_type", "collections", "attributes"}
    attributes |= {key: value for key, value in changed.items() if key not in names}
    usual: dict[str, object] = {"text": "# Menu\n\nSoup.", "attributes": attributes, "collections": ["company"]}
    return usual | {key: value for key, value in changed.items() if key in names}


@pytest.fixture
def carol(application: Application) -> Iterator[TestClient]:
    with application.client("carol") as client:
        yield client


def test_a_librarian_creates_replaces_relabels_and_retires(application: Application, carol: TestClient) -> None:
    steps = [
        carol.put("/v1/documents/menu", json=body()),
        carol.put("/v1/documents/menu", json=body()),
        carol.put("/v1/documents/menu", json=body(text="# Menu\n\nBread.")),
        carol.put("/v1/documents/menu", json=body(text="# Menu\n\nBread.", classification=2)),
        carol.delete("/v1/documents/menu"),
        carol.delete("/v1/documents/menu"),
        carol.put("/v1/documents/menu", json=body()),
    ]
    assert [step.status_code for step in steps] == [200] * 7
    outcomes = [step.json().get("outcome") for step in steps]
    assert outcomes == ["stored", "stored", "stored", "stored", "retired", "retired", "stored"]
    writes = [(record["action"], record.get("repeated", False)) for record in application.records()]
    assert writes == [
        ("create", False),
        ("relabel", True),
        ("replace", False),
        ("relabel", False),
        ("erase", False),
        ("erase", True),
        ("create", False),
    ]


def test_a_write_that_follows_another_revision_is_a_conflict(application: Application, carol: TestClient) -> None:
    first = carol.put("/v1/documents/menu", json=body()).json()["revision"]
    changed = body(text="# Menu\n\nBread.") | {"revision": first}
    assert carol.put("/v1/documents/menu", json=changed).status_code == 200
    assert carol.put("/v1/documents/menu", json=changed).status_code == 409
    assert application.registry.records[EntityId("acme/menu")].revision == 2


def test_a_write_without_access_keeps_the_access_that_is_there(application: Application, carol: TestClient) -> None:
    carol.put("/v1/documents/menu", json=body(classification=2))
    assert carol.put("/v1/documents/menu", json={"text": "# Menu\n\nBread."}).status_code == 200
    assert application.registry.records[EntityId("acme/menu")].attributes["classification"] == 2


def test_a_new_document_without_access_is_refused(application: Application, carol: TestClient) -> None:
    assert carol.put("/v1/documents/menu", json={"text": "# Menu\n\nBread."}).status_code == 403
    assert EntityId("acme/menu") not in application.registry.records


def test_a_quarantine_and_a_hold_are_not_lifted_by_whoever_may_relabel(
    application: Application, carol: TestClient
) -> None:
    for guard in ("quarantined", "legal_hold"):
        carol.put("/v1/documents/menu", json=body())
        document = EntityId("acme/menu")
        record = application.registry.records[document]
        held = replace(record, attributes={**record.attributes, guard: True})
        application.registry.records[document] = held
        assert carol.put("/v1/documents/menu", json=body()).status_code == 403
        assert carol.put("/v1/documents/menu", json=body(text="# Menu\n\nDoctored.")).status_code == 403
        assert carol.delete("/v1/documents/menu").status_code == 404
        assert application.registry.records[document] == held
        application.registry.records[document] = record


def test_what_is_written_is_decided_again_on_exactly_what_is_there_then(
    application: Application, carol: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol.put("/v1/documents/menu", json=body())
    document = EntityId("acme/menu")
    free = application.registry.records[document]
    held = replace(free, attributes={**free.attributes, "legal_hold": True})
    reads = iter([free])  # the look before any work finds no hold; every later one does
    monkeypatch.setattr(type(application.registry), "record", lambda _, __: next(reads, held))
    assert carol.put("/v1/documents/menu", json=body(text="# Menu\n\nDoctored.")).status_code == 403
    assert application.registry.records[document] == free
    assert application.records()[-1]["outcome"] == "denied"


REFUSED = {
    "no librarian": ("bob", body()),
    "a contractor": ("dora", body()),
    "above the writer's clearance": ("carol", body(classification=9)),
    "a marking that the writer does not hold": ("carol", body(markings=["merger"])),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_write_that_no_policy_allows_is_403_recorded_and_changes_nothing(application: Application, case: str) -> None:
    subject, content = REFUSED[case]
    with application.client(subject) as client:
        response = client.put("/v1/documents/menu", json=content)
    assert response.status_code == 403
    assert EntityId("acme/menu") not in application.registry.records
    assert not application.writer.holds(EntityId("acme/menu"))
    (record,) = application.records()
    assert (record["event"], record["outcome"]) == ("write", "denied")
    assert "menu" not in str(record)


def test_nobody_widens_what_they_may_not_relabel(application: Application) -> None:
    uid = None
    with application.client("bob") as bob:
        uid = bob.get("/v1/me").json()["principal"]
    with application.client("carol") as carol:
        assert carol.put("/v1/documents/menu", json=body(owners=[uid], audience="few")).status_code == 200
    with application.client("bob") as bob:
        changed = body(text="# Menu\n\nMine.", owners=["me"], audience="few")
        assert bob.put("/v1/documents/menu", json=changed).status_code == 200, "an owner may replace"
        assert bob.put("/v1/documents/menu", json=body(owners=["me"], audience="staff")).status_code == 403
        assert (
            bob.put("/v1/documents/menu", json=body(owners=["me"], audience="few", readers=["board"])).status_code
            == 403
        )
    assert application.registry.records[EntityId("acme/menu")].attributes["audience"] == "few"


BAD: dict[str, dict[str, object]] = {
    "an attribute that there is not": body(**{MARK: True}),
    "a missing attribute": {**body(), "attributes": {}},
    "an attribute of another kind": body(classification=MARK),
    "a list for a text": body(audience=[MARK]),
    "another tenant": body(tenant="globex"),
    "a group of another tenant": body(readers=["globex/engineering"]),
    "an owner of another tenant": body(owners=["globex/x"]),
    "a collection that there is not": body(collections=[MARK]),
    "a collection of another tenant": body(collections=["globex/company"]),
    "no collection": body(collections=[]),
    "no text": body(text=""),
    "a text of white space": body(text=" \n "),
    "an invisible text": body(text="\u200b\u2060"),
    "NUL in the text": body(text=f"{MARK}\u0000"),
    "a title of control characters": body(title=f"{MARK}\u0007"),
    "a title too long": body(title=MARK * 50),
    "another media type": body(media_type="application/pdf"),
    "a PDF": body(text=f"%PDF-1.7 {MARK}"),
    "an unknown field": {**body(), MARK: 1},
    "an attribute of 600 bytes": body(audience=MARK * 60),
}


@pytest.mark.parametrize("case", BAD)
def test_a_document_that_does_not_fit_is_refused_changes_nothing_and_is_not_echoed(
    application: Application, carol: TestClient, case: str
) -> None:
    response = carol.put("/v1/documents/menu", json=BAD[case])
    assert response.status_code in {403, 422}, response.text
    assert MARK not in response.text
    assert EntityId("acme/menu") not in application.registry.records


SURROGATES = [
    '{"text": "a \\ud800 b", "attributes": {}, "collections": ["company"]}',
    '{"text": "a", "title": "\\udfff", "attributes": {}, "collections": ["company"]}',
    '{"text": "a", "attributes": {"audience": "\\ud800"}, "collections": ["company"]}',
    '{"text": "a", "attributes": {"\\ud800": "a"}, "collections": ["company"]}',
    '{"text": "a", "attributes": {}, "collections": ["\\ud800"]}',
    '{"text": "a", "attributes": {"readers": ["\\ud800"]}, "collections": ["company"]}',
    '{"text": "a", "attributes": {"classification": ' + "9" * 40 + '}, "collections": ["company"]}',
    '{"text": "a", "attributes": {"classification": ' + "9" * 5000 + '}, "collections": ["company"]}',
    '{"text": "a", "attributes": {"classification": 1e400}, "collections": ["company"]}',
]


@pytest.mark.parametrize("content", SURROGATES)
def test_text_that_no_encoding_holds_is_refused_and_never_altered(carol: TestClient, content: str) -> None:
    response = carol.put("/v1/documents/menu", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}


def test_a_text_comes_back_as_it_was_written(carol: TestClient) -> None:
    text = "Soup \U0001f372 caf\u00e9 \u65e5\u672c \u0627\u0644"
    assert carol.put("/v1/documents/menu", json=body(text=text, media_type="text/plain")).status_code == 200
    assert [each["text"] for each in carol.get("/v1/documents/menu").json()["passages"]] == [text]


NAMES = [
    "..",
    "../../etc/passwd",
    "a/../b",
    "%00",
    "%0a",
    "x" * 600,
    "%20lead",
    "a%20",
    "%F0%9F%94%92",
    "globex/plan",
    "%FF",
    "C:%5Cx",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_odd_name_is_a_name_in_the_callers_tenant_or_refused(
    application: Application, carol: TestClient, method: str, name: str
) -> None:
    before = {key for key in application.registry.records if not key.startswith("acme/")}
    response = carol.request(method, f"/v1/documents/{name}", json=body() if method == "PUT" else None)
    assert response.status_code in {200, 404, 405, 422}
    assert {key for key in application.registry.records if not key.startswith("acme/")} == before


def test_an_owner_who_says_again_what_is_there_is_told_so(application: Application, carol: TestClient) -> None:
    with application.client("bob") as bob:
        uid = bob.get("/v1/me").json()["principal"]
        carol.put("/v1/documents/note", json=body(owners=[uid]))
        changed = {"text": "# Note\n\nAnother."}
        assert [bob.put("/v1/documents/note", json=changed).status_code for _ in range(2)] == [200, 200]
        wider = body(owners=[uid], audience="all") | changed
        assert bob.put("/v1/documents/note", json=wider).status_code == 403, "which is no repetition"
    told = [(each["action"], each["outcome"], each.get("repeated", False)) for each in application.records()[1:]]
    assert told == [("replace", "open", False), ("replace", "complete", True), ("relabel", "denied", False)]


def test_l14_author_who_is_out_of_the_directory_while_the_document_is_parsed_writes_nothing(
    application: Application, carol: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = application.on.writing
    assert writing is not None
    parse = writing.parse

    def meanwhile(item: SourceItem) -> Parsed:
        del application.directory.persons[next(key for key in application.directory.persons if key[1] == "carol")]
        return parse(item)

    monkeypatch.setattr(
        application.app.state, "dependencies", replace(application.on, writing=replace(writing, parse=meanwhile))
    )
    assert carol.put("/v1/documents/late", json=body()).status_code == 403
    assert EntityId("acme/late") not in application.registry.records
    (record,) = application.records()
    assert (record["action"], record["outcome"]) == ("create", "denied")


def test_what_an_interrupted_creation_left_of_a_retired_document_can_be_erased(
    application: Application, carol: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol.put("/v1/documents/menu", json=body())
    carol.delete("/v1/documents/menu")
    with monkeypatch.context() as broken:
        broken.setattr(MemoryRegistry, "put", _dies)
        assert carol.put("/v1/documents/menu", json=body()).status_code == 500
    menu = EntityId("acme/menu")
    assert application.writer.holds(menu)
    with application.client("bob") as bob:
        assert bob.delete("/v1/documents/menu").status_code == 404
    assert application.writer.holds(menu)
    assert carol.delete("/v1/documents/menu").status_code == 200
    assert not application.writer.holds(menu)
    assert application.records()[-1]["decision"] == "allowed"


def _dies(*_: object) -> None:
    raise ZeroDivisionError


def test_a_write_whose_record_is_not_durable_is_not_made(application: Application, carol: TestClient) -> None:
    application.audit.failing = AuditUnavailableError("down")
    assert carol.put("/v1/documents/menu", json=body()).status_code == 503
    assert carol.delete("/v1/documents/handbook").status_code == 503
    assert EntityId("acme/menu") not in application.registry.records
    assert application.registry.records[EntityId("acme/handbook")].status == "active"


def test_a_document_on_legal_hold_is_neither_replaced_nor_retired(carol: TestClient) -> None:
    assert carol.put("/v1/documents/menu", json=body(legal_hold=True)).status_code == 200
    assert carol.put("/v1/documents/menu", json=body(text="Other.", legal_hold=True)).status_code == 403
    assert carol.delete("/v1/documents/menu").status_code == 404


def test_a_process_that_only_answers_has_no_routes_that_write(tmp_path: Path) -> None:
    application = Application(tmp_path, writing=None)
    with application.client("carol") as client:
        assert client.put("/v1/documents/menu", json=body()).status_code == 405
        assert client.delete("/v1/documents/handbook").status_code == 405


def test_an_upload_of_almost_a_megabyte_is_taken_to_be_judged(carol: TestClient) -> None:
    response = carol.put("/v1/documents/menu", json=body(text="Soup and bread. " * 5000))
    assert response.status_code == 200


def test_a_failing_embedding_makes_no_half_a_document(application: Application, carol: TestClient) -> None:
    from retrieval.errors import EmbeddingUnavailableError  # noqa: PLC0415

    application.embedder.failing = EmbeddingUnavailableError("down")
    assert carol.put("/v1/documents/menu", json=body()).status_code == 503
    assert EntityId("acme/menu") not in application.registry.records


def _odd_attributes() -> list[Any]:
    return [None, 1.5, {"a": 1}, [1], [["a"]], [None]]


@pytest.mark.parametrize("value", _odd_attributes())
def test_an_attribute_of_a_shape_that_there_is_not_is_422(carol: TestClient, value: object) -> None:
    assert carol.put("/v1/documents/menu", json=body(readers=value)).status_code == 422
