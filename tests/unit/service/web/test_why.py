"""Why: one's own answer, walked again; nobody else's, and nothing of what was refused, not even that it was."""

from dataclasses import replace
from html import unescape

import pytest

from authz.resource import EntityId
from retrieval.errors import AuditUnavailableError, SearchUnavailableError
from retrieval.index import Hits
from tests.support.application import ACME, ENGINEERING, Source, canary
from tests.support.pages import OURS, Site
from tests.support.scripted import cites

QUESTION = "What does the engine plan say at work?"


@pytest.fixture(autouse=True)
def citing(site: Site) -> None:
    site.application.model.script = cites


def asked(site: Site, person: str = "alice") -> str:
    """Ask, and return the answer's receipt."""
    site.browser(person).post("/ask", data={"question": QUESTION}, headers=OURS)
    return str([each for each in site.application.records() if each["event"] == "answer"][-1]["id"])


def why(site: Site, receipt: str, person: str = "alice") -> str:
    response = site.browser(person).get(f"/why/{receipt}")
    assert response.status_code == 200, response.text
    return unescape(response.text)


def test_the_whole_path_is_shown_and_fits_the_record(site: Site) -> None:
    page = why(site, asked(site))
    for step in ("identity", "directory", "policies", "scope", "filter", "passages", "prompt", "record"):
        assert f'id="{step}"' in page
    assert "does not fit the record" not in page
    assert page.count("fits the record") >= 5
    assert "Members of a group that the document names as its reader may read it." in page


def test_the_prompt_is_exactly_the_one_that_the_model_was_sent(site: Site) -> None:
    receipt = asked(site)
    (sent,) = site.application.model.prompts
    page = why(site, receipt)
    assert sent.user in page
    assert sent.system in page


def test_a_prompt_that_cannot_be_rebuilt_is_said_to_be_so(site: Site) -> None:
    receipt = asked(site)
    site.application.ingest(Source(ACME, "plan", "# Plan\n\nAnother engine plan at work.", ENGINEERING))
    page = why(site, receipt)
    assert "It cannot be rebuilt exactly" in page
    assert "<passages>" not in page
    assert "Not shown: it has changed" in page


def test_what_may_no_longer_be_read_is_not_shown_again(site: Site) -> None:
    """L-14: a revocation holds for the explanation of yesterday's answer too."""
    receipt = asked(site)
    assert canary(ACME, "plan") in why(site, receipt)
    site.application.directory.revoke(ACME, "alice", "engineering")
    page = why(site, receipt)
    assert canary(ACME, "plan") not in page
    assert "changed since" in page
    assert "no longer yours" in page


def test_the_claims_are_named_used_and_ignored_and_the_token_is_not_shown(site: Site) -> None:
    page = why(site, asked(site))
    assert "names you in the directory" in page
    assert "ignored" in page
    assert "eyJ" not in page


def test_somebody_else_s_answer_looks_like_one_that_never_was(site: Site) -> None:
    receipt = asked(site)
    browser = site.browser("bob", "carol")
    for slot in "ab":
        theirs, none = browser.get(f"/why/{receipt}?slot={slot}"), browser.get(f"/why/{'0' * 32}?slot={slot}")
        assert theirs.status_code == none.status_code == 404
        assert theirs.text == none.text


@pytest.mark.parametrize("receipt", ["x", "a" * 32, "é", "0#closing", "%23", "a b"])
def test_what_is_no_receipt_is_404(site: Site, receipt: str) -> None:
    assert site.browser("alice").get(f"/why/{receipt}").status_code == 404


def test_what_is_no_answer_has_no_why(site: Site) -> None:
    site.browser("alice").get("/documents")
    (record,) = site.application.records()
    assert site.browser("alice").get(f"/why/{record['id']}").status_code == 404


def test_an_answer_whose_personal_values_are_erased_has_no_why(site: Site) -> None:
    receipt = asked(site)
    site.application.audit.personals.clear()
    assert site.browser("alice").get(f"/why/{receipt}").status_code == 404


def test_refused_hits_are_not_there_not_even_as_a_count(site: Site) -> None:
    """L-10: an answer with refused hits and one without have the same page."""
    vault = site.application.registry.records[EntityId("acme/vault")]
    receipt = asked(site)
    plain = why(site, receipt)
    site.application.registry.records[EntityId("acme/plan")] = replace(
        site.application.registry.records[EntityId("acme/plan")], attributes=vault.attributes
    )
    second = asked(site)
    record = next(each for each in site.application.records() if each["id"] == second)
    refused = [hit for hit in record["hits"] if hit["decision"] != "admitted"]  # type: ignore[union-attr, index, call-overload]
    assert refused, "the test needs a refused hit"
    page = why(site, second)
    for word in ("disagreement", "refused hit", str(refused[0]["document"])):  # type: ignore[index, call-overload]
        assert word not in page
    assert "does not fit" not in plain


def test_looking_is_a_retrieval_and_recorded_like_one(site: Site) -> None:
    receipt = asked(site)
    before = len(site.application.records())
    page = why(site, receipt)
    after = site.application.records()
    assert [each["event"] for each in after[before:]] == ["view"]
    assert str(after[-1]["id"]) in page


def test_nothing_is_shown_that_cannot_be_recorded(site: Site) -> None:
    receipt = asked(site)

    def broken(hits: Hits) -> Hits:
        site.application.audit.failing = AuditUnavailableError("full")
        return hits

    site.application.index.change = broken
    response = site.browser("alice").get(f"/why/{receipt}")
    assert response.status_code == 503
    assert canary(ACME, "plan") not in response.text


def test_an_answer_that_failed_says_why_there_is_nothing_to_see(site: Site) -> None:
    site.application.index.failing = SearchUnavailableError("CANARY")
    browser = site.browser("alice")
    assert browser.post("/ask", data={"question": "What is said at work?"}, headers=OURS).status_code == 503
    site.application.index.failing = None
    (record,) = [each for each in site.application.records() if each["event"] == "answer"]
    response = browser.get(f"/why/{record['id']}")
    assert response.status_code == 200
    assert "The retrieval failed before a passage was decided on (SearchUnavailableError)" in response.text
    assert "CANARY" not in response.text
