"""Compare: two people, each by their own sign-in, and nobody ever acts as somebody else."""

import re
from dataclasses import replace
from datetime import timedelta

from tests.support.application import ACME, GLOBEX, disclosed
from tests.support.pages import OURS, Site
from tests.support.scripted import cites, echoes
from tests.support.waiting import wait_until

QUESTION = "What is said at work?"


def test_both_answers_stand_side_by_side_each_from_what_its_person_may_read(site: Site) -> None:
    site.application.model.script = echoes
    page = site.browser("alice", "bob").post("/compare", data={"question": QUESTION}, headers=OURS).text
    left, right = page.split('class="side b"')
    assert disclosed(left) == {(ACME, "handbook"), (ACME, "plan")}
    assert disclosed(right.split("What differs")[0]) == {(ACME, "handbook")}


def test_each_answer_is_recorded_for_its_own_person(site: Site) -> None:
    """A-01: one record for each, of the person who asked."""
    site.browser("alice", "bob").post("/compare", data={"question": QUESTION}, headers=OURS)
    records = [each for each in site.application.records() if each["event"] == "answer"]
    subjects = {site.application.audit.personal(site.receipt(each))["subject"] for each in records}  # type: ignore[index]
    assert subjects == {"alice", "bob"}
    assert {each["closed"] for each in records} == {"complete"}


def test_people_of_two_tenants_compare_without_a_crossing(site: Site) -> None:
    site.application.model.script = echoes
    page = site.browser("alice", f"{GLOBEX}:alice").post("/compare", data={"question": QUESTION}, headers=OURS).text
    left, right = page.split('class="side b"')
    assert {tenant for tenant, _ in disclosed(left)} == {ACME}
    assert {tenant for tenant, _ in disclosed(right)} == {GLOBEX}


def test_documents_of_two_tenants_with_one_id_are_not_cited_by_both(site: Site) -> None:
    site.application.model.script = cites
    page = site.browser("alice", f"{GLOBEX}:alice").post("/compare", data={"question": QUESTION}, headers=OURS).text
    (both,) = re.findall(r"<td[^>]*data-both>(.*?)</td>", page)
    assert both == "nothing"
    for slot in "ab":
        (alone,) = re.findall(rf'<td data-only="{slot}">(.*?)</td>', page)
        assert alone != "nothing"


def test_without_a_second_person_the_page_asks_for_one_and_answers_for_the_first(site: Site) -> None:
    browser = site.browser("alice")
    page = browser.get("/compare?q=Why").text
    assert "Sign in a second person" in page
    assert "back=/compare%3Fslot%3Da" in page
    assert browser.post("/compare", data={"question": QUESTION}, headers=OURS).status_code == 200


def test_a_second_person_whose_token_has_expired_is_nobody(site: Site) -> None:
    browser = site.browser("alice")
    now = site.application.watch.now
    site.picking.changed = {"exp": int((now + timedelta(minutes=2)).timestamp())}
    browser.post("/sign-in?slot=b", data={"person": "bob"}, headers=OURS)
    assert "Bob" in browser.get("/compare").text
    site.application.watch.now = now + timedelta(minutes=3)
    assert "Sign in a second person" in browser.get("/compare").text


def test_a_second_person_without_access_is_refused_and_the_first_is_not_shown_instead(site: Site) -> None:
    browser = site.browser("alice", "bob")
    del site.application.directory.persons[next(key for key in site.application.directory.persons if key[1] == "bob")]
    assert browser.get("/compare").status_code == 403


def test_a_second_person_whose_token_is_refused_is_nobody_and_that_is_counted(site: Site) -> None:
    browser = site.browser("alice", f"{GLOBEX}:alice")
    issuers = {name: each for name, each in site.application.on.issuers.items() if "globex" not in name}
    site.application.app.state.dependencies = replace(site.application.on, issuers=issuers)
    page = browser.get("/compare")
    assert page.status_code == 200
    assert "Sign in a second person" in page.text
    assert site.application.metric("antechamber_tokens_refused_total", reason="issuer") == 1
    assert browser.post("/compare", data={"question": QUESTION}, headers=OURS).status_code == 200
    wait_until(lambda: site.application.on.streams.taken == 0)


def test_the_address_carries_the_question_and_never_an_answer(site: Site) -> None:
    page = site.browser("alice", "bob").get("/compare?q=How+so%3F").text
    assert "How so?" in page
    assert not [each for each in site.application.records() if each["event"] == "answer"]


def test_what_differs_is_what_the_two_hold(site: Site) -> None:
    page = site.browser("alice", "bob").get("/compare").text.split("What differs")[1]
    assert "engineering" in page
    assert "Clearance" in page


def test_every_place_and_count_is_given_back(site: Site) -> None:
    site.application.model.script = cites
    browser = site.browser("alice", "bob")
    for _ in range(3):
        browser.get("/compare")
        browser.post("/compare", data={"question": QUESTION}, headers=OURS)
    wait_until(lambda: site.application.on.streams.taken == 0)
    assert not site.application.on.limits._running  # type: ignore[attr-defined]  # noqa: SLF001 - of these limits
