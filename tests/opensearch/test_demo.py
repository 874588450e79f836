"""The demo on a real OpenSearch, end to end: two people, a rebuild while it answers, a sweep, a removal."""

from collections.abc import Iterator

import httpx2
import pytest

from authz.resource import EntityId
from retrieval.pointer import pointed
from service.compose_opensearch import opensearch
from tests.support.demo import ROOT, Demo, ask, kept_vectors, listed, running_demo

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]

QUESTION = "What are the salary bands for engineers?"
BANDS = "hr/salary-bands.md"


@pytest.fixture(scope="module")
def demo(opensearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Return a demo whose index lies in OpenSearch, the only one: it drops those of other demos there."""
    folder = tmp_path_factory.mktemp("a demo")
    with (
        kept_vectors(folder, "demo"),
        running_demo(folder, opensearch=opensearch_url, ANTECHAMBER_RATE="100000/minute") as running,
    ):
        yield running


def client(demo: Demo, person: str) -> httpx2.Client:
    return demo.client(demo.token(person))


def test_one_question_of_two_people_has_two_answers(demo: Demo) -> None:
    with client(demo, "ana") as ana, client(demo, "ben") as ben:
        assert ask(ana, QUESTION).cited == [BANDS]
        assert ask(ben, QUESTION).abstained
        assert BANDS in listed(ana)
        assert BANDS not in listed(ben)


def test_index_is_as_it_must_be_and_as_the_registry_says(demo: Demo) -> None:
    status = demo.run("index", "status", "--json")
    assert (status.code, status.json["trouble"], status.json["missing"]) == (0, None, [])
    assert "answers" in status.json["indices"].values()
    swept = demo.run("index", "sweep")
    assert swept.code == 0
    assert "the index is as the registry says" in swept.out


def test_rebuild_changes_the_index_and_nothing_else(demo: Demo) -> None:
    before = demo.run("index", "status", "--json").json["indices"]
    with client(demo, "ana") as ana:
        seen = listed(ana)
        rebuilt = demo.run("index", "rebuild", "--grace", "0", "--settle", "0")
        assert rebuilt.code == 0, rebuilt.err
        after = demo.run("index", "status", "--json").json["indices"]
        assert not before.keys() & {name for name, part in after.items() if part == "answers"}
        assert listed(ana) == seen
        assert ask(ana, QUESTION).cited == [BANDS]
    assert demo.run("index", "sweep").code == 0


def test_what_a_crash_left_is_found_repaired_and_restored(demo: Demo) -> None:
    indices = opensearch(demo.operator.settings, demo.operator.policies)
    index = indices.open(pointed(indices.pointers).reads)
    index.rows.remove(EntityId("acme/handbook/travel.md"), {"term": {"ordinal": 1}}, version=2)
    found = demo.run("index", "sweep", "--json")
    assert found.code == 4
    assert [each["flaw"] for each in found.json] == ["lost"]
    assert demo.run("index", "sweep", "--repair", "--settle", "0").code in {0, 4}
    with client(demo, "ben") as ben:
        assert "handbook/travel.md" not in listed(ben)
        ingested = demo.command("ingest", str(ROOT / "service/local/company/acme"))
        assert ingested.code == 0, ingested.err
        assert "handbook/travel.md" in listed(ben)
    assert demo.run("index", "sweep").code == 0


def test_what_is_deleted_is_gone_from_the_index(demo: Demo) -> None:
    assert demo.run("delete", "handbook/canteen.html").code == 0
    with client(demo, "ben") as ben:
        assert "handbook/canteen.html" not in listed(ben)
    assert demo.run("index", "sweep").code == 0


def test_records_say_that_somebody_worked_on_the_index(demo: Demo) -> None:
    demo.run("index", "sweep")
    records = demo.run("audit", "tail", "-n", "1000", "--json").json
    assert "index sweep" in {each["record"].get("action") for each in records}


def test_local_index_has_no_such_commands(demo: Demo) -> None:
    told = demo.command("index", "status", ANTECHAMBER_INDEX="sqlite")
    assert told.code == 1
    assert "one local file" in told.err
