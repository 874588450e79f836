"""A document from the bucket, and one that is uploaded: taken by the demo's worker, found, and gone again."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from service import aws
from tests.support.demo import PATIENCE, Demo, ask, settled

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(300)]

ACCESS = """\
tenant: acme
folders:
  .: {classification: 1, audience: staff, readers: [], markings: [], owners: [], quarantined: false,
      legal_hold: false, collections: [handbook]}
"""
QUESTION = "Who feeds the Tolliver goldfish?"


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.3)


def test_a_dropped_document_is_cited_and_once_deleted_found_by_nobody(demo: Demo, tmp_path: Path) -> None:
    folder = tmp_path / "pond"
    folder.mkdir()
    (folder / "gold fish+1.md").write_text("# Goldfish\n\nThe Tolliver goldfish is fed by Marguerite.\n")
    (folder / "access.yaml").write_text(ACCESS)
    dropped = demo.run("drop", str(folder), "--into", "acme/pond")
    assert dropped.code == 0, dropped.err
    with demo.client(demo.token("ana"), patience=5) as ana:
        until(lambda: ask(ana, QUESTION).cited == ["gold fish+1.md"])
        settings = demo.operator.settings
        s3 = aws.s3(settings)
        s3.delete_object(Bucket=settings.documents_bucket or "", Key="acme/pond/gold fish+1.md")
        until(lambda: "Marguerite" not in ask(ana, QUESTION).text)
        assert ana.get("/v1/documents/gold%20fish+1.md").status_code == 404
    told = demo.run("status", "--tenant", "acme", "--json").json["tenants"]["acme"]
    assert told["all"]["indexed"] == told["all"]["registered"]
    assert {each["source"]: each["state"] for each in told["latest"]}[
        f"s3://{settings.documents_bucket}/acme/pond/gold fish+1.md"
    ] == "retired"


def test_a_document_without_its_manifest_waits_in_the_intake_with_the_reason(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "lost.md").write_text("# Lost\n\nNobody may know.\n")
    assert demo.run("drop", str(tmp_path / "lost.md"), "--into", "acme/nowhere").code == 0

    def refused() -> bool:
        told = demo.run("status", "--tenant", "acme", "--json").json["tenants"]["acme"]
        return any("nowhere/lost.md" in each["source"] and "access.yaml" in each["reason"] for each in told["troubles"])

    until(refused)
    ended = demo.run("status", "--tenant", "acme")
    assert ended.code == 4
    assert "nowhere/lost.md" in ended.out
    aws.s3(demo.operator.settings).delete_object(
        Bucket=demo.operator.settings.documents_bucket or "", Key="acme/nowhere/lost.md"
    )
    until(lambda: not refused())  # others who share this demo may have troubles of their own


def test_an_upload_is_staged_taken_by_the_worker_and_then_found(demo: Demo) -> None:
    attributes = {
        "classification": 1, "markings": [], "readers": [], "owners": [], "audience": "staff", "quarantined": False,
        "legal_hold": False,
    }  # fmt: skip
    text = "# Heron\n\nThe Quillon heron is photographed by Anselm.\n"
    with demo.client(demo.token("lior"), patience=5) as lior, demo.client(demo.token("ana"), patience=5) as ana:
        body = {"text": text, "attributes": attributes, "collections": ["handbook"]}
        written = lior.put("/v1/documents/heron-watch.md", json=body)
        assert written.status_code == httpx2.codes.ACCEPTED, written.text
        upload = written.json()["upload"]
        assert ana.get(f"/v1/uploads/{upload}").status_code == 404
        assert settled(lior, upload)["state"] == "taken"
        assert ask(ana, "Who photographs the Quillon heron?").cited == ["heron-watch.md"]
        assert lior.delete("/v1/documents/heron-watch.md").status_code == 200
    settings = demo.operator.settings
    listed = aws.s3(settings).list_object_versions(Bucket=settings.documents_bucket or "", Prefix="staged/")
    assert listed.get("Versions", []) == [], "no version of what was staged stays"
