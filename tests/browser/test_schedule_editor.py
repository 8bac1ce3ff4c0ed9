"""The last Friday at 03:30, set with the keyboard alone; what the editor shows is what the engine fires."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from raa.app import App
from raa.planning.occurrences import upcoming
from raa.planning.rule import Rule
from raa.testing.clock import ManualClock
from raa.testing.console import PASSWORD, running_console, wait_for

#: two runs in winter, three in summer
NOW = datetime(2027, 2, 20, 9, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
#: reckoned by hand: the last Fridays of five months
EXPECTED = [
    datetime(2027, month, day, 3, 30, tzinfo=BERLIN).astimezone(UTC)
    for month, day in ((2, 26), (3, 26), (4, 30), (5, 28), (6, 25))
]
SENTENCE = "On the last Friday of every month at 03:30, Europe/Berlin"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def appliance(tmp_path: Path, clock: ManualClock) -> Iterator[App]:
    """A console whose own zone is not the schedule's."""
    with running_console(tmp_path / "state", clock=clock, options={"host.zone": "UTC"}) as app:
        yield app


def log_in_by_keyboard(page: Page, url: str) -> None:
    page.goto(f"{url}/login")
    expect(page.locator("#user")).to_be_focused()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    expect(page.locator("#user")).to_have_value("admin")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")


def tab_to(page: Page, selector: str) -> None:
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"no Tab leads to {selector}")


def retype(page: Page, text: str) -> None:
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


def set_last_friday(page: Page, times: int) -> None:
    """Fill in the editor, from the first of its fields on; `times` arrows lead to Monthly."""
    tab_to(page, "[name=freq]")
    for _ in range(times):
        page.keyboard.press("ArrowRight")
    tab_to(page, "[name=mode]")
    page.keyboard.press("ArrowDown")
    tab_to(page, "#nth")
    page.keyboard.type("last")
    tab_to(page, "#wday")
    page.keyboard.type("Fri")
    tab_to(page, "#time")
    retype(page, "03:30")
    tab_to(page, "#zone")
    retype(page, "Europe/Berlin")


def shown(page: Page) -> list[datetime]:
    texts = [time.get_attribute("datetime") or "" for time in page.locator("#preview .runs time").all()]
    return [datetime.fromisoformat(text).astimezone(UTC) for text in texts]


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_runs_shown_for_the_last_friday_are_those_that_the_engine_fires(
    open_page: Callable[..., Page], appliance: App, clock: ManualClock, script: bool
) -> None:
    page = open_page(java_script_enabled=script, timezone_id="America/New_York")
    log_in_by_keyboard(page, appliance.url)
    page.goto(f"{appliance.url}/backup/Backup/index")

    set_last_friday(page, times=3)
    if not script:
        tab_to(page, "[value=preview]")
        page.keyboard.press("Enter")
    expect(page.locator("#preview .sentence")).to_have_text(SENTENCE)
    expect(page.locator("#preview .runs li")).to_have_count(5)
    before = shown(page)
    first = page.locator("#preview .runs li").first
    expect(first).to_contain_text("Fri 26 Feb 2027, 02:30")  # the appliance's time
    expect(first).to_contain_text("03:30 in Europe/Berlin")
    if script:
        expect(first).to_contain_text("Thu 21:30 your time")
    assert appliance.engine.schedules() == []

    tab_to(page, "footer .primary")
    page.keyboard.press("Enter")
    expect(page.locator("#flash [role=status]")).to_contain_text(f"Schedule saved: {SENTENCE}.")

    (row,) = appliance.engine.schedules()
    assert before == shown(page) == EXPECTED
    assert [one.due for one in upcoming(Rule.from_values(row["rule"]), NOW, 5)] == EXPECTED
    for due in EXPECTED:
        clock.set(due - timedelta(seconds=1))
        fired = wait_for(lambda due=due: ended(appliance, clock, row["schedId"], due), 30, f"the run of {due}")
        assert fired == "succeeded"
    assert len(appliance.engine.occurrences(row["schedId"])) == 5


def ended(app: App, clock: ManualClock, sched_id: int, due: datetime) -> str:
    """Return how the latest occurrence ended, if it is the one of that time."""
    clock.set(due)  # again until the scheduler has noticed: it may just not have been waiting
    latest = app.engine.occurrences(sched_id, 1)
    good = latest and latest[0]["due"] == due.timestamp() and latest[0]["state"] not in ("queued", "running")
    return latest[0]["state"] if good else ""


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_schedule_is_edited_by_keyboard_keeps_its_number_and_what_was_typed_wrong_is_still_there(
    open_page: Callable[..., Page], appliance: App, complaints: object, script: bool
) -> None:
    complaints.expect("status of 422")  # type: ignore[attr-defined]
    page = open_page(java_script_enabled=script)
    log_in_by_keyboard(page, appliance.url)
    page.goto(f"{appliance.url}/backup/Backup/index")
    page.get_by_label("Daily").check(force=True)
    page.get_by_role("button", name="Save schedule").click()
    expect(page.locator("#flash [role=status]")).to_contain_text("Every day at 04:00")
    (row,) = appliance.engine.schedules()

    page.goto(f"{appliance.url}/schedule/{row['schedId']}")
    tab_to(page, "a[href$='/edit']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/edit")
    set_last_friday(page, times=2)
    tab_to(page, "#retries")
    retype(page, "many")
    tab_to(page, "footer .primary")
    page.keyboard.press("Enter")
    expect(page.locator("#problems")).to_contain_text("Give a whole number from 0 to 100.")
    expect(page.locator("#retries")).to_have_value("many")
    expect(page.locator("#zone")).to_have_value("Europe/Berlin")
    expect(page.locator("#preview .sentence")).to_have_text(SENTENCE)
    tab_to(page, "#retries")
    retype(page, "3")
    tab_to(page, "footer .primary")
    page.keyboard.press("Enter")

    expect(page.locator("#flash [role=status]")).to_contain_text(f"Schedule saved: {SENTENCE}.")
    assert [one["schedId"] for one in appliance.engine.schedules()] == [row["schedId"]]
    changed = appliance.engine.schedule(row["schedId"])
    assert (changed["rule"]["kind"], changed["policy"]["retries"]) == ("monthly_relative", 3)
    expect(page.get_by_text("Tried again up to 3 times")).to_be_visible()
