"""Every page there is: accessible, without sideways scrolling, light on the wire, and usable by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from raa.app import App
from raa.testing.client import Client
from raa.testing.console import PASSWORD, running_console, wait_for

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"
#: templates of parts of a page
FRAGMENTS = {"preview.html"}
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


@dataclass
class Site:
    app: App
    #: what anybody may see, and what admin sees: name -> (path, status)
    public: dict[str, tuple[str, int]]
    private: dict[str, tuple[str, int]]
    cookies: list[Any]

    @property
    def url(self) -> str:
        return self.app.url


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A console that has something to show on each of its pages, a failed plugin among it."""
    folder = tmp_path_factory.mktemp("pages")
    plugins = str(Path(__file__).parents[1] / "plugins")
    with running_console(folder / "state", options={"plugins.dirs": [plugins]}) as app:
        client = Client(app.server.port)
        jobs = [client.call("/toy/Toy/start", {"method": name}).json() for name in ("doTask", "warn", "boom")]
        jobs.append(client.call("/backup/Backup/backupNow").json())
        fields = {
            "enabled": 1,
            "checkFreq": "Weekly",
            "timeHour": 2,
            "timeDay": 0,
            "timeDayMonth": 1,
            "days": "mon,thu",
        }
        client.call("/backup/Backup/prefsSave", fields)
        for job in jobs:
            wait_for(lambda job=job: ended(client, job["schedId"]), 30, "the jobs")
        # one that is still running, and one that waits for it
        flag = str(folder / "flag")
        running = client.call(
            "/toy/Toy/start", {"method": "waitFor", "args": [flag, flag + "2"], "resource": "x"}
        ).json()["execId"]  # fmt: skip
        waiting = client.call("/toy/Toy/start", {"resource": "x"}).json()["execId"]
        wait_for(Path(flag).exists, 10, "the run to be running")
        name = client.call("/backup/Backup/backups").json()[0]["name"]
        private = {
            "dashboard": ("/", 200), "jobs": ("/jobs", 200), "no such page": ("/nothing", 404),
            "failed plugin": ("/broken/Broken/index", 404), "confirm": ("/toy/Toy/start?method=echo", 200),
            "stop": (f"/jobs/{running}/cancel", 200), "reauth": (f"/backup/Backup/delete?name={name}", 200),
            "running job": (f"/jobs/{running}", 200), "waiting job": (f"/jobs/{waiting}", 200),
            "backup with job": (f"/backup/Backup/index?job={jobs[-1]['execId']}", 200),
            **{f"job {job['execId']}": (f"/jobs/{job['execId']}", 200) for job in jobs},
            "set-up is closed": ("/setup", 403),
        }  # fmt: skip
        browser = Client(app.server.port)
        browser.log_in()
        for route in app.console.routes.values():
            if route.exposure.template and not route.acts:
                reply = browser.get(route.path)  # a page that needs a parameter answers with the page of an error
                if "<html" in reply.text:
                    private[route.path] = (route.path, reply.status)
                else:
                    assert route.exposure.template in FRAGMENTS, route.path
        public = {"login": ("/login", 200), "closed set-up": ("/setup", 403)}
        cookies = [{"name": n, "value": v, "domain": "127.0.0.1", "path": "/"} for n, v in browser.cookies.items()]
        yield Site(app, public, private, cookies)
        Path(flag + "2").write_text("")
        wait_for(lambda: not app.engine.unfinished(), 20, "the runs to end")


def ended(client: Client, sched_id: int) -> bool:
    return client.call("/callGetStatus", {"schedId": sched_id}).json()["state"] not in ("queued", "running")


def visit(page: Page, site: Site, path: str, status: int) -> None:
    answer = page.goto(site.url + path)
    assert answer
    assert answer.status == status, path
    page.wait_for_load_state("load")


def every_page(open_page: Callable[..., Page], site: Site, **options: Any) -> Iterator[tuple[str, Page]]:
    """Yield every page, loaded, first a stranger's and then admin's."""
    for pages, cookies in ((site.public, []), (site.private, site.cookies)):
        page = open_page(**options)
        page.context.add_cookies(cookies)
        for name, (path, status) in pages.items():
            visit(page, site, path, status)
            yield name, page


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


def test_the_page_finder_opens_a_page_from_the_keyboard_alone(console: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.context.add_cookies(console.cookies)
    page.goto(console.url)

    page.keyboard.press("/")
    page.keyboard.type("back")
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
