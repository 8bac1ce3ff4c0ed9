"""Back up now with a real Chromium, real workers and real archives: live, polled, without script, and failing."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from observers import CONTRAST, LISTEN, WATCH
from playwright.sync_api import Page, expect

from raa.testing.console import wait_for

LONG = 90_000


@pytest.fixture
def box(make_box: Callable[..., Any], tree: Path) -> Any:
    return make_box([tree])


def verify(archive: Path, into: Path) -> set[str]:
    """Unpack an archive as the documentation says, check it, and return the names in it."""
    into.mkdir()
    subprocess.run(["tar", "xzf", str(archive), "-C", str(into)], check=True)
    subprocess.run(["sha256sum", "--quiet", "-c", "MANIFEST.sha256"], cwd=into, check=True)
    return {path.name for path in into.rglob("file*")}


def press(page: Page) -> None:
    page.get_by_role("button", name="Back up now").click()


def archives(box: Any) -> list[str]:
    return sorted(path.name for path in box.backups.iterdir()) if box.backups.exists() else []


@pytest.mark.slow
def test_back_up_now_moves_and_ends_without_a_page_load_and_the_archive_is_sound(
    page: Page, box: Any, tree: Path, tmp_path: Path, login: Callable[..., None]
) -> None:
    login(page, box.url)
    page.goto(box.page)
    expect(page.get_by_text("No backups yet")).to_be_visible()
    page.evaluate(WATCH)

    press(page)

    button = page.locator("#runbtn")
    expect(page.locator("#job")).to_have_attribute("data-state", "running")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#say")).to_contain_text("started")
    first = wait_for(lambda: page.evaluate("window.values.find(value => value > 0)"), 30, "progress")
    wait_for(lambda: first < page.evaluate("window.values.at(-1)") < 100, 30, "more progress")
    expect(page).to_have_title(re.compile(r"^\d+ % – Backup"))
    expect(page.locator("#jobst")).to_have_text("Complete", timeout=LONG)
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#flash [role=status]")).to_contain_text("read back and verified")
    expect(page.locator("#runbtn")).not_to_have_attribute("aria-disabled", "true")
    expect(page.locator("#stats")).to_contain_text("Protected")
    expect(page.locator("#running a")).to_have_count(0)
    assert page.evaluate("window.mark") == "the same page"
    values = page.evaluate("window.values")
    assert values == sorted(values)
    assert values[-1] == 100

    [name, sidecar] = archives(box)
    assert sidecar == f"{name}.json"
    assert verify(box.backups / name, tmp_path / "out") == {path.name for path in tree.glob("file*")}
    page.reload()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page.locator("#list tbody tr")).to_contain_text("Started by admin")


@pytest.mark.slow
def test_the_same_without_javascript(
    open_page: Callable[..., Page], box: Any, tmp_path: Path, login: Callable[..., None]
) -> None:
    page = open_page(java_script_enabled=False)
    login(page, box.url)
    page.goto(box.page)

    press(page)

    expect(page.locator("#jobst")).to_have_text("Running")
    expect(page.locator(".noscript")).to_contain_text("This page reloads every 5 seconds.")
    bar, seen = page.locator("#jobbar"), [0.0]

    def later() -> float:
        page.reload()
        return float(bar.get_attribute("value") or 0)

    for _ in range(2):
        seen.append(wait_for(lambda: value if (value := later()) > seen[-1] else None, 30, "progress"))
    assert seen[0] < seen[1] < seen[2]
    expect(page.locator("#jobst")).to_have_text("Complete", timeout=LONG)  # the page reloads itself
    page.goto(box.page)
    expect(page.locator("#list tbody tr")).to_have_count(1)
    assert verify(box.backups / archives(box)[0], tmp_path / "out")


@pytest.mark.slow
def test_polling_takes_over_where_the_stream_of_events_is_blocked(
    page: Page, box: Any, login: Callable[..., None], complaints: Any
) -> None:
    complaints.expect(r"ERR_FAILED.*events")
    login(page, box.url)
    blocked, polled = [], []
    page.route("**/events*", lambda route: (blocked.append(route.request.url), route.abort()))
    page.on("request", lambda request: polled.append(request.url) if "?after=" in request.url else None)
    page.goto(box.page)
    page.evaluate(WATCH)

    press(page)

    expect(page.locator("#jobst")).to_have_text("Complete", timeout=LONG)
    expect(page.locator("#list tbody tr")).to_have_count(1)
    assert page.evaluate("window.mark") == "the same page"
    assert len(blocked) >= 1
    assert [url for url in polled if "/events" not in url] != []


@pytest.mark.slow
def test_a_running_backup_is_stopped_by_the_dialog_and_leaves_nothing_behind(
    page: Page, box: Any, login: Callable[..., None]
) -> None:
    login(page, box.url)
    page.goto(box.page)
    press(page)
    expect(page.locator("#jobst")).to_have_text("Running")

    page.get_by_role("link", name="Stop…").click()
    dialog = page.get_by_role("dialog", name="Stop this job?")
    expect(dialog.get_by_role("button", name="Keep running")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Stop…").click()
    dialog.get_by_role("button", name="Stop job").click()

    expect(page.locator("#jobst")).to_have_text("Cancelled", timeout=LONG)
    expect(page.locator("#facts")).to_contain_text("Cancelled by admin")
    page.goto(box.page)
    expect(page.get_by_text("No backups yet")).to_be_visible()
    press(page)  # the next one is not hindered by what is left, and clears it
    expect(page.locator("#jobst")).to_have_text("Complete", timeout=LONG)
    assert len(archives(box)) == 2


@pytest.mark.slow
def test_a_second_press_while_one_runs_shows_the_same_job(page: Page, box: Any, login: Callable[..., None]) -> None:
    login(page, box.url)
    page.goto(box.page)
    other = page.context.new_page()
    other.goto(box.page)
    press(page)
    expect(page.locator("#jobst")).to_have_text("Running")

    press(other)  # loaded before, so its button does not know
    expect(other.locator("#job")).to_have_attribute("data-exec", page.locator("#job").get_attribute("data-exec") or "")
    page.locator("#runbtn").hover(force=True)
    wait_for(lambda: page.locator("#runbtn").evaluate(CONTRAST) > 4.5, 5, "words that can be read")
    page.evaluate(LISTEN)
    page.locator("#runbtn").click(force=True)  # it says that it is disabled, which people do not hear first

    wait_for(lambda: "A backup is already running." in page.evaluate("window.said"), 10, "the reason")
    expect(page.locator("#running a")).to_have_text("1 running")
    expect(page.locator("#jobst")).to_have_text("Complete", timeout=LONG)
    expect(other.locator("#jobst")).to_have_text("Complete", timeout=LONG)
    assert len(archives(box)) == 2


def test_a_backup_that_cannot_be_written_says_why_and_what_to_do(
    page: Page, make_box: Callable[..., Any], tmp_path: Path, login: Callable[..., None]
) -> None:
    missing = tmp_path / "not mounted"
    box = make_box([tmp_path / "state" / "custom.cfg"], missing)
    login(page, box.url)
    page.goto(box.page)
    expect(page.get_by_text("Not usable")).to_be_visible()

    press(page)

    alert = page.locator("#flash [role=alert]")
    expect(page.locator("#jobst")).to_have_text("Failed", timeout=LONG)
    expect(alert).to_contain_text(f"The backup folder {missing} does not exist. Make it, mount it, or change")
    page.goto(box.url)
    expect(page.get_by_text("The last backup failed: The backup folder")).to_be_visible()
    missing.mkdir()
    page.goto(box.page)
    press(page)
    expect(page.locator("#jobst")).to_have_text("Complete", timeout=LONG)
    page.goto(box.url)
    expect(page.get_by_text("Nothing needs your attention.")).to_be_visible()


def test_a_backup_is_downloaded_and_deleted_with_the_password_only(
    page: Page, make_box: Callable[..., Any], tmp_path: Path, login: Callable[..., None], complaints: Any
) -> None:
    complaints.expect("status of 403")
    (tmp_path / "small").write_text("small")
    box = make_box([tmp_path / "small"])
    login(page, box.url)
    page.goto(box.page)
    press(page)
    expect(page.locator("#list tbody tr")).to_have_count(1, timeout=LONG)
    name = archives(box)[0]

    page.get_by_role("link", name=f"Download {name}").click()
    page.get_by_label("Your password").fill("not this one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not your password.")
    page.get_by_label("Your password").fill("correct horse battery")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    saved = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == name
    assert hashlib.sha256(saved).digest() == hashlib.sha256((box.backups / name).read_bytes()).digest()

    page.goto(box.page)
    page.get_by_role("link", name=f"Delete {name}").click()
    assert archives(box)[0] == name
    page.get_by_label("Your password").fill("correct horse battery")
    page.keyboard.press("Enter")
    expect(page.locator("#flash")).to_contain_text(f"{name} was deleted.")
    expect(page.get_by_text("No backups yet")).to_be_visible()
    assert archives(box) == []
