"""Every page by keyboard alone, and the menu of a phone without script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sites import Site, every_page

#: what a keyboard user sees of the focus: an outline on the element, or on what is drawn in its place
RING = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const drawn = [element, element.nextElementSibling, element.closest('label')].filter(Boolean);
  const ringed = drawn.find(one => {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0
      && style.visibility === 'visible' && box.right > 0 && box.bottom > 0;
  });
  const name = element.id || element.getAttribute('aria-label') || element.textContent.trim() || element.outerHTML;
  return [name.slice(0, 60), Boolean(ringed)];
}"""


@pytest.mark.slow
def test_every_tab_stop_of_every_page_shows_where_it_is(
    console: Site, open_page: Callable[..., Page], complaints: Any
) -> None:
    complaints.expect("status of (403|404|422)")
    hidden: dict[str, list[str]] = {}
    for name, page in every_page(open_page, console, viewport={"width": 1280, "height": 800}):
        page.evaluate("document.activeElement.blur()")
        stops, first = [], None
        while len(stops) < 150:
            page.keyboard.press("Tab")
            stop = page.evaluate(RING)
            if stop is None or stop == first:
                break
            first = first or stop
            stops.append(stop)
        missing = [label for label, ringed in stops if not ringed]
        if missing or len(stops) < 3 or len(stops) == 150:
            hidden[name] = missing or [f"{len(stops)} stops"]

    assert hidden == {}


def test_the_ring_is_measured_and_not_assumed(console: Site, page: Page) -> None:
    page.goto(f"{console.url}/login")
    page.locator("#user").focus()
    page.keyboard.press("Tab")
    before = page.evaluate(RING)
    page.evaluate("document.activeElement.setAttribute('hidden', '')")
    page.keyboard.press("Shift+Tab")
    page.evaluate("document.styleSheets[0].insertRule('* { outline: none !important }', 0)")

    assert before[1] is True
    assert page.evaluate(RING)[1] is False


def test_the_skip_link_is_the_first_stop_and_leads_past_the_menu(console: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.context.add_cookies(console.cookies)
    page.goto(f"{console.url}/jobs")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")

    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.parametrize("typed", ["back", "restore"])  # the name, and a word of what the page is for
def test_the_page_finder_opens_a_page_from_the_keyboard_alone(
    typed: str, console: Site, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    page.context.add_cookies(console.cookies)
    page.goto(console.url)

    page.keyboard.press("/")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Backup", level=1)).to_be_visible()


def test_on_a_phone_the_menu_opens_and_closes_without_script(console: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page.context.add_cookies(console.cookies)
    page.goto(console.url)
    expect(page.locator("#nav")).not_to_be_in_viewport()

    page.get_by_role("link", name="Open menu").click()
    expect(page.locator("#nav")).to_be_in_viewport()
    page.get_by_role("link", name="Close menu").click()

    expect(page.locator("#nav")).not_to_be_in_viewport()
