"""Every page there is: accessible, without sideways scrolling, and light on the wire."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect
from sites import Site, every_page, visit

from raa.testing.client import Client
from raa.testing.console import PASSWORD, running_console, wait_for

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways_on_any_page(
    console: Site, open_page: Callable[..., Page], complaints: Any, scheme: str, width: int
) -> None:
    complaints.expect("status of (403|404|422)")
    found, seen = {}, 0
    viewport = {"width": width, "height": 800}
    for name, page in every_page(open_page, console, viewport=viewport, color_scheme=scheme, reduced_motion="reduce"):
        page.evaluate(AXE + "; null")
        for violation in page.evaluate(RUN_AXE, RULES)["violations"]:
            nodes = [node["html"][:150] for node in violation["nodes"][:3]]
            found[f"{name}: {violation['id']}"] = nodes
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            found[f"{name}: scrolls sideways"] = [f"{wide} px"]
        seen += 1

    assert found == {}
    assert seen == len(console.public) + len(console.private) > 18


def test_the_first_set_up_page_is_as_accessible_as_the_others(
    open_page: Callable[..., Page], tmp_path: Path, complaints: Any
) -> None:
    complaints.expect("status of (403|422)")
    with running_console(tmp_path / "state", admin=False) as app:
        for width, scheme in ((320, "light"), (320, "dark"), (1280, "light"), (1280, "dark")):
            page = open_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            for path in ("/login", app.setup_link().removeprefix(app.url)):
                page.goto(app.url + path)
                page.evaluate(AXE + "; null")
                assert page.evaluate(RUN_AXE, RULES)["violations"] == []
                assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.evaluate("document.querySelectorAll('form').forEach(form => form.noValidate = true)")
        page.locator("#password").fill("short")
        page.keyboard.press("Enter")
        expect(page.locator("#password-wrong")).to_be_visible()
        page.evaluate(AXE + "; null")
        assert page.evaluate(RUN_AXE, RULES)["violations"] == []


def test_axe_would_find_what_is_wrong(console: Site, page: Page) -> None:
    page.goto(f"{console.url}/login")
    page.evaluate("document.querySelector('label').remove(); document.documentElement.removeAttribute('lang')")
    page.evaluate(AXE + "; null")

    found = {violation["id"] for violation in page.evaluate(RUN_AXE, RULES)["violations"]}

    assert {"html-has-lang", "label"} <= found


class Wire:
    """What a page loads over the network, by Chromium's own count; what comes out of a cache is not among it."""

    def __init__(self, page: Page) -> None:
        self.asked: dict[str, str] = {}
        self.carried: dict[str, int] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", lambda e: self.asked.update({e["requestId"]: e["request"]["url"]}))
        session.on("Network.requestServedFromCache", lambda e: self.asked.pop(e["requestId"], None))
        session.on("Network.responseReceived", self._received)
        session.on("Network.loadingFinished", lambda e: self.carried.update({e["requestId"]: e["encodedDataLength"]}))

    def _received(self, event: Any) -> None:
        if event["response"].get("fromDiskCache"):
            self.asked.pop(event["requestId"], None)

    def complete(self) -> bool:
        """Tell whether all has come; a stream of events goes on."""
        return all(number in self.carried for number, url in self.asked.items() if "/events" not in url)

    @property
    def bytes(self) -> int:
        return sum(self.carried.values())


@pytest.mark.slow
def test_every_page_takes_ten_requests_and_120_kilobytes_at_most_when_nothing_is_cached(
    console: Site, chromium: Browser
) -> None:
    heavy, seen = {}, 0
    for pages, cookies in ((console.public, []), (console.private, console.cookies)):
        for name, (path, status) in pages.items():
            context = chromium.new_context()
            context.add_cookies(cookies)
            page = context.new_page()
            wire = Wire(page)
            visit(page, console, path, status)
            page.evaluate("document.fonts.ready.then(() => null)")
            wait_for(lambda: page.evaluate("1") and wire.complete(), 20, f"all of {name}")  # noqa: B023
            context.close()
            if len(wire.asked) > 10 or not 20_000 < wire.bytes < 120_000:
                heavy[name] = (len(wire.asked), wire.bytes, " ".join(wire.asked.values()).replace(console.url, ""))
            seen += 1

    assert heavy == {}
    assert seen > 18


def test_what_was_stored_as_markup_is_shown_as_text_and_no_script_of_it_runs(
    console: Site, open_page: Callable[..., Page], complaints: Any
) -> None:
    page, client = open_page(), Client(console.app.server.port)
    page.context.add_cookies(console.cookies)
    ran = []
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    evil = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(2)>", "<svg/onload=alert(3)>", "javascript:alert(4)",
        "${1330+7} {{1330+7}} <py:if test='1'>", "</textarea><iframe srcdoc='<script>parent.alert(5)</script>'>",
    ]  # fmt: skip
    for text in evil:
        client.call("/toy/Toy/remember", {"name": text})
        page.goto(f"{console.url}/toy/Toy/start?{text}")
        page.goto(f"{console.url}/backup/Backup/delete?name={text}")

    page.goto(f"{console.url}/toy/Toy/wall")

    for text in evil:
        assert text in (page.locator("#toytext").text_content() or "")
    assert page.locator("#toytext *").count() == 0
    assert ran == []
    complaints.expect("status of (404|422)")
    assert PASSWORD not in page.content()
