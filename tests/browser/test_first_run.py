"""The first minutes: set-up link, first password, login, logout."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

NEW = "four honest words here"


def test_the_printed_link_leads_to_a_password_and_into_the_console_and_is_closed_then(
    page: Page, serve: Callable[..., Any], complaints: Any
) -> None:
    served = serve(admin=False)
    complaints.expect("status of (403|422)")

    page.goto(served.url)
    expect(page).to_have_url(f"{served.url}/login")
    expect(page.get_by_text("Open the set-up link that raa printed")).to_be_visible()
    page.goto(served.setup_link)
    password = page.get_by_label("Password", exact=False).first
    expect(password).to_have_attribute("autocomplete", "new-password")
    page.evaluate("document.querySelectorAll('form').forEach(form => form.noValidate = true)")
    password.fill("short")
    page.keyboard.press("Enter")
    expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#password-wrong")).to_contain_text("at least 12 characters")
    password.fill(NEW)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Dashboard", level=1)).to_be_visible()
    expect(page.locator(".usermenu summary")).to_contain_text("admin")
    page.goto(served.setup_link)
    expect(page.get_by_text("this page is closed for good")).to_be_visible()
    assert page.get_by_label("Password", exact=False).count() == 0


def test_the_password_can_be_shown_before_it_is_sent(page: Page, serve: Callable[..., Any]) -> None:
    served = serve()
    page.goto(f"{served.url}/login")
    field = page.get_by_label("Password", exact=True)
    field.fill("can be seen")

    page.get_by_role("button", name="Show password").click()

    expect(field).to_have_attribute("type", "text")
    expect(page.get_by_role("button", name="Show password")).to_have_attribute("aria-pressed", "true")


def test_login_says_what_was_wrong_leads_to_the_wanted_page_and_logout_ends_it(
    page: Page, serve: Callable[..., Any], login: Callable[..., None], complaints: Any
) -> None:
    served = serve()
    complaints.expect("status of 401")
    wanted = f"{served.url}/jobs?page=1"

    page.goto(wanted)
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fjobs%3Fpage%3D1"))
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill("not this one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("User name or password is wrong.")
    expect(page.get_by_label("User name")).to_have_value("admin")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.keyboard.press("Enter")
    expect(page).to_have_url(wanted)

    kept = page.context.cookies()
    page.locator(".usermenu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{served.url}/login")
    page.go_back()
    page.reload()
    expect(page).to_have_url(re.compile("/login"))
    page.context.add_cookies(kept)  # the session is dead at the server, not only forgotten here
    page.goto(served.url)
    expect(page).to_have_url(f"{served.url}/login")
    login(page, served.url)
    expect(page.get_by_role("heading", name="Dashboard", level=1)).to_be_visible()
    cookie = next(found for found in page.context.cookies() if found["name"] == "raa_session")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")


def test_the_theme_that_was_chosen_before_login_stays(
    page: Page, serve: Callable[..., Any], login: Callable[..., None]
) -> None:
    served = serve()
    page.emulate_media(color_scheme="light")
    page.goto(f"{served.url}/login")

    page.get_by_role("button", name="Switch between light and dark").click()
    login(page, served.url)

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
