"""Ask: the same path as the API, for the person of the slot; text stays text, and what broke shows as broken."""

import html
from dataclasses import replace
from pathlib import Path

import pytest

from authz.resource import EntityId
from service.errors import ModelUnavailableError
from service.limits import PersonLimits
from tests.support.application import ACME, canary, disclosed, events
from tests.support.pages import OURS, Site
from tests.support.scripted import breaks, cites, echoes, hangs, silent
from tests.support.waiting import wait_until

QUESTION = "What does the engine plan say at work?"


def ask(site: Site, question: str = QUESTION, *people: str) -> str:
    response = site.browser(*(people or ("alice",))).post("/ask", data={"question": question}, headers=OURS)
    assert response.status_code == 200, response.text
    return response.text


def test_without_scripts_the_form_returns_the_whole_cited_answer(site: Site) -> None:
    site.application.model.script = cites
    page = ask(site)
    assert 'href="/document/plan?slot=a&amp;passage=' in page
    assert "Complete." in page
    assert site.application.closed() == "complete"


def test_a_marker_of_no_passage_stays_text(site: Site) -> None:
    site.application.model.script = cites
    assert "And [99]." in ask(site)


def test_what_the_model_says_is_never_read_as_markup(site: Site) -> None:
    """L-18: whatever the model says stands on the page as text."""
    site.application.model.script = echoes
    page = ask(site, "<img src=x onerror=alert(1)><script>alert(1)</script>")
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_the_page_answers_from_what_its_person_may_read_and_from_nothing_else(site: Site) -> None:
    site.application.model.script = echoes
    browser = site.browser("alice", "bob")
    for slot, may in (("a", {(ACME, "handbook"), (ACME, "plan")}), ("b", {(ACME, "handbook")})):
        page = browser.post(f"/ask?slot={slot}", data={"question": "at work"}, headers=OURS).text
        assert disclosed(page) <= may, slot
        assert disclosed(page), slot


def test_the_stream_of_the_page_is_the_api_s_own(site: Site) -> None:
    site.application.model.script = cites
    page = site.browser("alice").post("/ask/stream?slot=a", json={"question": QUESTION}, headers=OURS)
    api = site.application.client("alice").post("/v1/answers", json={"question": QUESTION})
    told = [[(name, data) for name, data in events(each.text) if name != "receipt"] for each in (page, api)]
    assert told[0] == told[1]
    one, two = site.application.records()
    assert [hit["document"] for hit in one["hits"]] == [hit["document"] for hit in two["hits"]]  # type: ignore[union-attr, index, call-overload]


def test_an_abstention_is_said_plainly(site: Site) -> None:
    site.application.model.script = silent
    page = ask(site)
    assert "No answer: nothing that you may read answers this." in page


def test_when_nothing_may_be_read_the_model_is_not_asked_and_the_page_says_so(site: Site) -> None:
    site.application.registry.records.clear()
    page = ask(site)
    assert "abstained" in page
    assert not site.application.model.streams


def test_a_broken_answer_shows_as_broken_with_what_came(site: Site) -> None:
    """R: a stream that breaks mid-answer is recorded as truncated, and looks like it."""
    site.application.model.script = breaks
    page = ask(site)
    assert "Almost" in page
    assert "The answer broke off." in page
    assert site.application.closed() == "truncated"


def test_an_answer_that_hangs_ends_in_time_and_its_stream_is_closed(site: Site) -> None:
    site.application.app.state.dependencies = replace(
        site.application.on, bounds=replace(site.application.on.bounds, answer_timeout=0.3)
    )
    site.application.model.script = hangs
    page = ask(site)
    assert "The answer took longer than it may." in page
    assert site.application.closed() == "cancelled"
    assert site.application.model.streams[-1].closed.wait(5)


def test_a_model_that_does_not_begin_is_a_page_of_503(site: Site) -> None:
    site.application.model.failing = ModelUnavailableError("throttled")
    response = site.browser("alice").post("/ask", data={"question": QUESTION}, headers=OURS)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert "Nothing was disclosed." in response.text


def test_a_page_of_429_says_when_to_come_back(tmp_path: Path) -> None:
    browser = Site(tmp_path, limits=PersonLimits("2/minute", 4)).browser("alice")
    statuses = [browser.get("/ask") for _ in range(3)]
    assert [each.status_code for each in statuses] == [200, 200, 429]
    assert 1 <= int(statuses[-1].headers["retry-after"]) <= 60


@pytest.mark.parametrize("question", ["", "   ", "x" * 5000, "a\x00b"])
def test_a_question_that_is_none_is_refused(site: Site, question: str) -> None:
    response = site.browser("alice").post("/ask", data={"question": question}, headers=OURS)
    assert response.status_code == 422
    assert not site.application.records()


def test_every_place_is_given_back(site: Site) -> None:
    for script in (cites, breaks, silent):
        site.application.model.script = script
        ask(site)
    wait_until(lambda: site.application.on.streams.taken == 0)
    wait_until(lambda: site.application.on.requests.taken == 0)


def test_a_citation_opens_its_passage_in_its_document(site: Site) -> None:
    page = site.browser("alice").get("/document/plan?passage=1").text
    assert 'class="passage cited" id="p1"' in page
    assert canary(ACME, "plan") in page


@pytest.mark.parametrize("name", ["vault", "board/minutes", "quarantined", "absent", "a/../b", "x" * 400])
def test_a_document_that_is_hidden_looks_like_one_that_is_not_there(site: Site, name: str) -> None:
    browser = site.browser("alice")
    hidden, absent = browser.get(f"/document/{name}"), browser.get("/document/nothing")
    assert (hidden.status_code, hidden.text) == (absent.status_code, absent.text) == (404, absent.text)


def test_the_list_holds_what_may_be_read_only(site: Site) -> None:
    page = site.browser("alice").get("/documents").text
    assert "Plan of acme" in page
    assert "Vault" not in page
    assert "Board/minutes" not in page


def test_who_may_create_no_document_gets_no_form(site: Site) -> None:
    assert "Bring a document" not in site.browser("alice").get("/documents").text
    assert "Bring a document" in site.browser("carol").get("/documents").text


NEW = {
    "name": "new",
    "text": "# New\n\nA new engine.",
    "collection": "handbook",
    "attribute-classification": "0",
    "attribute-audience": "staff",
    "attribute-readers": "",
    "attribute-markings": "",
    "attribute-owners": "me",
}


def test_a_librarian_brings_a_document_from_the_page_and_takes_it_away(site: Site) -> None:
    browser = site.browser("carol")
    assert browser.post("/documents", data=NEW, headers=OURS).status_code == 200
    assert "A new engine." in browser.get("/document/new").text
    gone = browser.post("/documents/delete", data={"name": "new"}, headers=OURS)
    assert "Deleted everywhere" in gone.text
    assert browser.get("/document/new").status_code == 404
    record = site.application.registry.records[EntityId("acme/new")]
    assert record.status == "retired"


def test_whom_no_policy_lets_brings_and_deletes_nothing(site: Site) -> None:
    browser = site.browser("alice")
    assert browser.post("/documents", data=NEW, headers=OURS).status_code == 403
    assert browser.post("/documents/delete", data={"name": "handbook"}, headers=OURS).status_code == 404
    assert EntityId("acme/new") not in site.application.registry.records
    assert site.application.registry.records[EntityId("acme/handbook")].status == "active"


def test_a_file_goes_in_by_the_script_under_the_same_decision(site: Site) -> None:
    body = {
        "fields": {name: value for name, value in NEW.items() if name not in {"name", "text"}},
        "content": "IyBOZXcKCkhp",
    }
    for person, status in (("alice", 403), ("carol", 200)):
        response = site.browser(person).put("/documents/upload/new.md", json=body, headers=OURS)
        assert response.status_code == status, response.text
    assert "Hi" in site.browser("carol").get("/document/new.md").text


@pytest.mark.parametrize(
    "changed", [{"attribute-classification": "high"}, {"attribute-classification": ""}, {"text": ""}, {"name": ""}]
)
def test_a_document_that_lacks_something_is_refused(site: Site, changed: dict[str, str]) -> None:
    assert site.browser("carol").post("/documents", data={**NEW, **changed}, headers=OURS).status_code == 422


def test_a_page_names_no_attribute_value_of_the_caller_in_an_error(site: Site) -> None:
    page = site.browser("carol").post("/documents", data={**NEW, "attribute-classification": "CANARY"}, headers=OURS)
    assert "CANARY" not in html.unescape(page.text)
