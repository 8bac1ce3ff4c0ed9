"""The hello page in Kid and in Genshi are one page to a browser: same tree for assistive programs, same policy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect

from raa.testing.console import running_console

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
HOWTO = ROOT / "docs" / "how-to" / "bring-a-kid-page.md"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def write_hello(folder: Path, page: str) -> Path:
    """Write the shipped plugin with a Kid page in place of its own."""
    for half in ("", "web", "srv"):
        text = (ROOT / "plugins" / "hello" / half / "__init__.py").read_text("utf-8")
        (folder / "hello" / half).mkdir(parents=True, exist_ok=True)
        (folder / "hello" / half / "__init__.py").write_text(text.replace("index.html", "index.kid"))
    (folder / "hello" / "index.kid").write_text(page)
    return folder


def shown_page() -> str:
    found = re.search(
        r'```html title="my-plugins/hello/templates/index.kid"\n(.*?)^```$', HOWTO.read_text(), re.S | re.M
    )
    assert found
    return found[1]


class Seen:
    """What a browser makes of the page before, and after the button was pressed and the run has ended."""

    def __init__(self, page: Page, url: str) -> None:
        answer = page.goto(f"{url}/hello/Hello/index")
        assert answer
        self.policy = answer.headers["content-security-policy"]
        self.before = self._tree(page)
        page.get_by_role("button", name="Say hello").click()
        expect(page.locator("#jobmsg")).to_have_text("Said hello.")
        expect(page.locator("#job")).to_have_attribute("data-state", "succeeded")
        page.reload()  # what is said while a run ends comes and goes
        expect(page.locator("#job")).to_have_attribute("data-state", "succeeded")
        expect(page.locator("#running a")).to_have_count(0)
        self.after = self._tree(page)
        page.evaluate(AXE + "; null")
        run = "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})"
        self.violations = [found["id"] for found in page.evaluate(run, RULES)["violations"]]
        self.scripts = page.evaluate(
            "[...document.scripts].map(script => script.src.replace(/^.*8[0-9]+/, '') || 'inline')"
        )

    @staticmethod
    def _tree(page: Page) -> str:
        tree = page.locator("body").aria_snapshot()
        return re.sub(r"\d{2}:\d{2}(:\d{2})?|\d+ s\b|\d+ ms|\d+ %", "0", tree)


@pytest.fixture
def see(open_page: Callable[..., Page], login: Callable[..., None], tmp_path: Path) -> Callable[..., Seen]:
    def see(name: str, page: str = "") -> Seen:
        options: dict[str, Any] = {"plugins.dirs": [str(write_hello(tmp_path / name, page))]} if page else {}
        with running_console(tmp_path / f"state-{name}", options=options) as app:
            browser = open_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
            login(browser, app.url)
            seen = Seen(browser, app.url)
            browser.context.close()
            return seen

    return see


def test_hello_in_kid_and_in_genshi_is_the_same_accessible_page(see: Callable[..., Seen]) -> None:
    genshi, kid = see("genshi"), see("kid", shown_page())

    assert kid.before == genshi.before
    assert 'heading "Hello, admin"' in kid.before
    assert kid.after == genshi.after
    assert kid.violations == genshi.violations == []
    assert kid.policy == genshi.policy
    assert "inline" not in kid.scripts


def test_a_difference_would_be_seen(see: Callable[..., Seen]) -> None:
    changed = see("changed", shown_page().replace("<h2 id", "<h3 id").replace("</h2>", "</h3>"))

    assert 'heading "Hello, admin" [level=3]' in changed.before
    assert changed.violations == []


def test_a_script_in_a_kid_page_is_held_by_the_same_policy(see: Callable[..., Seen], complaints: Any) -> None:
    complaints.expect("Content Security Policy")
    hostile = shown_page().replace("<title>", "<script>document.title = 'run'</script><title>")

    seen = see("script", hostile.replace("<body>", "<body onload=\"document.title = 'run'\">"))

    assert "inline" in seen.scripts
    assert len([text for text in complaints.heard if "Content Security Policy" in text]) >= 2
