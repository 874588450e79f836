"""The list and the view: pages in order, through both doors, and nothing that counts what is hidden."""

import pytest

from tests.support.application import ACME, ENGINEERING, Application, Source


def test_pages_follow_each_other_until_all_has_come(application: Application) -> None:
    for number in range(7):
        application.ingest(Source(ACME, f"notes/{number}", f"# Note {number}\n\nText.", {"audience": "staff"}))
        application.ingest(Source(ACME, f"notes/{number}-hidden", "# Hidden\n\nText.", ENGINEERING))
    found: list[str] = []
    after: str | None = None
    with application.client("bob") as client:
        for _ in range(10):
            page = client.get("/v1/documents", params={"limit": 2} | ({"after": after} if after else {})).json()
            found += [each["document"] for each in page["documents"]]
            after = page["next"]
            if after is None:
                break
    assert found == ["handbook", *(f"notes/{number}" for number in range(7))]
    assert len(application.records()) >= 4


def test_a_page_that_door_two_refuses_whole_hands_out_no_hidden_cursor(application: Application) -> None:
    for number in range(5):
        application.ingest(Source(ACME, f"a{number}", "# A\n\nText.", {"audience": "staff"}))
    for key, record in list(application.registry.records.items()):
        if key.startswith("acme/a"):
            attributes = {**record.attributes, "audience": "few"}
            application.registry.records[key] = type(record)(
                **{name: getattr(record, name) for name in record.__slots__} | {"attributes": attributes, "revision": 2}
            )
    with application.client("bob") as client:
        page = client.get("/v1/documents?limit=2").json()
    assert [each["document"] for each in page["documents"]] == ["handbook"]
    assert page["next"] in {None, "handbook"}


def test_a_document_is_read_page_by_page(application: Application) -> None:
    text = "\n\n".join(f"# Part {number}\n\n{'Words of this part. ' * 30}" for number in range(6))
    application.ingest(Source(ACME, "long", text, {"audience": "staff"}))
    ordinals: list[int] = []
    after = -1
    with application.client("bob") as client:
        for _ in range(20):
            page = client.get(f"/v1/documents/long?limit=2&after={after}").json()
            ordinals += [each["ordinal"] for each in page["passages"]]
            if page["next"] is None:
                break
            after = page["next"]
    assert ordinals == list(range(1, ordinals[-1] + 1))
    assert len(ordinals) >= 6


def test_a_read_after_the_last_passage_is_like_a_document_that_is_not_there(application: Application) -> None:
    with application.client("bob") as client:
        assert client.get("/v1/documents/handbook?after=999").status_code == 404
        assert client.get(f"/v1/documents/handbook?after={10**30}").status_code in {404, 422}


@pytest.mark.parametrize("after", ["", " ", "%00", "x" * 500, "../x", "é" * 499])
def test_a_cursor_is_only_a_name(application: Application, after: str) -> None:
    with application.client("bob") as client:
        response = client.get(f"/v1/documents?after={after}")
    assert response.status_code in {200, 404, 422}
