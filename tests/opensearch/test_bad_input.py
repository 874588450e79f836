"""Whatever is wrong with the engine or its index: an error that names the mend, no answer, and nothing lost."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from authz.resource import EntityId
from retrieval.errors import IndexMismatchError, SearchUnavailableError
from retrieval.opensearch_address import Address
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_client import Engine
from retrieval.opensearch_mapping import IndexDesign
from retrieval.pointer import IndexPointer
from tests.opensearch.deployment import (
    DESIGN,
    Deployment,
    Place,
    allowed,
    labelled,
    new_name,
    new_place,
    passages,
    query,
    read_whole,
    soon,
    texts,
)
from tests.support.application import Application
from tests.support.stub_engine import stub_engine

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]
A = "acme/a"


def answers(deployment: Deployment) -> bool:
    """Return whether a request would be answered."""
    try:
        deployment.indices.check()
        deployment.indices.current().search(query(), allowed(), 5, soon())
    except (SearchUnavailableError, IndexMismatchError):
        return False
    return True


BLOCKS = {
    "index.blocks.write": "lift the block",
    "index.blocks.read_only": "lift the block",
    "index.blocks.read_only_allow_delete": "short of disk",
}


@pytest.mark.parametrize(("block", "told"), BLOCKS.items())
def test_index_that_takes_no_writes_loses_nothing_and_takes_them_all_afterwards(
    block: str, told: str, deployment: Deployment
) -> None:
    deployment.ingest("a", "First text.")
    deployment.ingest("b", "Other text.")
    deployment.place.setting(block, value=True)
    writes: tuple[Callable[[], object], ...] = (
        lambda: deployment.ingest("a", "Second text."),
        lambda: deployment.ingest("c", "New text."),
        lambda: deployment.ingest("b", "Other text.", "acme/staff", "acme/more"),
    )
    for write in writes:
        with pytest.raises(SearchUnavailableError, match=told):
            write()
    assert read_whole(deployment, A) == ["Title of a", "First text."]
    deployment.place.setting(block, value=None)
    for write in writes:
        write()
    assert read_whole(deployment, A) == ["Title of a", "Second text."]
    assert deployment.differences() == {}


def test_removal_that_the_index_does_not_take_holds_at_door_two_and_is_completed_by_the_next(
    deployment: Deployment,
) -> None:
    deployment.ingest("a", "First text.")
    deployment.place.setting("index.blocks.read_only", value=True)
    with pytest.raises(SearchUnavailableError, match="lift the block"):
        deployment.retire("a")
    record = deployment.registry.record(EntityId(A))
    assert record is not None
    assert record.status == "retired"
    deployment.place.setting("index.blocks.read_only", value=None)
    deployment.retire("a")
    assert deployment.differences() == {}
    assert not deployment.place.writer.holds(EntityId(A))


def test_engine_that_cannot_be_reached_loses_nothing(deployment: Deployment) -> None:
    deployment.ingest("a", "First text.")
    away = Deployment(
        OpenSearchAdmin(Engine.at(Address("http://127.0.0.1:9")), DESIGN), deployment.registry, deployment.pointers
    )
    with pytest.raises(SearchUnavailableError, match="ANTECHAMBER_OPENSEARCH_URL"):
        away.ingest("a", "Second text.")
    assert not answers(away)
    assert read_whole(deployment, A) == ["Title of a", "First text."]
    deployment.ingest("a", "Second text.")
    assert deployment.differences() == {}


def test_engine_that_does_not_know_the_credentials_is_named(deployment: Deployment) -> None:
    with stub_engine() as stub:
        stub.say({"error": {"type": "security_exception", "reason": "CANARYTEXT"}, "status": 401}, 401)
        admin = OpenSearchAdmin(Engine.at(Address(stub.url, ("user", "CANARYPASSWORD"))), DESIGN)
        away = Deployment(admin, deployment.registry, deployment.pointers)
        with pytest.raises(SearchUnavailableError, match="ANTECHAMBER_OPENSEARCH_USER") as refused:
            away.ingest("a", "CANARYTEXT")
        assert "CANARY" not in str(refused.value)
        assert not answers(away)


DRIFTS: dict[str, Callable[[Place], object]] = {
    "a field more": lambda place: place.engine.call(
        "PUT", f"/{place.name}/_mapping", {"properties": {"access": {"properties": {"intruder": {"type": "keyword"}}}}}
    ),
    "another default": lambda place: place.setting("index.search.default_pipeline", "x"),
    "fields of documents' own": lambda place: place.engine.call("PUT", f"/{place.name}/_mapping", {"dynamic": "true"}),
    "fewer terms": lambda place: place.setting("index.max_terms_count", "10"),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_index_that_was_changed_is_not_ready_and_answers_no_more(drift: str, deployment: Deployment) -> None:
    deployment.ingest("a", "First text.")
    running = deployment.indices
    assert running.current().name == deployment.place.name
    DRIFTS[drift](deployment.place)
    with pytest.raises(IndexMismatchError, match="antechamber index rebuild"):
        running.check()
    with pytest.raises(SearchUnavailableError, match="antechamber index rebuild"):
        running.current()
    assert not answers(deployment)
    deployment.rebuild()
    assert answers(deployment)
    assert deployment.differences() == {}


DESIGNS: dict[str, IndexDesign] = {
    "another embedding model": replace(DESIGN, model="another"),
    "other dimensions": replace(DESIGN, dimensions=16),
    "another engine": replace(DESIGN, engine="faiss"),
    "another analyzer": replace(DESIGN, analyzer="german"),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_index_of_another_design_is_refused(name: str, deployment: Deployment) -> None:
    other = replace(deployment.admin, design=DESIGNS[name])
    with pytest.raises(IndexMismatchError, match="antechamber index rebuild"):
        other.check(deployment.place.name)
    assert not answers(Deployment(other, deployment.registry, deployment.pointers))


def test_vector_of_other_dimensions_is_refused_by_the_writer_and_by_the_engine(place: Place) -> None:
    wide = replace(place, admin=replace(place.admin, design=replace(DESIGN, dimensions=4)))
    with pytest.raises(IndexMismatchError, match="finite ones of 4"):
        wide.put(A, "x")
    row = {"document": A, "version": 1, "revision": 1, "ordinal": 1, "text": "CANARYTEXT", "vector": [0.0] * 4}
    with pytest.raises(SearchUnavailableError, match="refused") as refused:
        place.rows.write([row])
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize("field", [{"intruder": 1}, {"access": {"intruder": "x"}}, {"count": {"classification": 1}}])
def test_row_with_a_field_that_the_schema_does_not_know_is_refused(field: dict[str, object], place: Place) -> None:
    with pytest.raises(SearchUnavailableError, match="strict_dynamic_mapping_exception"):
        place.rows.write([{"document": A, "version": 1, "revision": 1, "ordinal": 1, "text": "x", **field}])


def test_index_that_is_missing_is_named_with_the_mend_and_no_write_makes_it(deployment: Deployment) -> None:
    """A write to a name would otherwise make an index without the mapping, and lose what it means."""
    deployment.ingest("a", "First text.")
    running = deployment.indices
    index, name = running.current(), deployment.place.name
    deployment.admin.drop(name)
    for ask in (
        lambda: index.search(query(), allowed(), 5, soon()),
        lambda: index.documents(allowed(), None, 5, soon()),
        lambda: running.current().search(query(), allowed(), 5, soon()),
        running.check,
        lambda: deployment.ingest("b", "Other text."),
    ):
        with pytest.raises(SearchUnavailableError, match="antechamber index rebuild"):
            ask()
    assert name not in deployment.admin.names()
    assert not answers(deployment)
    told = deployment.rebuild()
    assert [each.lost for each in told if each.lost] == [A]
    deployment.ingest("a", "First text.")
    deployment.ingest("b", "Other text.")
    assert answers(deployment)
    assert deployment.differences() == {}


def test_l01_alias_or_pattern_in_place_of_an_index_is_refused(deployment: Deployment) -> None:
    deployment.ingest("a", "First text.")
    alias = new_name()
    deployment.place.engine.call("PUT", f"/{deployment.place.name}/_alias/{alias}")
    for name in (alias, "antechamber-*", "_all", f"{deployment.place.name},{alias}"):
        other = Deployment(deployment.admin, deployment.registry)
        other.pointers.point(IndexPointer(name, (name,), 1))
        with pytest.raises(SearchUnavailableError):
            other.indices.current()
        with pytest.raises(IndexMismatchError):
            other.indices.check()
    by_alias = replace(deployment.place, name=alias)
    for ask in (
        lambda: by_alias.found(text="First text."),
        by_alias.listed,
        by_alias.writer.documents,
    ):
        with pytest.raises(SearchUnavailableError, match="it is an alias"):
            ask()


def test_index_beside_ours_with_a_like_name_disturbs_nothing(place: Place) -> None:
    stranger = f"{place.name}_copy.old"
    place.engine.call("PUT", f"/{stranger}")
    try:
        assert place.name in place.admin.names()
        assert stranger not in place.admin.names()
    finally:
        place.engine.call("DELETE", f"/{stranger}")


def test_field_that_holds_nothing_does_not_stop_those_who_look(place: Place) -> None:
    place.writer.put(EntityId(A), 1, labelled(), passages())
    assert texts(place.found()) == []
    assert place.writer.documents() == [A]


def test_service_whose_index_is_gone_answers_503_is_not_ready_and_tells_no_stranger_why(
    opensearch_url: str, tmp_path: Path
) -> None:
    """(R-06)."""
    with new_place(opensearch_url) as place:
        deployment = Deployment(place.admin)
        deployment.pointers.point(IndexPointer(place.name, (place.name,), 1))
        running = deployment.indices
        running.check()
        app = Application(tmp_path, index=running.current, probes={"index": running.check})
        client = app.client()
        place.admin.drop(place.name)
        for path, body in (("/v1/search", {"question": "CANARYTEXT"}), ("/v1/answers", {"question": "CANARYTEXT"})):
            response = client.post(path, json=body)
            assert response.status_code == 503
            assert "CANARY" not in response.text
            assert place.name not in response.text
        assert client.get("/v1/documents").status_code == 503
        assert client.get("/readyz").status_code == 503
        assert client.get("/readyz").json()["dependencies"] == {"index": "not ready"}
