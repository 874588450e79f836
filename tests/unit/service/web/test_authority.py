"""A-09, A-10: who may read the audit, or look into the workings, the policies decide; every look is on record."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import pytest

from authz.enrolment import Enrolment
from authz.resource import EntityId
from retrieval.errors import AuditUnavailableError
from service.web import chronicle, records
from tests.support.application import ACME, GLOBEX, ISSUERS, canary
from tests.support.pages import OURS, Site

AUDIT, OPERATE = ("/records", "/records/{}"), ("/operate", "/operate/{}")


@pytest.fixture
def site(site: Site) -> Site:
    held = {"clearance": 3, "compartments": [], "employment": "external"}
    for tenant in (ACME, GLOBEX):
        people = [Enrolment(ISSUERS[tenant], each, each, held, (each,)) for each in ("auditors", "operators")]
        site.application.directory.load(tenant, {"auditors": (), "operators": ()}, people)
    site.browser("alice").post("/ask", data={"question": "at work"}, headers=OURS)
    return site


def answer_of(site: Site) -> str:
    return str(next(each["id"] for each in site.application.records() if each["event"] == "answer"))


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "operators"])
@pytest.mark.parametrize("path", AUDIT)
def test_a10_who_is_no_auditor_reads_no_record(site: Site, person: str, path: str) -> None:
    response = site.browser(person).get(path.format(answer_of(site)))
    assert response.status_code == 403
    assert "No policy lets you do this." in response.text


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "auditors"])
@pytest.mark.parametrize("path", OPERATE)
def test_a10_who_is_no_operator_looks_into_nothing(site: Site, person: str, path: str) -> None:
    assert site.browser(person).get(path.format(answer_of(site))).status_code == 403


@pytest.mark.parametrize(
    ("person", "paths", "event"), [("auditors", AUDIT, "audit-read"), ("operators", OPERATE, "operator-view")]
)
def test_a10_whom_the_policies_let_looks_and_each_look_is_on_record(
    site: Site, person: str, paths: tuple[str, ...], event: str
) -> None:
    receipt = answer_of(site)
    for path in paths:
        before = len(site.application.records())
        assert site.browser(person).get(path.format(receipt)).status_code == 200
        (look,) = site.application.records()[before:]
        assert (look["event"], look["outcome"]) == (event, "complete")


@pytest.mark.parametrize(("path", "event"), [("/records", "audit-read"), ("/operate", "operator-view")])
def test_a10_a_look_that_is_denied_is_on_record_too(site: Site, path: str, event: str) -> None:
    site.browser("bob").get(path)
    look = site.application.records()[-1]
    assert (look["event"], look["outcome"]) == (event, "denied")


def test_a10_a_policy_that_is_gone_lets_nobody_look(site: Site) -> None:
    """It is the policy that lets auditors in, and no name in the code: out of the group, out of the records."""
    assert site.browser("auditors").get("/records").status_code == 200
    site.application.directory.revoke(ACME, "auditors", "auditors")
    assert site.browser("auditors").get("/records").status_code == 403


def test_a10_the_shipped_policies_name_auditors_of_one_tenant_only(site: Site) -> None:
    """The group of another tenant that is called the same is another group."""
    assert site.browser(f"{GLOBEX}:auditors").get("/records").status_code == 403


def test_a10_records_of_another_tenant_are_not_there(site: Site) -> None:
    site.browser(f"{GLOBEX}:alice").post("/ask", data={"question": "at work"}, headers=OURS)
    theirs = str(site.application.records(GLOBEX)[-1]["id"])
    assert theirs not in site.browser("auditors").get("/records").text
    assert site.browser("auditors").get(f"/records/{theirs}").status_code == 404


def test_nothing_of_a_record_is_shown_if_the_look_cannot_be_recorded(site: Site) -> None:
    site.application.audit.failing = AuditUnavailableError("full")
    response = site.browser("auditors").get("/records")
    assert response.status_code == 503
    assert answer_of(site)[:12] not in response.text


def test_records_hold_no_text_no_question_and_no_name(site: Site) -> None:
    browser = site.browser("auditors")
    for page in (browser.get("/records").text, browser.get(f"/records/{answer_of(site)}").text):
        for word in (canary(ACME, "handbook"), "Holidays", "alice", "acme/handbook"):
            assert word not in page


def test_a_record_is_replayed_by_digest(site: Site) -> None:
    page = site.browser("auditors").get(f"/records/{answer_of(site)}").text
    assert page.count("fits the record") == 4
    assert "does not fit" not in page
    assert "classification ≤ 2" in page


def test_a_record_under_policies_that_no_longer_run_is_replayed_by_those(site: Site) -> None:
    site.application.policies = replace(site.application.policies, digest="0" * 64)
    page = site.browser("auditors").get(f"/records/{answer_of(site)}").text
    assert "no longer running" in page
    assert page.count("fits the record") == 4


def test_a_record_that_was_altered_does_not_fit(site: Site) -> None:
    receipt = answer_of(site)
    audit = site.application.audit
    for at, content in audit.records.items():
        if at[1] == receipt:
            audit.records[at] = content.replace(b'"scope":"', b'"scope":"0')
    assert "does not fit" in site.browser("auditors").get(f"/records/{receipt}").text


@pytest.mark.parametrize("query", ["day=2020-01-01", "event=write", "outcome=failed", "policy=nothing"])
def test_what_is_filtered_out_is_not_listed(site: Site, query: str) -> None:
    page = site.browser("auditors").get(f"/records?{query}").text
    assert answer_of(site)[:12] not in page


def test_what_is_filtered_for_is_listed(site: Site) -> None:
    page = site.browser("auditors").get("/records?event=answer&outcome=complete&policy=readers").text
    assert answer_of(site)[:12] in page


def test_a_disagreement_of_the_doors_is_an_alarm_that_names_what_was_refused(site: Site) -> None:
    registry = site.application.registry.records
    plan, vault = EntityId("acme/plan"), EntityId("acme/vault")
    registry[plan] = replace(registry[plan], attributes=registry[vault].attributes)
    site.browser("alice").post("/ask", data={"question": "engine plan at work"}, headers=OURS)
    page = unescape(site.browser("operators").get("/operate").text)
    assert 'class="alarm" role="alert"' in page
    assert "The two doors disagree" in page
    receipt = [each for each in site.application.records() if each["event"] == "answer"][-1]["id"]
    look = site.browser("operators").get(f"/operate/{receipt}").text
    assert ">plan<" in look
    assert "disagreement" in look
    assert canary(ACME, "plan") not in look
    assert "Plan of acme" not in look


def test_without_an_alarm_the_page_says_so(site: Site) -> None:
    page = site.browser("operators").get("/operate").text
    assert "No alarm today" in page
    assert site.application.policies.digest in page


def test_a_day_of_more_records_than_one_page_looks_at_is_read_on_and_operators_see_the_latest(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chronicle, "MOST", 20)
    monkeypatch.setattr(chronicle, "_PAGE", 5)
    with site.application.client("bob") as bob:
        for _ in range(30):
            assert bob.get("/v1/documents?limit=1").status_code == 200
    site.application.watch.now += timedelta(minutes=30)
    site.browser("alice").post("/ask", data={"question": "at work"}, headers=OURS)
    last = str([each["id"] for each in site.application.records() if each["event"] == "answer"][-1])
    auditor = site.browser("auditors")
    page, seen = unescape(auditor.get("/records?event=answer").text), 0
    while last[:12] not in page:
        (later,) = re.findall(r'href="(/records[^"]*after=[0-9a-f]{32})"', page)
        page, seen = unescape(auditor.get(later).text), seen + 1
        assert seen < 5
    assert seen == 1
    assert "From the beginning of the day" in page
    operated = unescape(site.browser("operators").get("/operate").text)
    assert "Retrievals of the last five minutes" in operated
    assert last in operated


def test_every_record_that_a_page_looked_at_is_listed_on_it_or_on_one_that_it_leads_to(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_SHOWN", 3)
    with site.application.client("bob") as bob:
        for _ in range(7):
            assert bob.get("/v1/documents?limit=1").status_code == 200
    wanted = {str(each["id"]) for each in site.application.records() if each["event"] == "list"}
    auditor = site.browser("auditors")
    listed, address = set[str](), "/records?event=list"
    for _ in range(3):
        page = unescape(auditor.get(address).text)
        listed |= set(re.findall(r'href="/records/([0-9a-f]{32})', page))
        (address,) = re.findall(r'href="(/records[^"]*before=[0-9a-f]{32})"', page) or [""]
    assert address == ""
    assert listed == wanted


@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("where", ["<zzz>", "0" * 31, "../../etc", "f" * 32])
def test_where_to_go_on_reading_is_a_record_or_nowhere(site: Site, name: str, where: str) -> None:
    answer_of(site)
    response = site.browser("auditors").get(f"/records?{name}={quote(where)}")
    assert response.status_code == 200
    assert where not in unescape(response.text)


def test_only_those_whom_a_policy_lets_see_the_way_to_these_pages(site: Site) -> None:
    for person, audits, operates in (("alice", False, False), ("auditors", True, False), ("operators", False, True)):
        page = site.browser(person).get("/ask").text
        assert ('href="/records' in page, 'href="/operate' in page) == (audits, operates), person


def test_the_reference_describes_the_api_to_everybody_without_a_script_of_others(site: Site) -> None:
    page = site.browser().get("/reference")
    assert page.status_code == 200
    for path in site.application.app.openapi()["paths"]:
        assert path in page.text
    assert "cdn" not in page.text
    assert "/ask" not in {*site.application.app.openapi()["paths"]}
