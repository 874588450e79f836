"""`antechamber relabel` on tables of a local DynamoDB: nothing of the models is there to be asked."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from authz.policy_set import SHIPPED
from authz.resource import EntityId, TenantId
from retrieval.ingest.folder import Folder, ingest_folder
from retrieval.ingest.manifest import read_manifest
from retrieval.ingest.vectors import DirectVectors
from service.cli import app
from service.commands.operator import Operator, operator
from service.commands.terminal import Exit
from tests.support.ingested import OPEN
from tests.support.memory_index import CountingEmbedder
from tests.support.tables import client, new_table

pytestmark = pytest.mark.enable_socket

ACME = TenantId("acme")
LOGIN = "https://login.acme.test"
ISSUER = {"issuer": LOGIN, "tenants": ["acme", "globex"], "audience": "antechamber"}
OWNED = OPEN + "documents:\n  b.md: {owners: [ines]}\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment without models, and a folder that was ingested into it."""

    folder: Path
    on: Operator

    def relabel(self, *options: str) -> tuple[int, str, str]:
        """Return how the command ends, and what it prints."""
        arguments = ["--env", "nowhere", "relabel", str(self.folder), *options]
        ended = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, arguments)
        assert ended.exception is None or isinstance(ended.exception, SystemExit)
        return ended.exit_code, ended.stdout, ended.stderr

    def states(self, text: str) -> None:
        """Let the manifest be `text`."""
        (self.folder / "access.yaml").write_text(text)

    def ingest(self) -> None:
        """Ingest the folder, with an embedder of our own."""
        manifest = read_manifest(self.folder / "access.yaml", self.on.policies.attributes, self.on.policies.tenants)
        uids = self.on.uids(ACME)
        taken = Folder(self.folder, manifest, uids.__getitem__, "role:test", f"folder:{self.folder.name}/")
        to = replace(self.on.destination(ACME), vectors=DirectVectors(CountingEmbedder()))
        assert {each.fate for each in ingest_folder(taken, to)} == {"taken"}

    def attribute(self, path: str, name: str) -> object:
        """Return an attribute of a registered document."""
        record = self.on.registry.record(EntityId(f"acme/{path}"))
        return record and record.attributes[name]

    def recorded(self) -> list[object]:
        """Return what was recorded of writes and looks, oldest first, and how it ended."""
        logged = self.on.audit.read(ACME, None, 100)
        return [(each.record.get("event"), each.closing and each.closing["outcome"]) for each in logged]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return a deployment into which three documents were ingested."""
    endpoint = client().meta.endpoint_url
    tables = ("DIRECTORY", "REGISTRY", "RECORDS", "PERSONAL")
    values = {
        "ISSUERS": json.dumps([ISSUER]), "MODEL": "m", "EMBEDDING_MODEL": "e", "DIMENSIONS": "8",
        "AWS_ENDPOINT": endpoint, "BEDROCK_ENDPOINT": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local", "INDEX_PATH": str(tmp_path / "index.sqlite"),
        **{f"{name}_TABLE": new_table() for name in tables},
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(f"ANTECHAMBER_{name}", value)
    on = operator()
    on.admin.load(ACME, {"staff": []}, [])
    on.admin.put_person(ACME, LOGIN, "1", "ines", PERSON, [])
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("a.md", "b.md", "c.md"):
        (folder / name).write_text(f"# {name}\n\nText.")
    place = Place(folder, on)
    place.states(OPEN)
    place.ingest()
    return place


PERSON = {"clearance": 1, "compartments": [], "employment": "employee"}


def test_a_dry_run_says_who_changes_how_and_only_the_look_is_recorded(place: Place) -> None:
    place.states(OWNED.replace("classification: 1", "classification: 2"))
    before = place.recorded()
    code, out, err = place.relabel("--dry-run")
    assert (code, err.strip()) == (Exit.OK, "")
    assert out.splitlines() == [
        "       3  classification: 1 → 2  (a.md, b.md, c.md)",
        "       1  owners: none → ines  (b.md)",
        "3 relabelled (a dry run: nothing is changed)",
    ]
    assert place.attribute("a.md", "classification") == 1
    assert place.recorded()[len(before) :] == [("operator-view", None)]


def test_the_manifest_holds_afterwards_and_each_write_is_on_record(place: Place) -> None:
    place.states(OWNED.replace("classification: 1", "classification: 2"))
    before = place.recorded()
    code, out, _ = place.relabel("--json")
    assert code == Exit.OK
    assert json.loads(out) == {
        "dry_run": False,
        "counts": {"relabelled": 3},
        "changes": [
            {"attribute": "classification", "before": "1", "after": "2", "documents": 3,
             "examples": ["a.md", "b.md", "c.md"]},
            {"attribute": "owners", "before": "none", "after": "ines", "documents": 1, "examples": ["b.md"]},
        ],
        "told": [],
    }  # fmt: skip
    assert place.attribute("b.md", "classification") == 2
    assert place.attribute("b.md", "owners") == {place.on.uids(ACME)["ines"]}
    assert place.recorded()[len(before) :] == [("write", "complete")] * 3
    code, out, _ = place.relabel()
    assert (code, out) == (Exit.OK, "3 unchanged\n")


def test_what_is_not_covered_is_told_and_the_run_is_incomplete(place: Place) -> None:
    place.states(OWNED.replace("ines", "eve").replace("classification: 1", "classification: 2"))
    (place.folder / "c.md").unlink()
    code, out, err = place.relabel()
    assert code == Exit.INCOMPLETE
    assert 'kept: b.md: it keeps its access: the directory of acme knows nobody called "eve"' in err
    assert "kept: c.md: not in the folder" in err
    assert out.endswith("2 kept, 1 relabelled\n")
    assert [place.attribute(path, "classification") for path in ("a.md", "b.md", "c.md")] == [2, 1, 1]


@pytest.mark.parametrize("option", ["--json", "--dry-run"])
def test_a_folder_of_which_nothing_is_registered_is_nothing(place: Place, tmp_path: Path, option: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = Place(tmp_path / "elsewhere", place.on)
    other.states(OPEN)
    assert other.relabel(option)[0] == Exit.NOTHING


def test_a_manifest_of_another_tenant_finds_nothing_of_this_one(place: Place) -> None:
    place.states(OPEN.replace("acme", "globex").replace("classification: 1", "classification: 3"))
    code, out, _ = place.relabel()
    assert code == Exit.NOTHING
    assert "`antechamber ingest` takes it" in out
    assert place.attribute("a.md", "classification") == 1


def test_a_manifest_that_is_refused_changes_nothing(place: Place) -> None:
    place.states(OPEN.replace("classification", "clasification"))
    code, _, err = place.relabel()
    assert code == Exit.FAILED
    assert 'did you mean "classification"?' in err
    assert place.attribute("a.md", "classification") == 1


def test_people_whom_the_directory_does_not_know_are_told_by_the_check(place: Place) -> None:
    place.states(OWNED.replace("[ines]", "[inez]"))
    ended = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(
        app, ["--env", "nowhere", "manifest", "check", str(place.folder), "--directory", "--policies", str(SHIPPED)]
    )
    assert ended.exit_code == Exit.INCOMPLETE
    assert 'access.yaml:6: "b.md": owners: the directory of acme knows nobody called "inez"' in ended.stderr
    assert 'did you mean "ines"?' in ended.stderr
