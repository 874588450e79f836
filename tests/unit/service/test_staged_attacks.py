"""Attacks on uploads that were tried and once got through."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from authz.resource import EntityId, TenantId
from authz.schema import MAX_SETS
from retrieval.actor import Role
from retrieval.ingest.bucket import Place, place_of
from retrieval.ingest.bucket_folder import BucketFolders
from retrieval.ingest.bucket_ingest import BucketIngest
from retrieval.ingest.destination import Destination
from retrieval.ingest.parse import Parsed
from retrieval.ingest.source import OnWrite, SourceItem
from service.writing import recorded_by
from tests.support.application import ACME
from tests.support.memory_bucket import MANIFEST
from tests.support.staging import Office

MENU = EntityId("acme/menu")
TEXT = "# Menu\n\nSoup."


def body(text: str = TEXT, **attributes: object) -> dict[str, object]:
    usual = {
        "classification": 1, "markings": [], "readers": [], "owners": [], "audience": "staff", "quarantined": False,
        "legal_hold": False,
    }  # fmt: skip
    return {"text": text, "attributes": {**usual, **attributes}, "collections": ["company"]}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office.at(tmp_path)


def bucket_worker(office: Office) -> BucketIngest:
    """Return the worker of objects over the stores of `office`."""
    application = office.application
    policies = application.policies
    folders = BucketFolders(
        office.bucket, office.intake, lambda _: None, policies.attributes, lambda: policies.tenants, "role:worker",
        application.watch,
    )  # fmt: skip

    def to(tenant: TenantId) -> Destination:
        role = Role(tenant, "role:worker")
        return office.writes.to(recorded_by(role, lambda: policies, application.audit, application.watch))

    return BucketIngest(folders, to, lambda _: EntityId)


def test_r19_repeated_event_of_an_object_does_not_undo_the_access_that_a_person_has_given_since(office: Office) -> None:
    worker, place, document = bucket_worker(office), place_of("acme/hand/menu.md"), EntityId("acme/menu.md")
    assert isinstance(place, Place)
    office.bucket.put(place.key, TEXT)
    office.bucket.put(place.manifest, MANIFEST)
    assert worker(place) == "taken"
    office.take(office.put("carol", "menu.md", body(classification=2)))
    assert office.application.registry.records[document].attributes["classification"] == 2
    assert worker(place) == "refused"
    assert office.application.registry.records[document].attributes["classification"] == 2


def test_upload_that_keeps_access_is_refused_under_access_that_its_author_never_saw(office: Office) -> None:
    office.take(office.put("carol", "menu", body(classification=2)))
    upload = office.put("carol", "menu", {"text": "# Menu\n\nA merger."})
    there = office.application.registry.records[MENU]
    wider = replace(there, revision=there.revision + 1, attributes={**there.attributes, "classification": 0})
    office.application.registry.records[MENU] = wider
    assert office.take(upload) == "refused"
    assert office.application.registry.records[MENU].version == there.version


def test_l14_author_who_loses_the_right_while_the_upload_is_parsed_writes_nothing(office: Office) -> None:
    upload, usual = office.put("carol", "menu", body(classification=2)), office.writes.to

    def slow(on_write: OnWrite) -> Destination:
        destination = usual(on_write)

        def parse(item: SourceItem) -> Parsed:
            office.application.directory.revoke(ACME, "carol", "librarians")
            return destination.parse(item)

        return replace(destination, parse=parse)

    office.writes = replace(office.writes, to=slow)
    assert office.take(upload) == "refused"
    assert MENU not in office.application.registry.records
    assert office.application.records()[-1]["outcome"] == "denied"


def test_author_who_lost_the_right_hears_nothing_of_the_document_and_the_attempt_is_recorded(office: Office) -> None:
    office.take(office.put("carol", "menu", body()))
    upload = office.put("carol", "menu", body("# Menu\n\nBread."))
    with office.application.client("carol") as carol:
        assert carol.delete("/v1/documents/menu").status_code == 200
    office.application.directory.revoke(ACME, "carol", "librarians")
    before = len(office.application.records())
    assert office.take(upload) == "refused"
    assert office.told("carol", upload)["reason"] == "no policy lets its author write it any more"
    (record,) = office.application.records()[before:]
    assert (record["event"], record["outcome"]) == ("write", "denied")


def test_owner_who_sends_the_same_again_before_the_worker_looks_is_told_that_it_is_there(office: Office) -> None:
    with office.application.client("bob") as bob:
        uid = bob.get("/v1/me").json()["principal"]
    office.take(office.put("carol", "menu", body(owners=[uid])))
    first, again = (office.put("bob", "menu", {"text": "# Menu\n\nBread."}) for _ in range(2))
    assert [office.take(first), office.take(again)] == ["taken", "unchanged"]


def test_upload_that_another_worker_finished_meanwhile_stays_taken(office: Office) -> None:
    upload = office.put("carol", "menu", body())
    office.bucket.steps.meanwhile["read"] = lambda: office.take(upload)
    office.take(upload)
    assert office.told("carol", upload)["state"] == "taken"


@pytest.mark.parametrize(
    "hostile",
    [
        {"text": "x", "collections": [1] * 300_000},
        {"text": "x", "attributes": dict.fromkeys(map(str, range(300_000)), 1)},
        dict.fromkeys(map(str, range(300_000)), 1),
    ],
)
def test_r17_body_of_many_values_costs_one_error(office: Office, hostile: object) -> None:
    with office.application.client("bob") as client:
        response = client.put("/v1/documents/menu", content=json.dumps(hostile))
    assert response.status_code == 422
    assert response.json()["detail"] == "The body holds more values than it may."
    assert len(response.content) < 1_000


@pytest.mark.parametrize("revision", ["x1", "1_0", " 0 ", "-1", "9" * 5_000, "1\n"])
def test_revision_that_is_no_number_is_422(office: Office, revision: str) -> None:
    with office.application.client("carol") as client:
        response = client.put("/v1/documents/menu", json={**body(), "revision": revision})
    assert response.status_code == 422


def test_sets_that_no_item_could_hold_are_refused_before_anything_is_staged(office: Office) -> None:
    readers = [f"{number:04}{'x' * 400}" for number in range(MAX_SETS // 400)]
    with office.application.client("carol") as client:
        response = client.put("/v1/documents/menu", json=body(readers=readers))
    assert response.status_code == 422
