"""Watchers: clients and browsers that follow one run at once, while somebody opens pages."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.common import Row, Size, percentile
from benchmarks.console import Served, Web, serve, state_folder
from raa.testing.client import Client
from raa.testing.console import PASSWORD

TITLE = "watchers: HTTP clients and browsers that watch one run, a third of the streams cut off every second"
PAGES_BAR, STREAM_BAR, POLL_BAR = 200.0, 1.0, 3.0
#: seconds between two lines of the run, and between two polls, as the pages' script has it
PAUSE, POLL = 0.2, 2.0
#: seconds after which streams are cut off, of every third client
CUT = 1.0
OBSERVE = """() => {
  const log = document.querySelector('#joblog');
  window.seen = [...log.children].map(line => [line.textContent, 0]);
  new MutationObserver(found => found.forEach(one => one.addedNodes.forEach(
    line => window.seen.push([line.textContent, Date.now() / 1000])))).observe(log, {childList: true});
}"""


@dataclass
class Watcher:
    """One client: each line that it has seen, with its delay in seconds, and how it came by it."""

    lines: list[int] = field(default_factory=list)
    streamed: list[float] = field(default_factory=list)
    polled: list[float] = field(default_factory=list)
    refused: int = 0
    cuts: int = 0

    def see(self, job: Any, delays: list[float], since: float) -> None:
        """Take lines; those from before it asked are late by its own doing, and count for nothing but being there."""
        now = time.time()
        for _, _, text in job["log"]:
            _, number, at = text.split()
            self.lines.append(int(number))
            if float(at) >= since:
                delays.append(now - float(at))


def watch(served: Served, cookie: str, exec_id: int, watcher: Watcher, cut: bool) -> None:
    """Follow a run to its end: by its stream, and by polling where that is refused."""
    after, done, since = 0, False, time.time()
    headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    token = _token(served, headers, exec_id)
    while not done:
        begun = time.time()
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        accept = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        connection.request("GET", f"/jobs/{exec_id}/events", headers={**headers, **accept})
        answer = connection.getresponse()
        if answer.status == 200:
            after, done = _follow(answer, watcher, after, begun, CUT if cut else float("inf"))
        connection.close()
        if answer.status == 503:
            watcher.refused += 1
            while not done:
                after, done = _poll(served, headers, token, exec_id, watcher, after, since)
                time.sleep(0 if done else POLL)


def _follow(
    answer: http.client.HTTPResponse, watcher: Watcher, after: int, begun: float, cut: float
) -> tuple[int, bool]:
    while line := answer.readline():
        if line.startswith(b"data: "):
            job = json.loads(line[6:])
            watcher.see(job, watcher.streamed, begun)
            after = job["seq"]
            if job["done"] and not job["more"]:
                return after, True
            if time.time() - begun > cut:
                watcher.cuts += 1
                return after, False
    return after, False


def _poll(
    served: Served,
    headers: dict[str, str],
    token: str,
    exec_id: int,
    watcher: Watcher,
    after: int,
    since: float,
) -> tuple[int, bool]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    accept = {"Accept": "application/json", "X-CSRF-Token": token}
    connection.request("GET", f"/jobs/{exec_id}?after={after}", headers={**headers, **accept})
    job = json.loads(connection.getresponse().read())
    connection.close()
    watcher.see(job, watcher.polled, since)
    return job["seq"], job["done"] and not job["more"]


def _token(served: Served, headers: dict[str, str], exec_id: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", f"/jobs/{exec_id}", headers={**headers, "Accept": "text/html"})
    page = connection.getresponse().read().decode()
    connection.close()
    return page.partition('name="csrf" content="')[2].partition('"')[0]


class Browsers:
    """Chromium contexts that show the run's page."""

    def __init__(self, stack: ExitStack, url: str, count: int) -> None:
        from playwright.sync_api import sync_playwright

        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        stack.callback(chromium.close)
        self.url = url
        self.pages = [chromium.new_context().new_page() for _ in range(count)]
        for page in self.pages:
            page.goto(f"{url}/login")
            page.get_by_label("User name").fill("admin")
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{url}/")

    def open(self, exec_id: int) -> None:
        for page in self.pages:
            page.goto(f"{self.url}/jobs/{exec_id}")
            page.evaluate(OBSERVE)

    def seen(self) -> list[Watcher]:
        found = []
        for page in self.pages:
            page.wait_for_function("document.querySelector('#job').dataset.state === 'succeeded'", timeout=30_000)
            watcher = Watcher()
            for text, at in page.evaluate("window.seen"):
                number, told = text.split()[2:4]
                watcher.lines.append(int(number))
                if at:  # it came after the page
                    watcher.streamed.append(at - float(told))
            found.append(watcher)
        return found


def run(size: Size, peers: bool) -> Iterator[Row]:
    with state_folder() as state, serve(state) as served, ExitStack() as stack:
        yield from measure(served, size, stack)


def measure(served: Served, size: Size, stack: ExitStack) -> Iterator[Row]:
    lines = max(5, round(size.watch / PAUSE))
    browser = Client(served.port)
    browser.log_in()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    browsers = Browsers(stack, f"http://127.0.0.1:{served.port}", size.browsers) if size.browsers else None
    exec_id = int(Web(served.port).call("/echo/Echo/talk", {"lines": lines, "pause": PAUSE})["execId"])
    watchers = [Watcher() for _ in range(size.clients)]
    threads = [
        threading.Thread(target=watch, args=(served, cookie, exec_id, watcher, number % 3 == 0))
        for number, watcher in enumerate(watchers)
    ]
    if browsers:  # first, so that they have streams
        browsers.open(exec_id)
    for thread in threads:
        thread.start()
    pages = list(_pages(served, cookie, lambda: any(thread.is_alive() for thread in threads)))
    for thread in threads:
        thread.join()
    shown = browsers.seen() if browsers else []
    p95 = round(percentile(pages, 95) * 1e3, 1)
    yield Row("pages meanwhile", {"n": len(pages), "p95 ms": p95}, f"p95 <= {PAGES_BAR:g} ms", p95 <= PAGES_BAR)
    for name, found, bar in (
        ("a line by stream", [delay for one in watchers for delay in one.streamed], STREAM_BAR),
        ("a line by polling", [delay for one in watchers for delay in one.polled], POLL_BAR),
        ("a line in a browser", [delay for one in shown for delay in one.streamed], POLL_BAR),
    ):
        if found:
            worst = round(max(found), 3)
            figures: dict[str, float | int | str | None] = {"n": len(found), "max s": worst}
            yield Row(name, figures, f"<= {bar:g} s", worst <= bar)
    once = sum(sorted(one.lines) == list(range(lines)) for one in (*watchers, *shown))
    yield Row(
        "each line once",
        {"n": once, "cut off": sum(one.cuts for one in watchers), "refused": sum(one.refused for one in watchers)},
        f"all {len(watchers) + len(shown)}",
        once == len(watchers) + len(shown),
    )


def _pages(served: Served, cookie: str, going: Callable[[], bool]) -> Iterator[float]:
    """Open the dashboard and the list of jobs in turn while the run is watched; yield what each took."""
    number = 0
    while going() or not number:
        page = Web(served.port, cookie)
        begun = time.perf_counter()
        with suppress(OSError):
            if page.get(("/", "/jobs")[number % 2]) == 200:
                yield time.perf_counter() - begun
        page.close()
        number += 1
        time.sleep(0.05)
