"""`GET /v1/uploads/{id}`: told to the author alone; anybody else's looks like none at all."""

from pathlib import Path

import pytest

from authz.resource import TenantId
from tests.support.application import ACME, GLOBEX, Application
from tests.support.staging import Office

BODY = {
    "text": "# Menu\n\nSoup.",
    "collections": ["company"],
    "attributes": {
        "classification": 1, "markings": [], "readers": [], "owners": [], "audience": "staff", "quarantined": False,
        "legal_hold": False,
    },
}  # fmt: skip


@pytest.mark.parametrize(("subject", "tenant"), [("alice", ACME), ("bob", ACME), ("gwen", GLOBEX), ("alice", GLOBEX)])
def test_upload_of_another_person_looks_like_one_that_there_never_was(
    tmp_path: Path, subject: str, tenant: TenantId
) -> None:
    office = Office.at(tmp_path)
    upload = office.put("carol", "menu", BODY)
    with office.application.client(subject, tenant) as client:
        hidden, never = client.get(f"/v1/uploads/{upload}"), client.get(f"/v1/uploads/{'0' * 32}")
    assert (hidden.status_code, never.status_code) == (404, 404)
    assert hidden.json() | {"instance": None, "request": None} == never.json() | {"instance": None, "request": None}


@pytest.mark.parametrize("upload", ["x", "0" * 31, "0" * 33, "G" * 32, "%2e%2e", "upload:x"])
def test_what_can_be_no_upload_is_404(tmp_path: Path, upload: str) -> None:
    with Office.at(tmp_path).application.client("carol") as client:
        assert client.get(f"/v1/uploads/{upload}").status_code == 404


def test_upload_is_told_to_nobody_without_a_token(tmp_path: Path) -> None:
    office = Office.at(tmp_path)
    upload = office.put("carol", "menu", BODY)
    with office.application.client(None) as client:
        assert client.get(f"/v1/uploads/{upload}").status_code == 401


def test_where_nothing_is_staged_there_are_no_uploads(tmp_path: Path) -> None:
    with Application(tmp_path).client("carol") as client:
        assert client.put("/v1/documents/menu", json=BODY).status_code == 200
        assert client.get(f"/v1/uploads/{'0' * 32}").status_code == 404
