"""A real Chromium before a running demo; without one these tests are skipped with the reason, but never in CI."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.browser.visit import BROWSER, Opened, Visit, opened
from tests.support.demo import Demo, kept_vectors, running_demo
from tests.support.saying import say

__all__ = ["say"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> str:
    """Return where Chromium is, or skip where there is none."""
    if not Path(BROWSER).is_file():
        reason = f"no Chromium at {BROWSER}; name one by ANTECHAMBER_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return BROWSER


@pytest.fixture(scope="module")
def playwright(browser: str) -> Iterator[Playwright]:  # noqa: ARG001 - skips first
    """Return Playwright for one file's tests: while it runs, no other test of this process can have an event loop."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Return a Chromium of this run's own."""
    browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def demo(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:  # noqa: ARG001 - skips first
    """Return a demo that these tests share."""
    folder = tmp_path_factory.mktemp("seen")
    with kept_vectors(folder, "demo"), running_demo(folder, ANTECHAMBER_RATE="100000/minute") as running:
        yield running


@pytest.fixture
def open_page(chromium: Browser, demo: Demo) -> Iterator[Opened]:
    """Return how to open a browser of one's own before the demo; its pages must have broken no policy of contents."""
    visits: list[Visit] = []

    def begin(base: str = "", **options: object) -> Visit:
        visits.append(opened(chromium, base or f"http://127.0.0.1:{demo.port}", **options))
        return visits[-1]

    yield begin
    for visit in visits:
        visit.close()
        assert visit.violations == []
