"""Attacks on the pages that were tried and once got through."""

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from prometheus_client import generate_latest

from authz.enrolment import Enrolment
from retrieval.admission import Refused
from service.sessions import Sealed
from service.web.errors import SessionsUnavailableError
from service.web.parts import Proof
from service.web.visiting import COOKIE
from tests.support.application import ACME, GLOBEX, ISSUERS, disclosed
from tests.support.pages import ORIGIN, OURS, MemorySessions, Site, cookie_of
from tests.support.scripted import echoes
from tests.support.server import serving


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    held = {"clearance": 3, "compartments": [], "employment": "external"}
    for tenant in (ACME, GLOBEX):
        people = [Enrolment(ISSUERS[tenant], each, each, held, (each,)) for each in ("auditors", "operators")]
        made.application.directory.load(tenant, {"auditors": (), "operators": ()}, people)
    return made


class RacingSessions(MemorySessions):
    """Ends a session between its reading and its writing, once."""

    armed = False

    def get(self, key: str) -> Sealed | None:
        """Return what is stored, and sign out."""
        found = super().get(key)
        if self.armed and found:
            self.armed = False
            self.stored.pop(key)
        return found


class HungIssuer:
    """A `Redirecting` whose issuer does not answer until it is let go."""

    name = "issuer"

    def __init__(self) -> None:
        self.go = threading.Event()

    def address(self, state: str, nonce: str, verifier: str) -> str:  # noqa: ARG002 - the port's signature
        """Wait, then return an address."""
        self.go.wait(20)
        return "https://login.acme.test/authorize"

    def complete(self, code: str, nonce: str, verifier: str) -> Proof:
        """Not asked."""
        raise NotImplementedError

    def leaving(self) -> str | None:
        """Wait, then return nothing."""
        self.go.wait(20)
        return None


def test_l16_answers_of_compare_stand_under_the_names_of_those_who_asked_from_either_slot(site: Site) -> None:
    site.application.model.script = echoes
    browser = site.browser("alice", "bob")
    for slot in ("a", "b"):
        page = browser.post(f"/compare?slot={slot}", data={"question": "What is said at work?"}, headers=OURS).text
        alice, bob = page.split('class="side b"')
        assert (ACME, "plan") in disclosed(alice)
        assert (ACME, "plan") not in disclosed(bob.split("What differs")[0])


def test_day_at_the_end_of_the_calendar_is_an_empty_day(site: Site) -> None:
    assert site.browser("auditors").get("/records?day=9999-12-31").status_code == 200


@pytest.mark.parametrize("page", ["/records", "/operate"])
def test_a08_what_is_typed_in_place_of_a_record_is_in_no_record(site: Site, page: str) -> None:
    site.browser("bob").get(f"{page}/AliceEarns57500Euros")
    assert "AliceEarns" not in str(site.application.records())


def test_sessions_that_cannot_be_read_are_counted_as_a_fault(site: Site) -> None:
    browser = site.browser("alice")
    site.store.failing = SessionsUnavailableError("down")
    assert browser.get("/ask").status_code == 503
    assert b"SessionsUnavailableError" in generate_latest(site.application.on.metrics.registry)


@pytest.fixture
def racing(site: Site) -> Iterator[RacingSessions]:
    store = RacingSessions(site.store.stored)
    site.sessions._store = store  # noqa: SLF001 - the store changes beneath the sessions
    yield store
    assert not store.armed


def test_sign_out_in_another_tab_is_not_undone_by_a_sign_in(site: Site, racing: RacingSessions) -> None:
    browser = site.browser("alice")
    racing.armed = True
    response = browser.post("/sign-in?slot=b", data={"person": "bob"}, headers=OURS)
    held = site.sessions.read(response.cookies.get(COOKIE) or cookie_of(browser))
    assert held is None or "a" not in held.session.slots


def test_request_that_meets_the_sign_out_of_another_tab_is_not_served(site: Site, racing: RacingSessions) -> None:
    browser = site.browser("alice")
    site.application.watch.now += timedelta(minutes=2)
    racing.armed = True
    assert browser.get("/ask").status_code == 303


def test_address_to_go_back_to_does_not_fill_the_session(tmp_path: Path) -> None:
    issuer = HungIssuer()
    issuer.go.set()
    site = Site(tmp_path, issuer)
    browser = site.browser()
    for _ in range(6):
        browser.post("/sign-in", data={"back": "/" + "a" * 60_000}, headers=OURS)
    assert max(len(each.content) for each in site.store.stored.values()) < 20_000


def test_r17_strangers_who_wait_for_a_hung_issuer_keep_nobody_from_the_health_of_the_process(tmp_path: Path) -> None:
    issuer = HungIssuer()
    site = Site(tmp_path, issuer, requests=64)

    async def ask() -> float:
        transport = httpx2.ASGITransport(app=site.application.app)
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, timeout=30) as client:
            waiting = [asyncio.create_task(client.get("/sign-in?out=1")) for _ in range(45)]
            await asyncio.sleep(0.5)
            began = time.monotonic()
            await client.get("/readyz")
            took = time.monotonic() - began
            issuer.go.set()
            await asyncio.gather(*waiting)
            return took

    assert asyncio.run(ask()) < 10


@pytest.mark.enable_socket
def test_r17_strangers_who_send_a_form_slowly_take_nobodys_place(tmp_path: Path) -> None:
    site = Site(tmp_path, requests=4)
    head = (
        f"POST /sign-in HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"
    )
    with serving(site.application.app) as running, ExitStack() as stack:
        for _ in range(8):
            stranger = stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            stranger.sendall(head.encode())
        time.sleep(0.5)
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        stack.callback(connection.close)
        connection.request("GET", "/v1/me", headers={"Authorization": f"Bearer {site.application.token('alice')}"})
        assert connection.getresponse().status == 200


def test_l10_operator_is_not_told_what_was_refused_in_other_tenants(site: Site) -> None:
    site.application.on.metrics.refused([Refused("disagreement", "k", 1, 1, 1, ())] * 7, "r")  # of another tenant's
    page = site.browser("operators").get("/operate")
    assert page.status_code == 200
    assert ">7<" not in page.text
