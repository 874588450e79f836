"""Streams that break or are stopped: a real browser before the application over scripted models."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visit import Visit, opened
from tests.support.pages import Site
from tests.support.scripted import Script, breaks, hesitates, obeys
from tests.support.server import HOST, serving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.enable_socket
QUESTION = "What is said at work?"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def visit(site: Site, chromium: Browser) -> Iterator[Visit]:
    with serving(site.application.app) as running:
        origin = f"http://{HOST}:{running.port}"
        on = site.application.on
        assert on.web is not None
        site.application.app.state.dependencies = replace(on, web=replace(on.web, origin=origin))
        visit = opened(chromium, origin)
        visit.sign_in("Alice")
        yield visit
        visit.close()
    assert visit.violations == []


def begin(visit: Visit, site: Site, script: Script) -> None:
    site.application.model.script = script
    visit.page.locator("#question").fill(QUESTION)
    visit.page.locator("button.go").click()


def test_stopping_closes_the_model_s_stream_and_the_record_says_cancelled(visit: Visit, site: Site) -> None:
    """R: on disconnect the model's stream is closed within a second."""
    begin(visit, site, hesitates)
    expect(visit.page.locator("[data-said]")).to_contain_text("well")
    visit.page.get_by_role("button", name="Stop").click()
    assert site.application.model.streams[-1].closed.wait(2)
    expect(visit.page.locator("[data-status]")).to_contain_text("Stopped.")
    assert site.application.closed() == "cancelled"


def test_leaving_the_page_closes_it_too(visit: Visit, site: Site) -> None:
    begin(visit, site, hesitates)
    expect(visit.page.locator("[data-said]")).to_contain_text("well")
    visit.page.goto("/documents")
    assert site.application.model.streams[-1].closed.wait(2)
    wait_until(
        lambda: [each["closed"] for each in site.application.records() if each["event"] == "answer"] == ["cancelled"]
    )


def test_a_broken_stream_shows_as_broken_and_what_came_stays(visit: Visit, site: Site) -> None:
    begin(visit, site, breaks)
    status = visit.page.locator("[data-status]")
    expect(status).to_contain_text("The answer broke off. What was sent stays, and the record says so.")
    expect(status).to_have_class("status no")
    expect(visit.page.locator("[data-said]")).to_have_text("Almost ")
    assert site.application.closed() == "truncated"


def test_a_connection_that_ends_early_shows_as_broken(visit: Visit) -> None:
    visit.page.route(
        "**/ask/stream*",
        lambda route: route.fulfill(
            content_type="text/event-stream",
            body='event: receipt\ndata: {"id": "01"}\n\nevent: token\ndata: {"text": "Half of"}\n\n',
        ),
    )
    visit.page.locator("#question").fill(QUESTION)
    visit.page.locator("button.go").click()
    expect(visit.page.locator("[data-status]")).to_contain_text("the connection ended before it was complete")
    expect(visit.page.locator("[data-said]")).to_have_text("Half of")


def test_markup_that_a_model_says_is_text(visit: Visit, site: Site) -> None:
    """L-18: nothing of it becomes an element, an image or a script."""
    site.application.model.script = obeys
    visit.page.locator("#question").fill('<img src="//evil.test/x"><script>document.title="taken"</script>')
    visit.page.locator("button.go").click()
    expect(visit.page.locator("[data-said]")).to_contain_text("<question>")
    assert visit.page.locator("[data-said] img, [data-said] script").count() == 0
    assert "taken" not in visit.page.title()


def test_a_sign_in_that_ended_meanwhile_is_said(visit: Visit, site: Site) -> None:
    site.store.stored.clear()
    visit.page.locator("#question").fill(QUESTION)
    visit.page.locator("button.go").click()
    expect(visit.page.locator("[data-status]")).to_contain_text("Your sign-in has ended.")
