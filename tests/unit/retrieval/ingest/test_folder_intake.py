"""What a folder's run leaves in the intake: what did not go in, until it does."""

from pathlib import Path

import pytest

from authz.policy_set import SHIPPED
from authz.resource import EntityId
from authz.schema import read_schema
from authz.tenants import read_tenants
from retrieval.errors import IntakeUnavailableError
from retrieval.ingest.folder import Folder, ingest_folder
from retrieval.ingest.folder_intake import noted
from retrieval.ingest.manifest import read_manifest
from retrieval.intake import OPEN
from tests.support.memory_bucket import ACME, MANIFEST, MemoryIntake
from tests.support.memory_index import Workshop, now

MISSING = f"{MANIFEST}documents:\n  gone.md: {{}}\n"


def folder(root: Path, files: dict[str, bytes], manifest: str = MANIFEST) -> Folder:
    for each in root.iterdir():
        each.unlink()
    for name, content in {"a.md": b"# A", "access.yaml": manifest.encode(), **files}.items():
        (root / name).write_bytes(content)
    schema = read_schema((SHIPPED / "schema.json").read_text())
    tenants = read_tenants('{"acme": {"groups": [], "collections": {"company": []}}}')
    return Folder(root, read_manifest(root / "access.yaml", schema, tenants), EntityId, "role:test", "folder:acme/")


def run(of: Folder, intake: MemoryIntake, shop: Workshop) -> dict[str, str]:
    """Ingest, and return the states of what the intake holds."""
    list(noted(of, ingest_folder(of, shop.to), intake, now))
    return {source.removeprefix("folder:acme/"): entry.state for (_, source), entry in intake.entries.items()}


def test_what_is_refused_or_missing_is_noted_with_its_reason_and_what_goes_in_is_not(tmp_path: Path) -> None:
    intake = MemoryIntake()
    assert run(folder(tmp_path, {"b.md": b"\xff\xfe"}, MISSING), intake, Workshop()) == {
        "b.md": "refused",
        "gone.md": "refused",
    }
    assert all(entry.reason for entry in intake.entries.values())
    assert intake.entries[ACME, "folder:acme/b.md"].actor == "role:test"


def test_what_goes_in_later_or_is_there_no_more_is_open_no_longer(tmp_path: Path) -> None:
    intake, shop = MemoryIntake(), Workshop()
    run(folder(tmp_path, {"b.md": b"\xff\xfe", "c.md": b"\xff\xfe"}, MISSING), intake, shop)
    assert run(folder(tmp_path, {"b.md": b"# B"}), intake, shop) == {
        "b.md": "taken",
        "c.md": "retired",
        "gone.md": "retired",
    }
    assert not [entry for entry in intake.scan(ACME) if entry.state in OPEN]


def test_what_another_folder_left_open_stays_so(tmp_path: Path) -> None:
    intake, shop = MemoryIntake(), Workshop()
    other = tmp_path / "other"
    other.mkdir()
    run(folder(other, {"b.md": b"\xff\xfe"}), intake, shop)
    intake.entries[ACME, "folder:other/x.md"] = next(iter(intake.entries.values()))
    assert run(folder(other, {"b.md": b"# B"}), intake, shop)["b.md"] == "taken"
    assert intake.entries[ACME, "folder:other/x.md"].state == "refused"


def test_intake_that_fails_stops_the_run(tmp_path: Path) -> None:
    intake = MemoryIntake(failing=IntakeUnavailableError("down"))
    of = folder(tmp_path, {"b.md": b"\xff\xfe"})
    with pytest.raises(IntakeUnavailableError):
        list(noted(of, ingest_folder(of, Workshop().to), intake, now))
