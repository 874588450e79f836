"""Every screen, in light and dark and at a phone's width: nothing that axe-core calls serious; light, quick, still."""

from collections.abc import Callable

import pytest

from tests.browser.visit import DESK, PHONE, SALARY, Opened, Visit

WEIGHT = 100 * 1024
"""Bytes that a page and all it needs may have."""
PAINT, TOKEN = 15_000, 30_000
"""Milliseconds, generous for a busy machine; what was measured is printed."""
SHIFT = 0.1
"""Cumulative layout shift that is called good (web.dev/cls)."""

SCREENS: dict[str, tuple[str, str]] = {
    "ask": ("Ana Quintela", "/ask"),
    "documents": ("Lior Sandqvist", "/documents"),
    "document": ("Ana Quintela", "/document/hr/salary-bands.md?passage=2"),
    "records": ("Odile Marchetti", "/records"),
    "operate": ("Lior Sandqvist", "/operate"),
    "reference": ("Ana Quintela", "/reference"),
    "refused": ("Ana Quintela", "/operate"),
    "nothing": ("Nils Abend", "/documents"),
}


@pytest.mark.parametrize("width", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_screen_has_a_serious_finding(open_page: Opened, scheme: str, width: dict[str, int]) -> None:
    visit = open_page(color_scheme=scheme, viewport=width)
    visit.page.goto("/sign-in")
    found = {"sign-in": visit.serious()}
    for name, (person, path) in SCREENS.items():
        visit.sign_in(person)
        visit.page.goto(path)
        found[name] = visit.serious()
    found |= _answered(visit)
    assert {name: each for name, each in found.items() if each} == {}


def _answered(visit: Visit) -> dict[str, list[str]]:
    visit.sign_in("Ana Quintela")
    visit.ask(SALARY)
    found = {"answer": visit.serious()}
    visit.page.get_by_role("link", name="Why this answer?").click()
    for summary in visit.page.locator("summary").all():
        summary.click()
    found["why"] = visit.serious()
    visit.sign_in("Ben Okoro", "b")
    visit.page.goto("/compare")
    visit.ask(SALARY)
    found["compare"] = visit.serious()
    visit.sign_in("Odile Marchetti")
    visit.page.goto("/records?event=answer")
    visit.page.locator("td.mono a").first.click()
    found["record"] = visit.serious()
    return found


def test_a_page_with_all_it_needs_is_light(open_page: Opened, say: Callable[[str], None]) -> None:
    visit = open_page()
    visit.sign_in("Ana Quintela")
    sizes: dict[str, int] = {}
    visit.page.on("response", lambda response: sizes.update({response.url.partition("?")[0]: len(response.body())}))
    for path in ("/ask", "/compare", "/documents"):
        sizes.clear()
        visit.context.clear_cookies(name="none")
        visit.page.goto(path, wait_until="networkidle")
        say(f"{path}: {sum(sizes.values()):,} bytes in {len(sizes)} files")
        assert sum(sizes.values()) <= WEIGHT


def test_a_page_is_painted_and_an_answer_begins_soon_and_nothing_jumps(
    open_page: Opened, say: Callable[[str], None]
) -> None:
    visit = open_page()
    visit.sign_in("Ana Quintela")
    visit.page.goto("/ask")
    paint = visit.page.evaluate(
        """() => new Promise((done) => new PerformanceObserver((list, observer) => {
             for (const each of list.getEntries()) if (each.name === "first-contentful-paint") {
               observer.disconnect(); done(each.startTime); }
           }).observe({ type: "paint", buffered: true }))"""
    )
    visit.page.evaluate(
        """() => { window.shift = 0; window.token = 0;
             new PerformanceObserver((list) => { for (const each of list.getEntries()) window.shift += each.value; })
               .observe({ type: "layout-shift", buffered: true });
             const said = document.querySelector("[data-said]");
             new MutationObserver(() => { window.token ||= said.textContent && performance.now(); })
               .observe(said, { childList: true, characterData: true, subtree: true });
             const form = document.querySelector("form[data-ask]");
             form.addEventListener("submit", () => { window.asked = performance.now(); }); }"""
    )
    visit.ask(SALARY)
    token, shift = visit.page.evaluate("() => [window.token - window.asked, window.shift]")
    say(f"first contentful paint {paint:.0f} ms, first word {token:.0f} ms after asking, layout shift {shift:.4f}")
    assert paint < PAINT
    assert 0 < token < TOKEN
    assert shift <= SHIFT
