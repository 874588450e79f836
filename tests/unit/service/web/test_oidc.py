"""Signing in by OIDC, at a provider on loopback that somebody else wrote: only what was begun here is completed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from authz.enrolment import Enrolment
from authz.identity import Issuer
from authz.oidc import JwksClient
from service.compose_web import id_tokens_of
from service.web.oidc import CALLBACK, Client, OidcSignIn
from service.web.visiting import COOKIE
from tests.support.application import ACME, ISSUERS, Watch
from tests.support.oidc_provider import AUDIENCE, CLIENT, Provider, parameters, running_provider
from tests.support.pages import ORIGIN, OURS, Site

pytestmark = [pytest.mark.enable_socket, pytest.mark.filterwarnings("ignore")]
REDIRECT = f"{ORIGIN}{CALLBACK}"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def site(provider: Provider, tmp_path: Path) -> Site:
    issuer = Issuer(provider.issuer, frozenset({ACME}), AUDIENCE)
    client = Client(CLIENT, "a secret", REDIRECT, "openid profile email", None, f"{ORIGIN}/sign-in")
    keys, watch = JwksClient(), Watch()
    sign_in = OidcSignIn(issuer, id_tokens_of(issuer, CLIENT, None), client, keys, watch)
    site = Site(tmp_path, sign_in, issuers={provider.issuer: issuer}, keys=keys, now=watch)
    site.application.watch = watch
    person = Enrolment(
        provider.issuer, "alice", "alice-2", {"clearance": 2, "compartments": [], "employment": "employee"}, ()
    )
    site.application.directory.load(ACME, {}, [person])
    return site


def begin(browser: TestClient, slot: str = "a") -> str:
    """Begin a sign-in, and return where the browser is sent."""
    response = browser.post(f"/sign-in?slot={slot}", data={"back": "/documents"}, headers=OURS)
    assert response.status_code == 200, response.text
    return str(response.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&"))


def path_of(address: str) -> str:
    assert address.startswith(REDIRECT), address
    return address.removeprefix(ORIGIN)


def test_a_person_signs_in_and_asks_as_themselves(site: Site, provider: Provider) -> None:
    browser = site.browser()
    back = provider.authorize(begin(browser), "alice")
    response = browser.get(path_of(back))
    assert (response.status_code, response.headers["location"]) == (303, "/documents")
    page = browser.get("/ask")
    assert page.status_code == 200
    assert "alice" in page.text
    assert "eyJ" not in page.text


def test_the_request_is_a_code_request_with_pkce_state_nonce_and_the_exact_redirect(site: Site) -> None:
    asked = parameters(begin(site.browser()))
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == REDIRECT
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43


def test_the_code_is_redeemed_with_the_verifier_and_the_same_redirect(site: Site, provider: Provider) -> None:
    browser = site.browser()
    browser.get(path_of(provider.authorize(begin(browser), "alice")))
    (form,) = provider.asked
    assert form["redirect_uri"] == REDIRECT
    assert form["grant_type"] == "authorization_code"
    assert len(form["code_verifier"]) >= 43


def refused(browser: TestClient, path: str, status: int = 403) -> None:
    response = browser.get(path)
    assert response.status_code == status, response.text
    assert browser.get("/ask").status_code == 303


def test_a_state_that_was_not_begun_here_is_refused(site: Site, provider: Provider) -> None:
    browser = site.browser()
    back = provider.authorize(begin(browser), "alice")
    refused(browser, path_of(back).replace(parameters(back)["state"], "x" * 43))
    assert not provider.asked


def test_a_sign_in_that_another_browser_began_is_refused(site: Site, provider: Provider) -> None:
    """Login CSRF: the attacker's code and state, opened in the victim's browser, sign nobody in."""
    back = provider.authorize(begin(site.browser()), "alice")
    victim = site.browser()
    begin(victim)
    refused(victim, path_of(back))
    assert not provider.asked


def test_a_code_is_used_once(site: Site, provider: Provider) -> None:
    browser = site.browser()
    path = path_of(provider.authorize(begin(browser), "alice"))
    assert browser.get(path).status_code == 303
    browser.post("/sign-out", headers=OURS)
    refused(browser, path)
    assert len(provider.asked) == 1


def test_a_code_that_another_sign_in_got_is_refused_by_its_verifier_or_nonce(site: Site, provider: Provider) -> None:
    """Code injection (RFC 9700 §4.5): a stolen code under one's own state."""
    browser, thief = site.browser(), site.browser()
    stolen = parameters(provider.authorize(begin(browser), "alice"))["code"]
    own = provider.authorize(begin(thief), "mallory")
    refused(thief, path_of(own).replace(parameters(own)["code"], stolen))


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another"]},
        {"azp": "another-client"},
        {"iss": "https://elsewhere.test"},
        {"exp": 1},
        {"sub": "mallory"},
        {"sub": None},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
)
def test_an_id_token_of_another_sign_in_client_issuer_or_person_is_refused(
    site: Site, provider: Provider, changed: dict[str, object]
) -> None:
    browser = site.browser()
    back = provider.authorize(begin(browser), "alice")
    provider.id_claims = changed
    refused(browser, path_of(back))


@pytest.mark.parametrize("changed", [{"aud": "another-api"}, {"aud": CLIENT}, {"iss": ISSUERS[ACME]}, {"exp": 1}])
def test_an_access_token_of_another_audience_is_refused(
    site: Site, provider: Provider, changed: dict[str, object]
) -> None:
    browser = site.browser()
    back = provider.authorize(begin(browser), "alice")
    provider.access = changed
    refused(browser, path_of(back))


def test_a_denied_sign_in_is_said_plainly(site: Site) -> None:
    browser = site.browser()
    state = parameters(begin(browser))["state"]
    refused(browser, f"{CALLBACK}?error=access_denied&state={state}")


def test_an_issuer_that_is_down_is_503_before_and_after(site: Site, provider: Provider) -> None:
    browser = site.browser()
    back = provider.authorize(begin(browser), "alice")
    provider.down = True
    refused(browser, path_of(back), 503)


def test_an_issuer_that_was_never_reached_is_503(site: Site, provider: Provider) -> None:
    provider.down = True
    assert site.browser().post("/sign-in", data={}, headers=OURS).status_code == 503


def test_metadata_of_another_issuer_are_asked_for_once_and_not_by_every_stranger(
    site: Site, provider: Provider
) -> None:
    provider.speaks_for = "https://elsewhere.test"
    statuses = [site.browser().post("/sign-in", data={}, headers=OURS).status_code for _ in range(5)]
    assert statuses == [503] * 5
    assert provider.discovered == 1


def test_a_sign_in_that_took_too_long_is_begun_again(site: Site, provider: Provider) -> None:
    browser = site.browser()
    back = provider.authorize(begin(browser), "alice")
    site.application.watch.now += site.sessions._lifetimes.idle  # noqa: SLF001 - how long this site's sessions last
    refused(browser, path_of(back))


def test_two_tabs_may_have_a_sign_in_under_way(site: Site, provider: Provider) -> None:
    browser = site.browser()
    first, second = (provider.authorize(begin(browser, slot), who) for slot, who in (("a", "alice"), ("b", "alice")))
    assert browser.get(path_of(second)).status_code == 303
    assert browser.get(path_of(first)).status_code == 303
    assert browser.get("/ask?slot=a").status_code == 200
    assert browser.get("/ask?slot=b").status_code == 200


def test_completing_gives_a_new_cookie(site: Site, provider: Provider) -> None:
    browser = site.browser()
    address = begin(browser)
    before = browser.cookies[COOKIE]
    browser.get(path_of(provider.authorize(address, "alice")))
    assert browser.cookies[COOKIE] != before


def test_nobody_is_picked_where_an_issuer_signs_people_in(site: Site) -> None:
    assert site.browser().post("/sign-in", data={"person": "alice"}, headers=OURS).status_code == 403


def test_signing_out_offers_to_end_the_issuer_s_session_without_a_token_in_the_address(site: Site) -> None:
    page = site.browser().get("/sign-in?out=1").text
    address = page.split('href="')[1:]
    ending = next(each.split('"')[0] for each in address if "end_session" in each)
    assert "id_token" not in ending


def test_a_true_identity_without_entitlements_sees_that_it_has_none(site: Site, provider: Provider) -> None:
    browser = site.browser()
    browser.get(path_of(provider.authorize(begin(browser), "nobody")))
    assert browser.get("/ask").status_code == 403


def test_a_sign_in_is_not_lost_to_another_tab_that_writes_at_the_same_moment(site: Site, provider: Provider) -> None:
    browser = site.browser()
    address = begin(browser)
    site.store.races = 2
    assert browser.get(path_of(provider.authorize(address, "alice"))).status_code == 303
