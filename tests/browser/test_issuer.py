"""Signing in at an issuer of another site, in a real browser: strict contents and cookies let it through."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from authz.enrolment import Enrolment
from authz.identity import Issuer
from authz.oidc import JwksClient
from service.compose_web import id_tokens_of
from service.web.oidc import CALLBACK, Client, OidcSignIn
from tests.browser.visit import Visit, opened
from tests.support.application import ACME, Watch
from tests.support.oidc_provider import AUDIENCE, CLIENT, Provider, running_provider
from tests.support.pages import Site
from tests.support.server import HOST, serving

pytestmark = [pytest.mark.enable_socket, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        running.issuer = running.issuer.replace(HOST, "localhost")  # another site than the application's
        yield running


@pytest.fixture
def visit(tmp_path: Path, chromium: Browser, provider: Provider) -> Iterator[Visit]:
    issuer, keys, watch = Issuer(provider.issuer, frozenset({ACME}), AUDIENCE), JwksClient(), Watch()
    site = Site(tmp_path, issuers={provider.issuer: issuer}, keys=keys, now=watch)
    site.application.watch = watch
    held = {"clearance": 2, "compartments": [], "employment": "employee"}
    site.application.directory.load(ACME, {}, [Enrolment(provider.issuer, "alice", "alice-2", held, ())])
    with serving(site.application.app) as running:
        origin, on = f"http://{HOST}:{running.port}", site.application.on
        client = Client(CLIENT, "a secret", f"{origin}{CALLBACK}", "openid profile email", None, f"{origin}/sign-in")
        sign_in = OidcSignIn(issuer, id_tokens_of(issuer, CLIENT, None), client, keys, watch)
        assert on.web is not None
        pages = replace(on.web, origin=origin, sign_in=sign_in)
        site.application.app.state.dependencies = replace(on, web=pages)
        visit = opened(chromium, origin)
        yield visit
        visit.close()
    assert visit.violations == []


def test_a_person_signs_in_at_another_site_and_comes_back(visit: Visit) -> None:
    visit.page.goto("/documents")
    visit.page.get_by_role("button", name="Sign in at localhost").click()
    visit.page.wait_for_url(re.compile("/oauth2/authorize"))
    visit.page.locator("input[name=sub]").fill("alice")
    visit.page.locator("button[type=submit], input[type=submit]").first.click()
    expect(visit.page).to_have_url(re.compile("/documents"))
    expect(visit.page.get_by_text("Signed in as alice")).to_be_visible()
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_role("link", name="End your session")).to_be_visible()
