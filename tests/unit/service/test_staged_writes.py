"""Uploads that are staged: allowed when they come in, and decided anew when they are written."""

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authz.errors import DirectoryUnavailableError
from authz.policy_set import SHIPPED, load_policies, write_manifest
from authz.resource import EntityId
from retrieval.errors import (
    AuditUnavailableError,
    BucketUnavailableError,
    ConflictError,
    EmbeddingUnavailableError,
    IntakeUnavailableError,
)
from retrieval.ingest.bucket import Stored
from retrieval.ingest.staged import MAX_STAGED_BYTES
from tests.support.application import ACME
from tests.support.memory_index import KilledError
from tests.support.staging import Office

MENU = EntityId("acme/menu")


def body(text: str = "# Menu\n\nSoup.", classification: int = 1, **more: object) -> dict[str, Any]:
    attributes = {
        "classification": classification, "markings": [], "readers": [], "owners": [], "audience": "staff",
        "quarantined": False, "legal_hold": False,
    }  # fmt: skip
    return {"text": text, "attributes": attributes, "collections": ["company"], **more}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office.at(tmp_path)


def texts(office: Office) -> list[str]:
    with office.application.client("carol") as client:
        response = client.get("/v1/documents/menu")
    return [each["text"] for each in response.json().get("passages", [])]


def test_upload_waits_is_taken_and_then_found_and_nothing_is_left_of_it(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    assert office.told("carol", upload) == {"upload": upload, "document": "menu", "state": "waiting", "reason": None}
    assert office.application.records() == []
    assert texts(office) == []
    assert office.take(upload) == "taken"
    assert office.told("carol", upload)["state"] == "taken"
    assert texts(office) == ["# Menu\n\nSoup."]
    assert office.staged() == []
    assert office.application.registry.records[MENU].source == f"upload:{upload}"


def test_write_is_recorded_with_its_author_as_subject_and_the_requests_id(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    office.take(upload)
    (record,) = office.application.records()
    assert (record["event"], record["action"], record["outcome"], record["closed"]) == (
        "write", "create", "open", "complete",
    )  # fmt: skip
    assert record["staged"] is True
    assert record["policies"] == office.application.policies.digest
    personal = json.loads(office.application.audit.personals[ACME, str(record["id"])])
    assert personal["subject"] == "carol"
    assert personal["issuer"]


def test_denied_at_the_door_stages_nothing(office: Office) -> None:
    with office.application.client("bob") as client:
        assert client.put("/v1/documents/menu", json=body()).status_code == 403
    assert (office.staged(), office.intake.entries) == ([], {})


@pytest.mark.parametrize("change", ["group revoked", "clearance lowered", "left"])
def test_author_who_may_no_longer_is_refused_recorded_and_told(office: Office, change: str) -> None:
    upload = office.put("carol", "menu", body(classification=2))
    directory = office.application.directory
    key = next(each for each, (_, person) in directory.persons.items() if person.handle == "carol")
    tenant, person = directory.persons[key]
    match change:
        case "group revoked":
            directory.revoke(ACME, "carol", "librarians")
        case "clearance lowered":
            directory.persons[key] = tenant, replace(person, attributes={**person.attributes, "clearance": 1})
        case _:
            del directory.persons[key]
    assert office.take(upload) == "refused"
    assert MENU not in office.application.registry.records
    assert office.staged() == []
    (record,) = office.application.records()
    assert (record["event"], record["outcome"], record["decision"]) == ("write", "denied", "denied")
    directory.persons[key] = tenant, person
    told = office.told("carol", upload)
    assert (told["state"], told["reason"]) == ("refused", "no policy lets its author write it any more")


def test_author_in_another_tenant_by_now_is_refused(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    directory = office.application.directory
    key = next(each for each, (_, person) in directory.persons.items() if person.handle == "carol")
    directory.persons[key] = (directory.persons[key][0], replace(directory.persons[key][1], uid=EntityId("acme/x")))
    assert office.take(upload) == "refused"
    assert MENU not in office.application.registry.records


def test_policy_that_changed_meanwhile_decides(office: Office, tmp_path: Path) -> None:
    upload = office.put("carol", "menu", body())
    folder = tmp_path / "policies"
    shutil.copytree(SHIPPED, folder)
    text = (folder / "30-writing.cedar").read_text()
    (folder / "30-writing.cedar").write_text(text.replace('Action::"create", ', ""))
    write_manifest(folder)
    office.application.policies = load_policies(folder)
    assert office.take(upload) == "refused"
    assert MENU not in office.application.registry.records
    assert office.told("carol", upload)["reason"] == "no policy lets its author write it any more"


def test_hold_that_was_put_on_a_document_meanwhile_keeps_it(office: Office) -> None:
    office.take(office.put("carol", "menu", body()))
    upload = office.put("carol", "menu", body("# Menu\n\nDoctored."))
    record = office.application.registry.records[MENU]
    held = replace(record, revision=record.revision + 1, attributes={**record.attributes, "legal_hold": True})
    office.application.registry.records[MENU] = held
    assert office.take(upload) == "refused"
    assert office.application.registry.records[MENU] == held


def test_hold_that_is_put_on_a_document_while_it_is_written_keeps_it(office: Office) -> None:
    office.take(office.put("carol", "menu", body()))
    upload = office.put("carol", "menu", body("# Menu\n\nDoctored."))
    registry = office.application.registry
    real, looks = registry.record, iter(range(100))

    def record(document: EntityId) -> Any:  # noqa: ANN401 - as the registry's
        if next(looks) == 3:
            found = registry.records[MENU]
            attributes = {**found.attributes, "legal_hold": True}
            registry.records[MENU] = replace(found, revision=found.revision + 1, attributes=attributes)
        return real(document)

    office.writes = replace(office.writes, registry=_Registry(registry, record))
    destination = office.writes.to
    office.writes = replace(office.writes, to=lambda on: replace(destination(on), registry=office.writes.registry))
    assert office.take(upload) == "refused"
    assert registry.records[MENU].attributes["legal_hold"] is True
    assert registry.records[MENU].version == 1


class _Registry:
    """The registry, with another `record`."""

    def __init__(self, real: Any, record: Callable[[EntityId], Any]) -> None:  # noqa: ANN401 - any registry
        self._real, self.record = real, record

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the real one's
        return getattr(self._real, name)


@pytest.mark.parametrize("part", ["content", "title", "name", "subject", "attributes", "sha256", "all"])
def test_staged_object_that_was_tampered_with_is_refused_and_removed(office: Office, part: str) -> None:
    upload = office.put("carol", "menu", body(title="Menu"))
    key = f"staged/acme/{upload}"
    stored = office.bucket.objects[key].content
    head, _, content = stored.partition(b"\n")
    plain = json.loads(head)
    match part:
        case "content":
            changed = head + b"\n" + content.replace(b"Soup", b"Rats")
        case "all":
            changed = b"{}\n"
        case _:
            changed = json.dumps({**plain, part: "x"}).encode() + b"\n" + content
    office.bucket.objects[key] = Stored(changed, "v99")
    assert office.take(upload) == "refused"
    assert "not what was uploaded" in office.told("carol", upload)["reason"]
    assert (office.staged(), office.application.registry.records.get(MENU)) == ([], None)


def test_object_that_nobody_noted_is_written_by_nobody(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    stored = office.bucket.objects[f"staged/acme/{upload}"]
    forged = "0" * 31 + "1"
    office.bucket.objects[f"staged/acme/{forged}"] = stored
    assert office.take(forged) == "refused"
    assert MENU not in office.application.registry.records
    assert office.staged() == [f"staged/acme/{upload}"]


def test_object_too_large_is_refused_unread_and_removed(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    office.bucket.objects[f"staged/acme/{upload}"] = Stored(b"x" * (MAX_STAGED_BYTES + 1), "v9")
    assert office.take(upload) == "refused"
    assert (office.staged(), office.bucket.reads) == ([], [])


@pytest.mark.parametrize("key", ["staged/x", "staged/acme/x", "staged/Acme/" + "0" * 32, "staged/acme/../x", "staged/"])
def test_odd_keys_beneath_the_prefix_are_refused(office: Office, key: str) -> None:
    office.bucket.put(key, "x")
    assert office.writes(key) == "refused"
    office.writes.failed(key, "Error", 1, final=True)
    assert office.intake.entries == {}


def test_r18_repeated_events_of_an_upload_change_nothing(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    assert [office.take(upload) for _ in range(3)] == ["taken"] * 3
    assert office.application.registry.records[MENU].revision == 1
    assert len(office.application.records()) == 1


def test_r18_worker_killed_before_any_step_of_an_upload_leaves_what_the_next_delivery_completes(tmp_path: Path) -> None:
    whole = Office.at(tmp_path)
    first = whole.put("carol", "menu", body())
    begun = len(whole.bucket.steps.taken)
    whole.take(first)
    for step in range(begun, len(whole.bucket.steps.taken)):
        office = Office.at(tmp_path)
        upload = office.put("carol", "menu", body())
        office.bucket.steps.kill_at = step
        with pytest.raises(KilledError):
            office.take(upload)
        office.bucket.steps.kill_at = None
        assert office.take(upload) in {"taken", "unchanged"}, step
        assert texts(office) == ["# Menu\n\nSoup."], step
        assert (office.staged(), office.application.registry.records[MENU].revision) == ([], 1), step


def test_r19_upload_does_not_bring_back_what_was_deleted_after_it_was_taken(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    key = f"staged/acme/{upload}"
    stored, entry = office.bucket.objects[key], office.intake.entries[ACME, f"upload:{upload}"]
    office.take(upload)
    with office.application.client("carol") as client:
        assert client.delete("/v1/documents/menu").status_code == 200
    office.bucket.objects[key], office.intake.entries[ACME, f"upload:{upload}"] = stored, entry  # as after a crash
    assert office.take(upload) == "refused"
    assert "retired after it was uploaded" in office.told("carol", upload)["reason"]
    assert office.application.registry.records[MENU].status == "retired"


def test_document_that_was_deleted_before_the_upload_comes_back_by_it(office: Office) -> None:
    office.take(office.put("carol", "menu", body()))
    with office.application.client("carol") as client:
        client.delete("/v1/documents/menu")
    assert office.take(office.put("carol", "menu", body())) == "taken"


def test_of_two_uploads_the_later_stays_in_whatever_order_they_are_taken(office: Office) -> None:
    first, second = office.put("carol", "menu", body()), office.put("carol", "menu", body("# Menu\n\nBread."))
    assert [office.take(second), office.take(first)] == ["taken", "refused"]
    assert texts(office) == ["# Menu\n\nBread."]
    assert "a later upload" in office.told("carol", first)["reason"]


def test_two_uploads_in_order_are_both_taken(office: Office) -> None:
    first, second = office.put("carol", "menu", body()), office.put("carol", "menu", body("# Menu\n\nBread."))
    assert [office.take(first), office.take(second)] == ["taken", "taken"]
    assert texts(office) == ["# Menu\n\nBread."]


def test_upload_that_follows_another_revision_is_refused(office: Office) -> None:
    office.take(office.put("carol", "menu", body()))
    first = office.put("carol", "menu", body("# Menu\n\nBread.", revision="1"))
    second = office.put("carol", "menu", body("# Menu\n\nCake.", revision="1"))
    assert [office.take(first), office.take(second)] == ["taken", "refused"]
    assert "changed meanwhile" in office.told("carol", second)["reason"]
    with office.application.client("carol") as client:
        assert client.put("/v1/documents/menu", json=body(revision="1")).status_code == 409


def test_relabel_that_is_repeated_after_a_crash_does_not_undo_a_later_one(office: Office) -> None:
    office.take(office.put("carol", "menu", body()))
    upload = office.put("carol", "menu", body(classification=2))
    _kill_at_the_second(office, "note")
    with pytest.raises(KilledError):
        office.take(upload)
    assert office.application.registry.records[MENU].attributes["classification"] == 2
    assert office.take(office.put("carol", "menu", body(classification=3))) == "relabelled"
    assert office.take(upload) == "refused"
    assert office.application.registry.records[MENU].attributes["classification"] == 3


def _kill_at_the_second(office: Office, step: str) -> None:
    def kill() -> None:
        raise KilledError

    def once() -> None:
        office.bucket.steps.meanwhile[step] = kill

    office.bucket.steps.meanwhile[step] = once


FAILURES: dict[str, Callable[[Office, Exception | None], object]] = {
    "directory": lambda office, error: setattr(office.application.directory, "failing", error),
    "audit": lambda office, error: setattr(office.application.audit, "failing", error),
    "embedder": lambda office, error: setattr(office.application.embedder, "failing", error),
    "intake": lambda office, error: setattr(office.intake, "failing", error),
}
ERRORS: dict[str, Exception] = {
    "directory": DirectoryUnavailableError("down"),
    "audit": AuditUnavailableError("down"),
    "embedder": EmbeddingUnavailableError("down"),
    "intake": IntakeUnavailableError("down"),
}


@pytest.mark.parametrize("part", FAILURES)
def test_dependency_that_fails_leaves_the_upload_to_the_next_delivery(office: Office, part: str) -> None:
    upload = office.put("carol", "menu", body())
    FAILURES[part](office, ERRORS[part])
    with pytest.raises(type(ERRORS[part])):
        office.take(upload)
    FAILURES[part](office, None)
    office.writes.failed(f"staged/acme/{upload}", type(ERRORS[part]).__name__, 5, final=True)
    assert office.told("carol", upload)["state"] == "failed"
    assert MENU not in office.application.registry.records
    assert office.take(upload) == "taken", "an operator gave it back to the queue"


def test_bucket_that_fails_while_staging_is_503_and_nothing_is_written_of_it(office: Office) -> None:
    office.bucket.failing = BucketUnavailableError("down")
    with office.application.client("carol") as client:
        assert client.put("/v1/documents/menu", json=body()).status_code == 503
    office.bucket.failing = None
    (entry,) = office.intake.entries.values()
    assert entry.state == "refused"


def test_intake_that_fails_while_staging_is_503_and_nothing_is_staged(office: Office) -> None:
    office.intake.failing = IntakeUnavailableError("down")
    with office.application.client("carol") as client:
        assert client.put("/v1/documents/menu", json=body()).status_code == 503
    assert office.staged() == []


def test_what_was_staged_and_is_gone_is_told(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    office.bucket.objects.clear()
    assert office.take(upload) == "refused"
    assert "is gone" in office.told("carol", upload)["reason"]


def test_document_that_cannot_be_read_is_refused_with_its_reason(office: Office) -> None:
    upload = office.put("carol", "menu", body(" \u200b "))
    assert office.take(upload) == "refused"
    assert "no text" in office.told("carol", upload)["reason"]


def test_document_that_never_rests_is_left_to_a_later_delivery(office: Office) -> None:
    upload = office.put("carol", "menu", body())

    def lost(_: object) -> Any:  # noqa: ANN401 - never returns
        message = "meanwhile"
        raise ConflictError(message)

    office.writes = replace(office.writes, to=lost)
    with pytest.raises(ConflictError, match="kept changing"):
        office.take(upload)


def test_bytes_are_uploaded_in_base64_and_come_back_as_text(office: Office) -> None:
    content = base64.b64encode("# Menu\n\nSoupe à l'oignon.".encode()).decode()
    sent = {**body(), "content": content, "media_type": "text/markdown"}
    del sent["text"]
    assert office.take(office.put("carol", "menu", sent)) == "taken"
    assert texts(office) == ["# Menu\n\nSoupe à l'oignon."]


@pytest.mark.parametrize(
    "changed",
    [{"content": "U291cA=="}, {"text": None}, {"text": None, "content": ""}, {"text": None, "content": "U291cA"},
     {"text": None, "content": "U291 cA=="}, {"text": None, "content": "U291cB=="}, {"text": None, "content": "ü"},
     {"media_type": "application/pdf"}, {"text": None, "content": "U291cA==", "media_type": "image/png"}],
)  # fmt: skip
def test_body_with_both_or_neither_or_another_encoding_is_422(office: Office, changed: dict[str, object]) -> None:
    with office.application.client("carol") as client:
        assert client.put("/v1/documents/menu", json={**body(), **changed}).status_code == 422
    assert office.intake.entries == {}
