"""A real Chromium, pages that fail their test when the console complains, and appliances with something to back up."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from sites import Site, full_site

from raa.app import App
from raa.testing.console import PASSWORD, running_console, wait_for

FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Complaints:
    """What the browser's console said at the level of an error, and which of it a test expects."""

    heard: list[str] = field(default_factory=list)
    closing: bool = False
    expected: list[str] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Let messages that match the pattern pass."""
        self.expected.append(pattern)

    def message(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not self.closing:
            self.heard.append(f"{message.text} ({message.location.get('url', '')})")

    def unexpected(self) -> list[str]:
        return [text for text in self.heard if not any(re.search(pattern, text) for pattern in self.expected)]


OpenPage = Callable[..., Page]


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    found = Complaints()
    yield found
    assert found.unexpected() == []


@pytest.fixture
def open_page(chromium: Browser, complaints: Complaints) -> Iterator[OpenPage]:
    """Open a page in a context of its own; the context's options are passed on."""
    with ExitStack() as stack:

        def make(**options: Any) -> Page:
            context = chromium.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("console", complaints.message)
            page.on("pageerror", lambda error: complaints.heard.append(f"page error: {error}"))
            return page

        yield make
        complaints.closing = True  # requests that are under way are broken off now


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


def log_in(page: Page, url: str, user: str = "admin", password: str = PASSWORD) -> None:
    """Log in by the form; the page is the dashboard then."""
    page.goto(f"{url}/login")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")


@pytest.fixture
def login() -> Callable[..., None]:
    return log_in


# -- appliances


def ours() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("raa-")}


@pytest.fixture(autouse=True)
def no_thread_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves one of our threads running; a module's console keeps its own until it ends."""
    before = ours()
    yield
    if "console" not in request.fixturenames:
        wait_for(lambda: not ours() - before, 10, "threads of the console to end")


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that take some seconds to store, since they cannot be made smaller; two of their names are odd."""
    folder = tmp_path_factory.mktemp("to-be-saved") / "data"
    folder.mkdir()
    for n in range(80):
        (folder / f"file{n:03}").write_bytes(os.urandom(1_000_000))
    (folder / "Grüße & <b>.txt").write_text("hello")
    with open(os.fsencode(folder) + b"/odd\x1b[31m\xff", "w") as odd:  # noqa: PTH123 - no text
        odd.write("odd name")
    return folder


@dataclass
class Box:
    """A running console and the folder of its backups."""

    app: App
    backups: Path

    @property
    def url(self) -> str:
        return self.app.url

    @property
    def page(self) -> str:
        return f"{self.app.url}/backup/Backup/index"


@pytest.fixture
def make_box(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Start a console that backs up the given paths to a folder."""
    with ExitStack() as stack:

        def make(paths: list[Path], destination: Path | None = None) -> Box:
            state = tmp_path / "state"
            state.mkdir(mode=0o700)
            lines = [
                "[global]", 'host.zone = "Europe/Berlin"',
                "[/backup/Backup]", f"backup.paths = {[str(path) for path in paths]!r}",
                f"backup.local_storage = {str(destination or '')!r}",
            ]  # fmt: skip
            (state / "custom.cfg").write_text("\n".join(lines))
            app = stack.enter_context(running_console(state))
            return Box(app, destination or state / "backups")

        yield make


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A console with something on each of its pages, for tests that only look."""
    with full_site(tmp_path_factory.mktemp("site")) as site:
        yield site
