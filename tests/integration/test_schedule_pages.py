"""The pages of one schedule, of blackouts and of the month: what they show, change and refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from doors import add_user, logged_in

from raa.app import App
from raa.protocols import Order
from raa.testing.client import Client
from raa.testing.clock import ManualClock
from raa.testing.console import running_console, wait_for

FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAILY = {"freq": "daily", "time": "02:30"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def console(tmp_path: Path, clock: ManualClock) -> Iterator[App]:
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)], "host.zone": "Europe/Berlin"}
    with running_console(tmp_path / "state", clock=clock, options=options) as app:
        yield app


@pytest.fixture
def client(console: App) -> Client:
    return logged_in(console, "admin")


@pytest.fixture
def schedule(client: Client) -> int:
    """A daily backup at 02:30."""
    return int(client.call("/backup/Backup/saveSchedule", DAILY).json()["schedId"])


def pass_to(clock: ManualClock, moment: datetime, console: App, schedule: int, state: str = "succeeded") -> None:
    """Set the clock, again until the scheduler has noticed: it may just not have been waiting."""

    def done() -> bool:
        clock.set(moment)
        last = console.engine.last_of(schedule)
        return last is not None and last["state"] == state

    wait_for(done, 20, f"schedule {schedule} to be {state}")


def trail(console: App) -> set[tuple[str, str, str, str]]:
    with console.engine.ledger.database.read() as session:
        return {(r["who"], r["action"], r["target"], r["outcome"]) for r in session.rows("SELECT * FROM audit")}


def broken(console: App, schedule: int) -> None:
    with console.engine.ledger.database.write() as session:
        session.execute(
            "UPDATE schedule SET rule='{}', state='broken', next_due=NULL, note='A rule needs ''kind''.' WHERE id=?",
            schedule,
        )


# -- one schedule


def test_a_schedule_shows_its_sentence_next_runs_and_what_became_of_it(client, console, schedule, clock):
    # four nights were missed, the last is made up for
    pass_to(clock, datetime(2026, 11, 27, 9, 0, tzinfo=UTC), console, schedule)
    client.log_in()

    page = client.get(f"/schedule/{schedule}").text

    assert "Every day at 02:30" in page
    assert len(re.findall(r'<li><time datetime="2026-1[12]-\d\dT02:30:00\+01:00">', page)) == 5
    assert page.count("merged into the run of Fri 27 Nov 2026, 02:30") == 3
    assert "caught up 7 h late" in page
    assert "02:30 does not exist on 28 Mar; runs at 03:30" in page


def test_an_edit_keeps_the_number_and_is_in_the_trail(console, client, schedule):
    form = {"freq": "weekly", "day": "fri", "time": "04:00", "zone": "Asia/Tokyo", "retries": "2", "timeout": "90"}

    reply = client.submit(f"/schedule/{schedule}/edit", f"/schedule/{schedule}/edit", form)

    assert (reply.status, reply.headers["location"]) == (303, f"/schedule/{schedule}")
    row = console.engine.schedule(schedule)
    assert (row["rule"]["zone"], row["policy"]["retries"], row["timeout"]) == ("Asia/Tokyo", 2, 5400.0)
    assert "Every Friday at 04:00, Asia/Tokyo" in client.get("/schedule").text
    assert ("admin", "/schedule/edit", str(schedule), "done") in trail(console)


def test_a_form_sent_back_as_it_is_leaves_the_rule_alone(console, client):
    fields = {"freq": "interval", "every": 15, "unit": "minutes", "time": "09:05"}
    often = client.call("/updates/Updates/saveSchedule", fields).json()
    before = console.engine.schedule(often["schedId"])
    page = f"/schedule/{often['schedId']}/edit"
    text = client.get(page).text
    form = dict(re.findall(r'name="(every|date|time|zone)"[^>]* value="([^"]*)"', text))

    client.submit(page, page, {**form, "freq": "interval", "unit": "minutes", "resource": "packages"})

    after = console.engine.schedule(often["schedId"])
    assert (after["rule"], after["next_due"]) == (before["rule"], before["next_due"])


def test_a_new_rule_from_the_plugins_own_page_keeps_what_was_set_on_the_schedules(console, client, schedule):
    page = f"/schedule/{schedule}/edit"
    client.submit(page, page, {**DAILY, "retries": "2", "timeout": "30"})

    client.call("/backup/Backup/saveSchedule", {"freq": "daily", "time": "05:00"})

    (row,) = console.engine.schedules()
    assert (row["schedId"] != schedule, row["policy"]["retries"], row["timeout"]) == (True, 2, 1800.0)


def test_what_the_form_cannot_say_stays_as_it_is_while_the_rest_is_changed(console, client, schedule):
    client.call(
        "/scheduleEdit",
        {"schedId": schedule, "changes": {"spec": {"kind": "interval", "every": 90, "unit": "seconds"}}},
    )
    page = f"/schedule/{schedule}/edit"

    assert "As it is" in client.get(page).text
    client.submit(page, page, {"freq": "off", "overlap": "queue"})

    row = console.engine.schedule(schedule)
    assert (row["rule"]["count"], row["rule"]["unit"], row["policy"]["overlap"]) == (90, "seconds", "queue")


def test_wrong_values_of_rule_and_policies_are_said_together_and_stay(client, console, schedule):
    page = f"/schedule/{schedule}/edit"

    reply = client.submit(page, page, {**DAILY, "zone": "Europe/Atlantis", "window": "soon", "retries": "101"})

    assert reply.status == 422
    for sentence in ("There is no time zone", "Give a number of minutes, or leave it empty", "from 0 to 100"):
        assert sentence in reply.text
    assert 'value="Europe/Atlantis"' in reply.text
    assert 'value="soon"' in reply.text
    assert console.engine.schedule(schedule)["policy"] == {}


def test_the_preview_without_script_stores_nothing(client, console, schedule):
    page = f"/schedule/{schedule}/edit"

    reply = client.submit(page, page, {"freq": "daily", "time": "05:00", "action": "preview", "retries": "7"})

    assert "Every day at 05:00" in reply.text
    assert 'value="7"' in reply.text
    assert "02:30" in client.call("/schedules").json()[0]["words"]


def test_a_pause_has_a_note_and_ends_with_resume(client, console, schedule):
    here = f"/schedule/{schedule}"

    reply = client.submit(here, f"{here}/off", {"note": "until the disk\n is in", "here": "1"})

    assert reply.headers["location"] == here
    assert "Paused: until the disk is in" in client.get("/schedule").text
    assert "until the disk is in" in client.get(here).text
    client.submit(here, f"{here}/on", {"here": "1"})
    assert console.engine.schedule(schedule)["state"] == "armed"
    assert "until the disk" not in client.get(here).text


def test_end_asks_first_and_the_ended_schedule_keeps_its_page(client, console, schedule):
    here = f"/schedule/{schedule}"

    asked = client.get(f"{here}/end")
    assert asked.status == 200
    assert console.engine.schedules() != []
    client.submit(f"{here}/end", f"{here}/end")

    assert console.engine.schedules() == []
    assert "this schedule has ended" in client.get(here).text
    assert client.get(f"{here}/edit").status == 404
    assert ("admin", "/schedule/end", str(schedule), "done") in trail(console)


def test_a_broken_schedule_breaks_no_page_and_says_how_to_mend_it(client, console, schedule):
    broken(console, schedule)

    for path in ("/", "/schedule", "/schedule/calendar", "/backup/Backup/index", f"/schedule/{schedule}"):
        assert client.get(path).status == 200, path
    assert "It runs no more: A rule needs 'kind'. Edit it, or end it." in client.get("/schedule").text
    refused = client.submit(f"/schedule/{schedule}/edit", f"/schedule/{schedule}/edit", {"freq": "", "time": "01:00"})
    assert refused.status == 422
    client.submit(f"/schedule/{schedule}/edit", f"/schedule/{schedule}/edit", {"freq": "daily", "time": "01:00"})

    row = console.engine.schedule(schedule)
    assert (row["state"], row["broken"]) == ("armed", "")


def test_a_due_time_that_is_no_number_breaks_no_page(client, console, schedule):
    with console.engine.ledger.database.write() as session:
        session.execute("UPDATE schedule SET next_due='soon' WHERE id=?", schedule)

    for path in ("/", "/schedule", "/schedule/calendar", f"/schedule/{schedule}", f"/schedule/{schedule}/edit"):
        assert client.get(path).status == 200, path
    assert "It runs no more: its next due time is no number. Edit it, or end it." in client.get("/schedule").text


def test_pages_and_changes_of_a_schedule_are_for_those_with_the_role(client, console, schedule):
    add_user(console, "tess", ["tester"])
    tess = logged_in(console, "tess")
    toy = console.engine.submit(toy_order(console))["schedId"]

    assert tess.get(f"/schedule/{schedule}").status == 403
    page = tess.get(f"/schedule/{toy}")
    assert page.status == 200
    assert "/edit" not in page.text
    assert tess.get(f"/schedule/{toy}/edit").status == 403
    assert tess.get("/schedule/blackouts").status == 403
    assert tess.submit("/jobs", f"/schedule/{toy}/end").status == 403
    assert ("tess", "/schedule/end", str(toy), "refused") in trail(console)
    assert "Backup" not in tess.get("/schedule/calendar").text.partition("<main")[2]
    assert "Toy" in tess.get("/schedule/calendar").text.partition("<main")[2]


def toy_order(console):
    from raa.protocols import Order

    rule = {"kind": "interval", "count": 15, "unit": "minutes", "zone": "UTC", "start": MONDAY.isoformat()}
    return Order(plugin="/toy/Toy", rule=rule, who="admin")


def test_a_form_without_its_token_changes_nothing(client, console, schedule):
    reply = client.post(f"/schedule/{schedule}/edit", {"freq": "daily", "time": "05:00"})

    assert reply.status == 403
    assert client.post("/schedule/blackouts", {"days": "mon", "from": "1:00", "to": "2:00"}).status == 403
    assert console.engine.blackouts() == []
    assert console.engine.schedule(schedule)["rule"]["start"].endswith("01:30:00+00:00")


# -- blackouts


def test_blackouts_are_added_listed_and_removed(client, console):
    page = "/schedule/blackouts"

    client.submit(
        page, page, {"when": "weekly", "days": ["sat", "sun"], "from": "22:00", "to": "6:00", "name": "Night"}
    )
    client.submit(page, page, {"when": "once", "begin": "2026-12-24T18:00", "end": "2026-12-27T06:00"})

    assert [(one["begin"], one["days"], one["zone"]) for one in console.engine.blackouts()] == [
        ("22:00", 0b1100000, "Europe/Berlin"), ("2026-12-24T18:00", 127, "Europe/Berlin"),
    ]  # fmt: skip
    text = client.get(page).text
    assert "Every Saturday and Sunday 22:00 to 06:00" in text
    which = re.findall(r'name="which" value="([^"]+)"', text)[0].replace("&#34;", '"').replace("&quot;", '"')
    client.submit(page, f"{page}/remove", {"which": which})
    assert [one["begin"] for one in console.engine.blackouts()] == ["2026-12-24T18:00"]
    assert ("admin", "/schedule/blackouts/remove", "all", "done") in trail(console)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"when": "weekly", "from": "22:00", "to": "06:00"}, "Choose at least one day of the week."),
        ({"when": "weekly", "days": "mon", "from": "late", "to": "06:00"}, "such as 22:00"),
        ({"when": "weekly", "days": "mon", "from": "22:00", "to": "22:00"}, "leaves no time to run"),
        ({"when": "once", "begin": "2026-12-24T18:00", "end": "2026-12-24T17:00"}, "ends before it begins"),
        ({"when": "once", "begin": "", "end": ""}, "Say when it begins."),
        ({"when": "weekly", "days": "mon", "from": "1:00", "to": "2:00", "zone": "Mars"}, "Mars"),
        ({"when": "once", "begin": "2026-11-01T00:00", "end": "2030-01-01T00:00"}, "leave no time at all"),
    ],
)
def test_a_refused_blackout_is_said_at_the_form_and_stays_typed(client, console, form, sentence):
    reply = client.submit("/schedule/blackouts", "/schedule/blackouts", {"name": "Typed name", **form})

    assert reply.status == 422
    assert sentence in reply.text
    assert 'value="Typed name"' in reply.text
    assert console.engine.blackouts() == []


def test_a_schedule_has_blackouts_of_its_own_that_an_edit_keeps(client, console, schedule):
    page, edit = f"/schedule/{schedule}/blackouts", f"/schedule/{schedule}/edit"

    client.submit(page, page, {"when": "weekly", "days": "thu", "from": "1:00", "to": "3:00"})
    client.submit(edit, edit, {**DAILY, "zone": "Europe/Berlin", "retries": "1"})

    text = client.get(f"/schedule/{schedule}").text
    assert "every Thursday 01:00 to 03:00" in text
    assert "in a blackout; waits until Thu 26 Nov 2026, 03:00" in text
    assert console.engine.schedule(schedule)["policy"]["retries"] == 1


# -- the month


def day(page: str, number: int) -> str:
    """Return the calendar's cell of a day of November 2026."""
    return re.search(rf'<time class="day" datetime="2026-11-{number:02}">.*?</td>', page, re.DOTALL)[0]


def test_the_month_shows_results_plans_sums_and_blackouts(client, console, clock, schedule):
    console.engine.submit(toy_order(console))
    console.engine.set_blackouts(
        [{"begin": "02:00", "end": "04:00", "days": ["sat"], "name": "Quiet"}], "Europe/Berlin"
    )
    pass_to(clock, datetime(2026, 11, 24, 1, 30, tzinfo=UTC), console, schedule)
    client.log_in()

    page = client.get("/schedule/calendar").text

    assert "November 2026" in page
    assert re.search(r"02:30</span> Backup\s*<span class=\"vh\">, Complete", day(page, 24))
    assert re.search(r"00:00</span> Toy <b>×96</b><span class=\"vh\">, planned", day(page, 26))
    assert "Quiet 02:00–04:00" in day(page, 28)
    assert "waits until Sat 28 Nov 2026, 04:00" in day(page, 28)
    assert "planned" not in day(page, 23)
    assert 'href="/schedule/calendar?month=2026-12"' in page
    assert "Nothing ran in this month" in client.get("/schedule/calendar?month=2020-02").text


def test_a_month_that_is_none_is_refused_in_words(client):
    for text in ("2026-13", "soon", "2026-1", "0001-01", "9999-01"):
        reply = client.get(f"/schedule/calendar?month={text}")
        assert reply.status == 422
        assert "such as 2026-11" in reply.text


def test_a_paused_schedule_plans_nothing_and_a_last_day_ends_the_plan(client, console, schedule):
    edit = f"/schedule/{schedule}/edit"
    client.submit(edit, edit, {**DAILY, "ends": "2026-11-25"})

    page = client.get("/schedule/calendar").text
    assert "planned" in day(page, 25)
    assert "planned" not in day(page, 26)
    client.call("/schedulePause", {"schedId": schedule})
    assert "planned" not in day(client.get("/schedule/calendar").text, 25)


# -- for programs, and on the job's page


def test_occurrences_are_told_to_programs_with_their_reasons(client, console, clock, schedule):
    pass_to(clock, datetime(2026, 11, 26, 9, 0, tzinfo=UTC), console, schedule)

    found = client.call("/scheduleOccurrences", {"schedId": schedule, "limit": 2}).json()

    assert [(one["due"], one["state"], one["covers"]) for one in found] == [
        ("2026-11-26T01:30:00Z", "succeeded", 1), ("2026-11-25T01:30:00Z", "merged", 1),
    ]  # fmt: skip
    assert "merged into the run" in found[1]["reason"]
    assert client.call("/scheduleOccurrences", {"schedId": schedule, "limit": 0}).status == 422
    add_user(console, "tess", ["tester"])
    assert client.call("/scheduleOccurrences", {"schedId": schedule}, user="tess").status == 403


def test_the_page_of_a_job_says_that_it_was_caught_up_and_which_attempt_it_is(client, console, clock, schedule):
    client.call("/scheduleEdit", {"schedId": schedule, "changes": {"policy": {"retries": 3}}})
    pass_to(clock, datetime(2026, 11, 24, 9, 0, tzinfo=UTC), console, schedule)
    client.log_in()
    job = client.call("/scheduleOccurrences", {"schedId": schedule}).json()[0]["execId"]

    page = client.get(f"/jobs/{job}").text

    assert "caught up 7 h late" in page
    assert "1 of 4" in page
    assert f'href="/schedule/{schedule}"' in page


def test_a_waiting_job_says_what_it_waits_for(client, tmp_path):
    flag, release = tmp_path / "flag", tmp_path / "release"
    arguments = {"method": "waitFor", "args": [str(flag), str(release)], "resource": "the tape"}
    client.call("/toy/Toy/start", arguments)
    wait_for(flag.exists, 20)
    waiting = client.call("/toy/Toy/start", {"resource": "the tape"}).json()["execId"]

    assert client.call(f"/jobs/{waiting}").json()["message"] == "Waiting for the tape to be free"
    release.touch()
    wait_for(lambda: client.call(f"/jobs/{waiting}").json()["done"], 20)


def test_a_job_waits_until_a_time_or_for_others(client, console, clock, schedule):
    console.engine.set_blackouts([{"begin": "02:00", "end": "04:00", "zone": "Europe/Berlin"}], "Europe/Berlin")
    pass_to(clock, datetime(2026, 11, 24, 1, 30, tzinfo=UTC), console, schedule, "queued")
    job = console.engine.last_of(schedule)["exec_id"]

    assert client.call(f"/jobs/{job}").json()["message"] == "Waiting until 04:00"


def test_many_schedules_come_by_pages_and_the_dashboard_names_the_next_ones(console: App, client: Client) -> None:
    later = MONDAY + timedelta(days=400)
    order = Order(plugin="/toy/Toy", rule={"kind": "once", "zone": "UTC", "start": later.isoformat()})
    ids = [console.engine.submit(order)["schedId"] for _ in range(51)]
    soon = (MONDAY + timedelta(days=1)).isoformat()
    first = console.engine.submit(Order(plugin="/toy/Toy", rule={"kind": "once", "zone": "UTC", "start": soon}))

    def shown(page: str) -> set[int]:
        return {int(found) for found in re.findall(r'href="/schedule/(\d+)"', client.get(page).text)}

    live = [row["schedId"] for row in console.engine.schedules()]
    assert shown("/schedule") == set(live[:50])
    assert 'rel="next" href="/schedule?page=2"' in client.get("/schedule").text
    assert shown("/schedule?page=2") == set(live[50:])
    assert 'rel="prev" href="/schedule?page=1"' in client.get("/schedule?page=2").text
    assert first["schedId"] in shown("/")
    assert len(shown("/")) == 5
    assert ids[-1] not in shown("/")
