"""One person before a screen: a browser context, its page, and what the page complained about."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, BrowserContext, Page, expect

BROWSER = os.environ.get("ANTECHAMBER_CHROMIUM", "/usr/bin/chromium")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
SALARY = "What is the salary band for engineers at level E3?"
_SERIOUS = {"serious", "critical"}


@dataclass(slots=True)
class Visit:
    """A browser context of its own."""

    context: BrowserContext
    page: Page
    violations: list[str] = field(default_factory=list)
    """What the policy of contents refused, and errors of the script."""

    def sign_in(self, name: str, slot: str = "a") -> None:
        """Sign somebody of the demo company in."""
        self.page.goto(f"/sign-in?slot={slot}")
        self.page.get_by_role("button", name=name).click()
        expect(self.page.get_by_text(f"Signed in as {name}")).to_be_visible()

    def ask(self, question: str, state: str = "Complete.") -> None:
        """Ask, and wait until every answer on the page is over; one of them says `state`."""
        self.page.get_by_role("textbox").first.fill(question)
        self.page.locator("button.go").click()
        expect(self.page.locator("[data-status]", has_text=state).first).to_be_visible(timeout=30_000)
        expect(self.page.locator(".answer.busy")).to_have_count(0)

    def serious(self) -> list[str]:
        """Return what axe-core finds serious or critical on the page."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:160]} {each['nodes'][0].get('failureSummary', '')[:200]}"
            for each in found
            if each["impact"] in _SERIOUS
        ]

    def close(self) -> None:
        """Leave."""
        self.context.close()


Opened = Callable[..., Visit]


def opened(browser: Browser, base: str, **options: Any) -> Visit:  # noqa: ANN401 - Playwright's own options
    """Open a page before `base`."""
    context = browser.new_context(**{"viewport": DESK, "base_url": base, **options})
    visit = Visit(context, context.new_page())
    visit.page.on("console", lambda message: _note(visit, message.text))
    visit.page.on("pageerror", lambda error: visit.violations.append(str(error)))
    return visit


def _note(visit: Visit, text: str) -> None:
    if "Content Security Policy" in text or "Content-Security-Policy" in text:
        visit.violations.append(text)
