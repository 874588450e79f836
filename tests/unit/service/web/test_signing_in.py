"""Signing in and out in the demo's way: a new cookie each time, nothing left afterwards, from our own pages only."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from service.web.errors import SessionsUnavailableError
from service.web.visiting import COOKIE
from tests.support.pages import ORIGIN, OURS, Site, cookie_of

CHANGES = ["/sign-in?slot=a", "/sign-out", "/ask?slot=a", "/ask/stream?slot=a"]


def test_who_is_not_signed_in_is_sent_to_sign_in(site: Site) -> None:
    for path in ("/ask", "/documents", "/document/engineering/x.md?slot=b"):
        response = site.browser().get(path)
        assert response.status_code == 303, path
        assert response.headers["location"].startswith("/sign-in?slot=")


def test_the_stream_answers_401_instead_of_a_page(site: Site) -> None:
    response = site.browser().post("/ask/stream", json={"question": "x"}, headers=OURS)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


def test_the_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts(site: Site) -> None:
    response = site.browser().post("/sign-in?slot=a", data={"person": "alice"}, headers=OURS)
    (cookie,) = response.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-")
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= {each.strip().lower() for each in cookie.split(";")}
    assert "domain" not in cookie.lower()


def test_no_token_ever_reaches_the_browser(site: Site) -> None:
    browser = site.browser("alice", "bob")
    for path in ("/ask", "/documents", "/sign-in?slot=b"):
        response = browser.get(path)
        assert "eyJ" not in response.text
        assert "eyJ" not in str(response.headers)


def test_signing_in_gives_a_new_cookie_and_ends_the_old_one(site: Site) -> None:
    """Fixation: a cookie that somebody planted before opens nothing afterwards."""
    browser = site.browser("alice")
    planted = cookie_of(browser)
    browser.post("/sign-in?slot=b", data={"person": "bob"}, headers=OURS)
    assert cookie_of(browser) != planted
    thief = TestClient(site.application.app, base_url=ORIGIN, follow_redirects=False, cookies={COOKIE: planted})
    assert thief.get("/ask").status_code == 303
    assert browser.get("/ask?slot=a").status_code == 200
    assert browser.get("/ask?slot=b").status_code == 200


def test_a_cookie_that_was_never_given_is_not_taken_over(site: Site) -> None:
    browser = TestClient(site.application.app, base_url=ORIGIN, follow_redirects=False, cookies={COOKIE: "A" * 43})
    response = browser.post("/sign-in?slot=a", data={"person": "alice"}, headers=OURS)
    assert f"{COOKIE}={'A' * 43}" not in response.headers["set-cookie"]


def test_each_slot_acts_for_its_own_person(site: Site) -> None:
    browser = site.browser("alice", "bob")
    assert "Alice" in browser.get("/ask?slot=a").text
    page = browser.get("/ask?slot=b").text
    assert "Answered only from documents that Bob may read" in page


def test_signing_out_ends_the_session_for_every_tab_and_leaves_nothing_in_the_store(site: Site) -> None:
    browser = site.browser("alice", "bob")
    kept = cookie_of(browser)
    assert browser.post("/sign-out", headers=OURS).status_code == 303
    assert not site.store.stored
    other_tab = TestClient(site.application.app, base_url=ORIGIN, follow_redirects=False, cookies={COOKIE: kept})
    assert other_tab.get("/ask").status_code == 303


def test_a_sign_in_ends_with_its_token(site: Site) -> None:
    now = site.application.watch.now
    site.picking.changed = {"exp": int((now + timedelta(minutes=5)).timestamp())}
    browser = site.browser("alice")
    assert browser.get("/ask").status_code == 200
    site.application.watch.now = now + timedelta(minutes=6)
    assert browser.get("/ask").status_code == 303


def test_a_session_ends_though_its_token_would_live_on(site: Site) -> None:
    browser = site.browser("alice")
    now = site.application.watch.now
    site.application.watch.now = now + timedelta(minutes=31)
    assert browser.get("/ask").status_code == 303


def test_a_revoked_person_s_page_says_no_at_once(site: Site) -> None:
    browser = site.browser("alice")
    site.application.directory.persons.clear()
    response = browser.get("/ask")
    assert response.status_code == 403
    assert "You have no access here." in response.text


def test_a_token_that_the_gate_refuses_signs_nobody_in(site: Site) -> None:
    site.picking.changed = {"aud": "somebody-else"}
    response = site.browser().post("/sign-in?slot=a", data={"person": "alice"}, headers=OURS)
    assert response.status_code == 403
    assert "set-cookie" not in response.headers
    assert not site.store.stored


def test_nobody_else_than_those_who_may_be_picked_signs_in(site: Site) -> None:
    response = site.browser().post("/sign-in?slot=a", data={"person": "stranger"}, headers=OURS)
    assert response.status_code == 403


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": ORIGIN.replace("https", "http")},
        {"Origin": f"{ORIGIN}.evil.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.test", "Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_change_that_no_page_of_ours_asked_for_is_refused(site: Site, path: str, headers: dict[str, str]) -> None:
    browser = site.browser("alice", "bob")
    before = dict(site.store.stored)
    response = browser.post(path, data={"person": "bob", "question": "x"}, headers=headers)
    assert response.status_code == 403
    assert site.store.stored == before
    assert not site.application.records()


@pytest.mark.parametrize("headers", [{"Origin": ORIGIN}, {"Sec-Fetch-Site": "same-origin"}])
def test_one_of_the_two_headers_is_enough(site: Site, headers: dict[str, str]) -> None:
    assert site.browser().post("/sign-in", data={"person": "alice"}, headers=headers).status_code == 303


def test_another_name_for_this_address_is_sent_to_the_one_origin(site: Site) -> None:
    response = site.browser().get("/ask", headers={"Host": "rebound.evil.test"})
    assert (response.status_code, response.headers["location"]) == (307, f"{ORIGIN}/")


@pytest.mark.parametrize(
    "back", ["https://evil.test", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/\nx", "ask"]
)
def test_signing_in_leads_back_into_this_application_only(site: Site, back: str) -> None:
    response = site.browser().post("/sign-in", data={"person": "alice", "back": back}, headers=OURS)
    assert response.headers["location"] == "/ask?slot=a"


def test_sessions_that_cannot_be_reached_are_503_and_nobody_is_let_in(site: Site) -> None:
    browser = site.browser("alice")
    site.store.failing = SessionsUnavailableError("down")
    assert browser.get("/ask").status_code == 503
    assert browser.post("/ask/stream", json={"question": "x"}, headers=OURS).status_code == 503


@pytest.mark.parametrize("body", [b"a=1&a=2", b"person", b"\xff=1", b"&".join(b"f%d=1" % each for each in range(40))])
def test_a_form_that_cannot_be_read_is_refused(site: Site, body: bytes) -> None:
    headers = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
    assert site.browser().post("/sign-in", content=body, headers=headers).status_code == 422


def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    response = site.browser("alice").post("/ask", data={"question": "x" * 70_000}, headers=OURS)
    assert response.status_code == 413


def test_pages_have_the_strict_policy_and_are_never_stored(site: Site) -> None:
    response = site.browser("alice").get("/ask")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "same-origin"


def test_what_people_are_called_is_never_read_as_markup(site: Site) -> None:
    assert "<b>why</b>" not in site.browser().get("/sign-in").text
    assert "&lt;b&gt;why&lt;/b&gt;" in site.browser().get("/sign-in").text


def test_static_files_are_kept_for_ever_under_names_that_change_with_them(site: Site) -> None:
    page = site.browser().get("/sign-in").text
    for kind, media in (("css", "text/css"), ("js", "text/javascript")):
        path = page.split("/static/page.")[1 if kind == "css" else 2].split('"')[0]
        response = site.browser().get(f"/static/page.{path}")
        assert response.headers["content-type"].startswith(media)
        assert "immutable" in response.headers["cache-control"]
    assert site.browser().get("/static/../parts.py").status_code == 404
