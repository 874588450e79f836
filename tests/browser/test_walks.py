"""One walk for each thing that people do, in a real browser before the running demo."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from service.web.visiting import COOKIE
from tests.browser.visit import SALARY, Opened


def test_signing_in_and_out(open_page: Opened) -> None:
    visit = open_page()
    visit.page.goto("/")
    expect(visit.page).to_have_url(re.compile("/sign-in"))
    visit.sign_in("Ana Quintela")
    (cookie,) = visit.context.cookies()
    assert cookie["name"] == COOKIE
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    assert visit.page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})") == "{}"
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_text("You are signed out here")).to_be_visible()
    assert visit.context.cookies() == []
    visit.page.go_back()
    expect(visit.page).to_have_url(re.compile("/sign-in"))


def test_asking_and_reading_the_cited_passage(open_page: Opened) -> None:
    visit = open_page()
    visit.sign_in("Ana Quintela")
    visit.ask(SALARY)
    expect(visit.page.locator("[data-said]")).to_contain_text("71,000 to 86,000 euros")
    visit.page.get_by_label("Source 1").click()
    expect(visit.page.locator(".passage.cited")).to_contain_text("71,000 to 86,000 euros")


def test_an_abstention_is_said_plainly(open_page: Opened) -> None:
    visit = open_page()
    visit.sign_in("Ben Okoro")
    visit.ask(SALARY, "No answer: nothing that you may read answers this.")
    expect(visit.page.locator("[data-sources]")).to_be_hidden()


def test_asking_by_keyboard_alone(open_page: Opened) -> None:
    visit = open_page()
    visit.sign_in("Ana Quintela")
    visit.page.keyboard.press("Tab")
    expect(visit.page.get_by_text("Skip to content")).to_be_focused()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Tab")
    expect(visit.page.locator("#question")).to_be_focused()
    visit.page.keyboard.type(SALARY)
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("[data-status]")).to_have_text("Complete.", timeout=30_000)


def test_without_scripts_everything_works(open_page: Opened) -> None:
    visit = open_page(java_script_enabled=False)
    visit.sign_in("Ana Quintela")
    visit.page.locator("#question").fill(SALARY)
    visit.page.locator("button.go").click()
    expect(visit.page.locator("[data-said]")).to_contain_text("71,000 to 86,000 euros")
    visit.sign_in("Ben Okoro", "b")
    visit.page.goto("/compare")
    visit.page.locator("#question").fill(SALARY)
    visit.page.locator("button.go").click()
    expect(visit.page.locator(".side.a [data-said]")).to_contain_text("71,000 to 86,000 euros")
    expect(visit.page.locator(".side.b [data-status]")).to_contain_text("No answer")


def test_comparing_two_people_each_signed_in_for_themselves(open_page: Opened) -> None:
    visit = open_page()
    visit.sign_in("Ana Quintela")
    visit.page.goto("/compare")
    visit.page.get_by_role("link", name="Sign in a second person").click()
    visit.page.get_by_role("button", name="Ben Okoro").click()
    visit.ask(SALARY)
    expect(visit.page.locator(".side.a [data-said]")).to_contain_text("71,000 to 86,000 euros")
    expect(visit.page.locator(".side.b [data-status]")).to_contain_text("No answer")
    expect(visit.page.locator('[data-only="a"]')).to_have_text("Salary bands 2026")
    assert "salary" in visit.page.url
    assert "71" not in visit.page.url.partition("?")[2]


@pytest.mark.parametrize("scripts", [True, False])
def test_two_companies_documents_of_one_id_are_two_documents(open_page: Opened, *, scripts: bool) -> None:
    visit = open_page(java_script_enabled=scripts)
    visit.sign_in("Ana Quintela")
    visit.sign_in("Gus", "b")
    visit.page.goto("/compare")
    visit.page.locator("#question").fill(SALARY)
    visit.page.locator("button.go").click()
    for slot, salary in (("a", "71,000 to 86,000"), ("b", "63,000 to 77,300")):
        expect(visit.page.locator(f".side.{slot} [data-said]")).to_contain_text(salary)
        expect(visit.page.locator(f'[data-only="{slot}"]')).to_contain_text("Salary bands 2026")
    expect(visit.page.locator("[data-both]")).not_to_contain_text("Salary bands 2026")


def test_why_walks_the_whole_path_of_an_answer(open_page: Opened) -> None:
    visit = open_page()
    visit.sign_in("Ana Quintela")
    visit.ask(SALARY)
    visit.page.get_by_role("link", name="Why this answer?").click()
    expect(visit.page.get_by_text("payroll in hr in staff")).to_be_visible()
    visit.page.get_by_role("link", name="Prompt", exact=True).click()
    visit.page.get_by_text("User prompt").click()
    expect(visit.page.locator("#prompt pre", has_text="<passages>").last).to_contain_text(SALARY)
    expect(visit.page.get_by_text("does not fit the record")).to_have_count(0)


def test_bringing_documents_and_taking_one_away(open_page: Opened, tmp_path: Path) -> None:
    good, bad = tmp_path / "lunar.md", tmp_path / "broken.pdf"
    good.write_text("# Lunar\n\nThe lunar garage holds 212 bicycles.\n")
    bad.write_bytes(b"%PDF-1.4 nothing")
    visit = open_page()
    visit.sign_in("Lior Sandqvist")
    visit.page.goto("/documents")
    visit.page.locator("#name").fill("handbook/seen")
    visit.page.locator("#collection").select_option("handbook")
    for name, value in {"classification": "0", "audience": "staff", "readers": "staff", "owners": "me"}.items():
        visit.page.locator(f"[name=attribute-{name}]").fill(value)
    visit.page.locator("#files").set_input_files([good, bad])
    visit.page.get_by_role("button", name="Bring it in").click()
    outcomes = visit.page.locator("[data-outcomes] li")
    expect(outcomes.nth(0)).to_contain_text("it can be asked about now", timeout=30_000)
    expect(outcomes.nth(1)).to_contain_text("damaged PDF", timeout=30_000)
    visit.page.goto("/document/handbook/seen/lunar.md")
    visit.page.get_by_text("Delete this document").click()
    visit.page.get_by_role("button", name="Delete it everywhere").click()
    expect(visit.page.get_by_text("A probe of the index found nothing of it left.")).to_be_visible()
    assert visit.page.goto("/document/handbook/seen/lunar.md").status == 404  # type: ignore[union-attr]


def test_who_may_bring_nothing_sees_no_form(open_page: Opened) -> None:
    visit = open_page()
    visit.sign_in("Ana Quintela")
    visit.page.goto("/documents")
    expect(visit.page.get_by_text("Bring a document")).to_have_count(0)


def test_an_auditor_reads_records_and_an_operator_the_workings(open_page: Opened) -> None:
    """A-10: each page is there for whom a policy lets, and for nobody else."""
    visit = open_page()
    for person, may, may_not in (("Odile Marchetti", "Records", "Operate"), ("Lior Sandqvist", "Operate", "Records")):
        visit.sign_in(person)
        navigation = visit.page.get_by_role("navigation")
        expect(navigation.get_by_text(may_not)).to_have_count(0)
        navigation.get_by_text(may).click()
        expect(visit.page.get_by_role("heading", name=may, level=1)).to_be_visible()
        assert visit.page.goto(f"/{may_not.lower()}").status == 403  # type: ignore[union-attr]


@pytest.mark.parametrize("page", ["/ask", "/compare", "/documents"])
def test_a_page_is_not_wider_than_a_phone(open_page: Opened, page: str) -> None:
    visit = open_page(viewport={"width": 390, "height": 844})
    visit.sign_in("Lior Sandqvist")
    visit.page.goto(page)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
