"""The schedule editor: what the form means, what is stored, and that it is still there after a restart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

BERLIN = ZoneInfo("Europe/Berlin")
CUSTOM = '[global]\nhost.zone = "Europe/Berlin"\n'
PLACE = "/backup/Backup/index"


def monday_and_thursday(count: int) -> list[str]:
    """Return the next Mondays and Thursdays 02:30 of Berlin, reckoned by walking from day to day."""
    found, now = [], datetime.now(UTC)
    day = now.astimezone(BERLIN).date()
    while len(found) < count:
        due = datetime(day.year, day.month, day.day, 2, 30, tzinfo=BERLIN)
        if day.weekday() in (0, 3) and due > now:
            found.append(due.isoformat(timespec="seconds"))
        day += timedelta(days=1)
    return found


def runs(page: Page) -> list[str]:
    return [time.get_attribute("datetime") or "" for time in page.locator("#preview .runs time").all()]


def fill(page: Page) -> None:
    page.get_by_label("Weekly").check(force=True)
    page.get_by_label("Mon", exact=True).check(force=True)
    page.get_by_label("Thu", exact=True).check(force=True)
    page.get_by_label("Time", exact=True).fill("2:30")


def is_saved(page: Page) -> None:
    """Check that the page shows the schedule as stored."""
    expect(page.locator("#scheduleh + .pill")).to_have_text("On")
    for label in ("Weekly", "Mon", "Thu"):
        expect(page.get_by_label(label, exact=True)).to_be_checked()
    for label in ("Daily", "Tue", "Sun"):
        expect(page.get_by_label(label, exact=True)).not_to_be_checked()
    expect(page.get_by_label("Time", exact=True)).to_have_value("02:30")
    expect(page.locator("#stats time").first).to_have_attribute("datetime", monday_and_thursday(1)[0])
    assert runs(page) == monday_and_thursday(5)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_monday_and_thursday_at_half_past_two_is_previewed_saved_and_survives_a_restart(
    open_page: Callable[..., Page], serve: Callable[..., Any], login: Callable[..., None], script: bool
) -> None:
    page, served = open_page(java_script_enabled=script), serve(custom=CUSTOM)
    login(page, served.url)
    page.goto(served.url + PLACE)
    expect(page.locator("#preview .sentence")).to_have_text("No scheduled backups")

    fill(page)
    if not script:
        page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview .sentence")).to_contain_text("Monday")
    expect(page.locator("#preview .sentence")).to_contain_text("02:30")  # a preview of each field as it is filled in
    expect(page.locator("#preview .runs li")).to_have_count(5)
    assert runs(page) == monday_and_thursday(5)
    expect(page.locator("#stats")).to_contain_text("None planned")  # a preview stores nothing
    page.get_by_role("button", name="Save schedule").click()
    expect(page.locator("#flash [role=status]")).to_contain_text("Schedule saved:")
    is_saved(page)

    assert served.end() == 0
    again = serve(served.state, custom=CUSTOM)
    page.goto(again.url + PLACE)
    is_saved(page)
    page.goto(again.url)
    expect(page.get_by_role("region", name="Coming up").get_by_role("link", name="Backup")).to_be_visible()
    page.goto(again.url + PLACE)
    page.get_by_label("Off", exact=True).check(force=True)
    page.get_by_role("button", name="Save schedule").click()
    expect(page.locator("#flash [role=status]")).to_contain_text("Schedule saved: Off.")
    expect(page.locator("#stats")).to_contain_text("None planned")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_wrong_values_are_said_at_their_fields_with_422_and_all_input_is_kept(
    open_page: Callable[..., Page], serve: Callable[..., Any], login: Callable[..., None], complaints: Any, script: bool
) -> None:
    complaints.expect("status of 422")
    page, served = open_page(java_script_enabled=script), serve(custom=CUSTOM)
    login(page, served.url)
    page.goto(served.url + PLACE)

    page.get_by_label("Weekly").check(force=True)
    page.get_by_label("Time", exact=True).fill("25:99")
    with page.expect_response("**/saveSchedule") as response:
        page.get_by_role("button", name="Save schedule").click()

    assert response.value.status == 422
    expect(page.locator("#problems")).to_contain_text("2 values need your attention")
    if script:
        expect(page.locator("#problems")).to_be_focused()
    expect(page.locator("#day")).to_contain_text("Choose at least one day of the week.")
    field = page.get_by_label("Time", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#" + (field.get_attribute("aria-describedby") or "").split()[-1])).to_contain_text(
        "such as 02:30"
    )
    expect(field).to_have_value("25:99")
    expect(page.get_by_label("Weekly")).to_be_checked()
    page.locator("#problems a", has_text="such as 02:30").click()
    expect(field).to_be_focused()
    field.fill("02:30")
    page.get_by_label("Mon", exact=True).check(force=True)
    page.get_by_label("Thu", exact=True).check(force=True)
    page.get_by_role("button", name="Save schedule").click()
    expect(page.locator("#flash [role=status]")).to_contain_text("Schedule saved:")
    is_saved(page)


def test_leaving_with_unsaved_changes_warns_and_the_preview_says_what_is_wrong(
    page: Page, serve: Callable[..., Any], login: Callable[..., None]
) -> None:
    served = serve(custom=CUSTOM)
    login(page, served.url)
    page.goto(served.url + PLACE)

    page.get_by_label("Weekly").check(force=True)
    expect(page.locator("#preview")).to_contain_text("Choose at least one day of the week.")
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Dashboard").first.click()

    expect(page).to_have_url(f"{served.url}/")
    assert asked == ["beforeunload"]
