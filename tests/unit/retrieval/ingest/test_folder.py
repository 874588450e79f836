import os
from dataclasses import replace
from pathlib import Path

import pytest

from authz.policy_set import SHIPPED
from authz.resource import EntityId
from authz.schema import read_schema
from authz.tenants import read_tenants
from retrieval.errors import RegistryUnavailableError, SourceError
from retrieval.ingest.folder import Folder, Progress, ingest_folder, summary
from retrieval.ingest.manifest import read_manifest
from retrieval.ingest.source import MAX_SOURCE_BYTES
from tests.support.memory_index import KilledError, Workshop

MANIFEST = """\
tenant: acme
folders:
  open: {classification: 0, audience: staff, readers: [], markings: [], owners: [], quarantined: false,
         legal_hold: false, collections: []}
documents:
  open/gone.md: {}
"""


def folder(root: Path, files: dict[str, str | bytes], manifest: str = MANIFEST) -> Folder:
    for name, content in {"open/a.md": "# A\n\nText.", "access.yaml": manifest, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    schema = read_schema((SHIPPED / "schema.json").read_text())
    tenants = read_tenants('{"acme": {"groups": [], "collections": {}}}')
    return Folder(root, read_manifest(root / "access.yaml", schema, tenants), EntityId, "role:test", "folder:acme/")


def fates(run: list[Progress]) -> dict[str, str]:
    return {each.path: each.fate for each in run}


def test_each_document_has_one_event_and_one_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    shop = Workshop()
    files: dict[str, str | bytes] = {
        "open/b.txt": b"\xff",
        "open/c.txt": "Text.",
        "open/d.pdf": "%PDF-1.7",
        "open/e.txt": "",
        "open/f.txt": "x" * (MAX_SOURCE_BYTES + 1),
        "closed/g.md": "readers: everyone",
        "open/.hidden.md": "x",
        ".git/x.md": "x",
        "open/access.yaml": "x",
    }
    run = list(ingest_folder(folder(tmp_path, files), shop.to))
    assert fates(run) == {
        "open/gone.md": "missing",
        "closed/g.md": "refused",
        "open/a.md": "taken",
        "open/access.yaml": "refused",
        "open/b.txt": "refused",
        "open/c.txt": "taken",
        "open/d.pdf": "refused",
        "open/e.txt": "refused",
        "open/f.txt": "refused",
    }
    assert [(each.done, each.total) for each in run] == [(done, 9) for done in range(1, 10)]
    assert set(shop.registry.records) == {"acme/open/a.md", "acme/open/c.txt"}
    assert shop.registry.records[EntityId("acme/open/a.md")].source == "folder:acme/open/a.md"


def test_document_without_access_attributes_is_refused_by_name_and_nowhere(tmp_path: Path) -> None:
    shop = Workshop()
    run = list(ingest_folder(folder(tmp_path, {"closed/g.md": "classification: 0, readers: everyone"}), shop.to))
    (refused,) = [each for each in run if each.fate == "refused"]
    assert refused.path == "closed/g.md"
    assert refused.reason is not None
    assert "states no audience, classification" in refused.reason
    assert not shop.index.holds(EntityId("acme/closed/g.md"))


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    shop = Workshop()
    source = folder(tmp_path, {})
    list(ingest_folder(source, shop.to))
    shop.steps.taken.clear()
    assert fates(list(ingest_folder(source, shop.to)))["open/a.md"] == "unchanged"
    assert shop.steps.taken == []


def test_run_after_a_kill_goes_on(tmp_path: Path) -> None:
    shop = Workshop()
    source = folder(tmp_path, {"open/b.md": "# B\n\nText.", "open/c.md": "# C\n\nText."})
    shop.steps.kill_at = 12
    with pytest.raises(KilledError):
        list(ingest_folder(source, shop.to))
    shop.steps.kill_at = None
    done = summary(ingest_folder(source, shop.to))
    assert done.counts == {"missing": 1, "unchanged": 1, "taken": 2}
    assert [each.path for each in done.refused] == ["open/gone.md"]
    assert all(shop.is_tidy(document) for document in shop.registry.records)


def test_changed_manifest_relabels(tmp_path: Path) -> None:
    shop = Workshop()
    list(ingest_folder(folder(tmp_path, {}), shop.to))
    before = len(shop.vectors.embedder.texts)
    narrower = folder(tmp_path, {}, MANIFEST.replace("classification: 0", "classification: 3"))
    assert fates(list(ingest_folder(narrower, shop.to)))["open/a.md"] == "relabelled"
    assert len(shop.vectors.embedder.texts) == before


def test_links_are_refused_wherever_they_lead(tmp_path: Path) -> None:
    shop = Workshop()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("SECRET")
    source = folder(tmp_path / "root", {"closed/x.md": "SECRET"})
    (source.root / "open/out.md").symlink_to(outside / "secret.md")
    (source.root / "open/in.md").symlink_to(source.root / "closed/x.md")
    (source.root / "open/dangling.md").symlink_to(source.root / "nothing.md")
    (source.root / "open/folder.md").symlink_to(outside)
    os.mkfifo(source.root / "open/pipe.md")
    run = fates(list(ingest_folder(source, shop.to)))
    for name in ("out", "in", "dangling", "folder", "pipe"):
        assert run[f"open/{name}.md"] == "refused"
    assert set(shop.registry.records) == {"acme/open/a.md"}


def test_two_documents_with_one_id_are_one_taken_and_one_refused(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("open/gone.md: {}", "open/a.md: {id: open/b.md}")
    run = list(ingest_folder(folder(tmp_path, {"open/b.md": "# B"}, manifest), Workshop().to))
    assert fates(run) == {"open/a.md": "taken", "open/b.md": "refused"}


def test_dependency_that_fails_stops_the_run(tmp_path: Path) -> None:
    shop = Workshop(failing=RegistryUnavailableError("down"))
    with pytest.raises(RegistryUnavailableError):
        list(ingest_folder(folder(tmp_path, {}), shop.to))


def test_unknown_owner_is_refused_by_name(tmp_path: Path) -> None:
    def nobody(handle: str) -> EntityId:
        message = f'nobody has the handle "{handle}"'
        raise SourceError(message)

    manifest = MANIFEST.replace("owners: []", "owners: [eve]")
    source = replace(folder(tmp_path, {}, manifest), resolve=nobody)
    reasons = [each.reason for each in ingest_folder(source, Workshop().to) if each.fate == "refused"]
    assert reasons == ['nobody has the handle "eve"']


def test_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    source = replace(folder(tmp_path, {}), root=tmp_path / "nowhere")
    with pytest.raises(SourceError, match="cannot be read"):
        list(ingest_folder(source, Workshop().to))


def test_what_was_removed_from_the_folder_is_named_and_still_served(tmp_path: Path) -> None:
    shop = Workshop()
    list(ingest_folder(folder(tmp_path, {"open/b.md": "# B\n\nTwo."}), shop.to))
    (tmp_path / "open/b.md").unlink()
    again = fates(list(ingest_folder(folder(tmp_path, {}), shop.to)))
    assert (again["open/b.md"], again["open/a.md"]) == ("gone", "unchanged")
    assert shop.registry.records[EntityId("acme/open/b.md")].status == "active"
