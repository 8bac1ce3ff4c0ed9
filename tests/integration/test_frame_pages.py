"""The frame's own pages: jobs with filters and CSV, trying again, the schedule page, plugins, dashboard, audit."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from doors import add_user, logged_in

from raa.app import App
from raa.testing.client import Client
from raa.testing.clock import ManualClock
from raa.testing.console import PASSWORD, running_console, wait_for

FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MONDAY)


@pytest.fixture
def console(tmp_path: Path, clock: ManualClock) -> Iterator[App]:
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)], "host.zone": "UTC"}
    with running_console(tmp_path / "state", clock=clock, options=options) as app:
        yield app


@pytest.fixture
def client(console: App) -> Client:
    return logged_in(console, "admin")


def run(client: Client, **arguments: object) -> dict:
    """Start a run of the toy and wait for its end."""
    started = client.call("/toy/Toy/start", arguments).json()
    return ended(client, started["execId"])


def ended(client: Client, exec_id: int) -> dict:
    def done() -> dict | None:
        job = client.call(f"/jobs/{exec_id}").json()
        return job if job["done"] else None

    return wait_for(done, 20, f"the end of job {exec_id}")


def listed(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'href="/jobs/(\d+)"', page)]


def schedule_weekly(client: Client) -> int:
    arguments = {
        "enabled": True, "checkFreq": "Weekly", "timeHour": 2, "timeDay": 0, "timeDayMonth": 1, "days": "thu",
    }  # fmt: skip
    return client.call("/backup/Backup/prefsSave", arguments).json()["schedId"]


def test_jobs_are_filtered_by_result_plugin_and_starter(client):
    good = run(client)["execId"]
    bad = run(client, method="boom")["execId"]
    hello = ended(client, client.call("/hello/Hello/sayHello").json()["execId"])["execId"]

    assert set(listed(client.get("/jobs").text)) == {good, bad, hello}
    assert listed(client.get("/jobs?result=bad").text) == [bad]
    assert listed(client.get("/jobs?plugin=/hello/Hello").text) == [hello]
    assert listed(client.get("/jobs?who=nobody").text) == []
    assert "No job fits these filters" in client.get("/jobs?who=nobody").text


def test_jobs_are_filtered_by_time(client, clock):
    old = run(client)["execId"]
    clock.advance(3 * 86_400)
    client.log_in()
    new = run(client)["execId"]

    assert listed(client.get("/jobs?period=day").text) == [new]
    assert set(listed(client.get("/jobs?period=week").text)) == {old, new}


def test_a_filter_that_does_not_exist_is_refused_in_words(client):
    reply = client.get("/jobs?result=everything")

    assert reply.status == 422
    assert "There is no such filter" in reply.text


def test_the_csv_file_holds_what_the_page_shows_and_no_formula(client):
    run(client, method="refuse")
    client.call("/toy/Toy/start", {"method": "formula"})

    reply = client.get("/jobs?result=bad&format=csv")
    rows = list(csv.DictReader(io.StringIO(reply.text)))

    assert reply.headers["content-type"].startswith("text/csv")
    assert rows[-1]["state"] == "failed"
    assert rows[-1]["message"] == "This will not do."
    assert not any(row["message"].startswith(("=", "+", "-", "@")) for row in rows)


def test_pages_hold_fifty_jobs(client):
    last = 0
    for _ in range(52):
        last = client.call("/toy/Toy/start").json()["execId"]
    ended(client, last)

    first, second = client.get("/jobs").text, client.get("/jobs?page=2").text

    assert len(set(listed(first))) == 50
    assert "/jobs?page=2" in first
    assert len(set(listed(second))) == 2


def test_an_ended_job_is_tried_again_as_a_new_one_that_is_linked(client):
    bad = run(client, method="boom")

    reply = client.submit(f"/jobs/{bad['execId']}", f"/jobs/{bad['execId']}/retry")
    again = int(reply.headers["location"].rpartition("/")[2])
    job = ended(client, again)

    assert reply.status == 303
    assert again != bad["execId"]
    assert job["schedId"] == bad["schedId"]
    assert f"2; the others: job {bad['execId']}" in client.get(f"/jobs/{again}").text
    assert client.call(f"/jobs/{bad['execId']}").json()["state"] == "failed"


def test_a_link_to_an_act_asks_and_does_nothing(client):
    bad = run(client, method="boom")["execId"]

    page = client.get(f"/jobs/{bad}/retry")

    assert page.status == 200
    assert "Try again" in page.text
    assert set(listed(client.get("/jobs").text)) == {bad}


def test_a_running_job_cannot_be_tried_again(client, tmp_path):
    started = client.call(
        "/toy/Toy/start", {"method": "waitFor", "args": [str(tmp_path / "flag"), str(tmp_path / "release")]}
    ).json()["execId"]
    wait_for((tmp_path / "flag").exists, 20)

    reply = client.submit(f"/jobs/{started}", f"/jobs/{started}/retry")
    (tmp_path / "release").touch()
    ended(client, started)

    assert reply.status == 422


def test_a_schedule_is_shown_with_its_sentence_and_next_run(client):
    schedule_weekly(client)

    page = client.get("/schedule").text

    assert "Every Thursday at 02:00" in page
    assert "Thu 26 Nov, 02:00" in page
    assert "Not yet" in page


def test_run_now_runs_a_schedule_and_leaves_its_next_time(client, console):
    schedule = schedule_weekly(client)
    due = console.engine.schedules()[0]["next_due"]

    reply = client.submit("/schedule", f"/schedule/{schedule}/run")
    job = ended(client, int(reply.headers["location"].rpartition("/")[2]))

    assert (job["state"], job["schedId"], job["by"]) == ("succeeded", schedule, "admin")
    assert console.engine.schedules()[0]["next_due"] == due
    assert "Complete" in client.get("/schedule").text


def test_a_schedule_that_is_off_does_not_run_and_one_on_again_waits_for_its_next_time(client, console, clock):
    schedule = schedule_weekly(client)

    client.submit("/schedule", f"/schedule/{schedule}/off")
    clock.set(MONDAY + timedelta(days=5))
    client.log_in()

    assert console.engine.executions() == []
    assert client.call("/schedules").json()[0]["enabled"] is False
    client.submit("/schedule", f"/schedule/{schedule}/on")
    assert client.call("/schedules").json()[0]["next"] == "2026-12-03T02:00:00Z"


def test_what_never_ran_is_listed_with_its_reason(client, clock):
    schedule_weekly(client)
    clock.set(datetime(2026, 12, 11, 3, 0, tzinfo=UTC))  # two Thursdays were missed, the third is made up for
    client.log_in()

    page = wait_for(lambda: (text := client.get("/jobs?result=notrun").text) and "Merged" in text and text, 20)

    assert "merged into the run of" in page


def test_the_plugins_page_tells_state_routes_and_failures(client):
    page = client.get("/plugins").text

    assert "/toy/Toy/careful" in page
    assert "Asks for the own password" in page
    assert "(by default)" in page
    assert "this plugin is broken on purpose" in page


def test_frame_pages_are_for_those_with_the_role(console, client):
    add_user(console, "olga", ["operator"])
    add_user(console, "tess", ["tester"])
    toy = run(client)["execId"]
    hello = ended(client, client.call("/hello/Hello/sayHello").json()["execId"])["execId"]
    olga, tess = logged_in(console, "olga"), logged_in(console, "tess")

    assert olga.get("/plugins").status == 403
    assert listed(olga.get("/jobs").text) == []
    assert listed(tess.get("/jobs").text) == [toy]
    refused = tess.get(f"/jobs/{hello}")
    assert refused.status == 403
    assert "“admin”" in refused.text


def test_the_dashboard_shows_meters_and_what_needs_attention(client):
    page = client.get("/").text

    assert "this plugin is broken on purpose" in page
    for label in ("Updates", "Load", "Memory", "Disk"):
        assert label in page


def test_changes_and_refusals_are_in_the_audit_trail(console, client):
    add_user(console, "olga", ["operator"])
    schedule = schedule_weekly(client)
    client.submit("/schedule", f"/schedule/{schedule}/off")
    logged_in(console, "olga").get("/backup/Backup/index")

    with console.engine.ledger.database.read() as session:
        lines = {(row["who"], row["action"], row["outcome"]) for row in session.rows("SELECT * FROM audit")}

    assert ("admin", "/backup/Backup/prefsSave", "done") in lines
    assert ("admin", "/schedule/off", "done") in lines
    assert ("olga", "log in", "done") in lines
    assert ("olga", "/backup/Backup/index", "refused") in lines


def test_a_role_that_may_see_jobs_may_not_repeat_what_admins_started(console, client):
    add_user(console, "tess", ["tester"])
    schedule = schedule_weekly(client)
    bad = run(client, method="boom")["execId"]
    tess = logged_in(console, "tess")

    refused = tess.submit("/jobs", f"/jobs/{bad}/retry").status
    switched = tess.submit("/jobs", f"/schedule/{schedule}/off").status
    page = tess.get(f"/jobs/{bad}").text

    assert (refused, switched) == (403, 403)
    assert "Try again" not in page
    with console.engine.ledger.database.read() as session:
        lines = [(row["who"], row["action"], row["outcome"]) for row in session.rows("SELECT * FROM audit")]
    assert ("tess", "/jobs/retry", "refused") in lines
    assert client.call("/schedules").json()[0]["enabled"] is True


def test_saving_a_schedule_replaces_one_that_is_off(console, client):
    first = schedule_weekly(client)
    client.submit("/schedule", f"/schedule/{first}/off")

    second = schedule_weekly(client)

    assert [one["schedId"] for one in client.call("/schedules").json()] == [second]


def test_what_a_program_did_is_in_the_trail_by_name_and_without_its_password(console, proxy):
    proxy().toy.Toy.careful(PASSWORD, "the dishes")

    with console.engine.ledger.database.read() as session:
        targets = [row["target"] for row in session.rows("SELECT * FROM audit WHERE action='/toy/Toy/careful'")]
    assert targets == ["what=the dishes"]


# -- addresses that lead nowhere


def test_a_wrong_address_suggests_pages_of_the_readers_own_menu(console: App, client: Client) -> None:
    reply = client.get("/bakcup")
    add_user(console, "reader", roles=())
    reader = logged_in(console, "reader").get("/bakcup")

    assert (reply.status, reader.status) == (404, 404)
    main = reply.text.partition("<main")[2]
    assert 'href="/backup/Backup/index"' in main
    assert "/backup/" not in reader.text
