"""The live card: each line once over lost connections and over a refused stream, and the whole of a long log."""

from __future__ import annotations

import pytest
from orders import run
from playwright.sync_api import Page, expect

from raa.app import App

pytestmark = pytest.mark.browser
LINES, PAUSE = 100, 0.05


@pytest.fixture
def asked(page: Page, app: App, login) -> list[tuple[str, int]]:
    """Log in, and note what the page asks for of jobs and how it is answered."""
    found: list[tuple[str, int]] = []
    page.on("response", lambda answer: found.append((answer.url.partition("/jobs/")[2], answer.status)))
    login(page, app.url)
    return found


def lines(page: Page) -> list[str]:
    return [text.split("line ")[1].split()[0] for text in page.locator("#joblog > div").all_inner_texts()]


def watch(page: Page, app: App) -> int:
    exec_id = run(app.engine, "talk", LINES, PAUSE)
    page.goto(f"{app.url}/jobs/{exec_id}")
    expect(page.locator("#jobst")).to_contain_text("Complete", timeout=40_000)
    return exec_id


def test_over_lost_connections_each_line_comes_once(page, app, asked, monkeypatch):
    monkeypatch.setattr("raa.web.streams.LIFE", 0.6)

    watch(page, app)

    assert lines(page) == [str(n) for n in range(LINES)]
    assert len([url for url, status in asked if "/events" in url and status == 200]) > 1, "it was cut off"


def test_where_streams_are_refused_the_page_polls_and_each_line_comes_once(page, app, asked, complaints, monkeypatch):
    complaints.expect("503")
    monkeypatch.setattr(app.console.streams, "limit", 0)

    watch(page, app)

    assert lines(page) == [str(n) for n in range(LINES)]
    assert [status for url, status in asked if "/events" in url] == [503]
    assert [url for url, status in asked if "/events" not in url and "?after=" in url and status == 200]


def test_a_log_longer_than_the_card_ends_with_its_last_line_and_leads_to_the_whole(page, app, asked):
    exec_id = run(app.engine, "chatter", 4500)
    page.goto(f"{app.url}/jobs/{exec_id}")

    expect(page.locator("#jobst")).to_contain_text("Warnings", timeout=40_000)
    expect(page.locator("#joblog > div").last).to_contain_text("chat 4499")
    assert page.locator("#joblog > div").count() <= 2000
    page.goto(f"{app.url}/jobs/{exec_id}")
    page.get_by_role("link", name="Show the whole log as text").click()
    expect(page.locator("body")).to_contain_text("chat 0 ")
