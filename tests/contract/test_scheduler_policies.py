"""What schedules want done about failed, late and unwanted runs, on a real engine; and runs inside the service."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from boxes import BEGIN, TOY, Box
from orders import order, rule

from raa.rpath_error import InvalidInput, ItemNotFound
from raa.testing.clock import ManualClock
from raa.testing.console import running_console, wait_for

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = rule("weekly", start=MONDAY, days=127)
FIXTURE_PLUGINS = Path(__file__).parents[1] / "plugins"


def attempts(box: Box, sched_id: int) -> list[tuple[int, str]]:
    rows = [row for row in box.engine.executions(limit=1000) if row["schedId"] == sched_id]
    return sorted((row["attempt"], row["state"]) for row in rows)


def test_a_failed_run_is_tried_again_as_the_same_occurrence_until_the_attempts_are_used_up(box):
    sched_id = box.schedule(DAILY, "boom", policy={"retries": 2, "retry_wait": 0})

    box.at(MONDAY)
    wait_for(lambda: len(attempts(box, sched_id)) == 3 and not box.engine.unfinished(TOY), 20, "three attempts")

    assert attempts(box, sched_id) == [(1, "failed"), (2, "failed"), (3, "failed")]
    assert box.states(sched_id) == ["failed"]


def test_a_further_attempt_waits_for_its_time(box):
    sched_id = box.schedule(DAILY, "boom", policy={"retries": 1, "retry_wait": 600})
    box.at(MONDAY)
    wait_for(lambda: len(attempts(box, sched_id)) == 2, 20, "the further attempt")
    waiting = box.engine.unfinished(TOY)[0]["execId"]

    assert box.engine.waits_for(waiting)[0] == "time"
    box.engine.runner.tend()
    assert box.engine.status(exec_id=waiting)["state"] == "queued"
    box.clock.set(MONDAY + timedelta(seconds=601))
    box.engine.runner.tend()

    wait_for(lambda: not box.engine.unfinished(TOY), 20, "its end")
    assert attempts(box, sched_id) == [(1, "failed"), (2, "failed")]


def test_a_run_due_in_a_blackout_waits_for_its_end(box):
    box.engine.set_blackouts([{"begin": "08:00", "end": "10:00", "name": "Morning"}], "UTC")
    sched_id = box.schedule(DAILY)
    box.clock.set(MONDAY)
    box.engine.scheduler.step()
    (waiting,) = box.engine.unfinished(TOY)

    assert box.engine.waits_for(waiting["execId"]) == ("time", (MONDAY + timedelta(hours=1)).timestamp())
    box.clock.set(MONDAY + timedelta(hours=1))
    box.engine.runner.tend()
    wait_for(lambda: box.states(sched_id) == ["succeeded"], 20, "the run after the blackout")
    assert box.occurrences(sched_id)[0][0] == MONDAY
    box.engine.set_blackouts([], "UTC")


def test_a_run_that_waited_for_its_turn_until_a_blackout_began_waits_for_its_end(box, tmp_path):
    box.engine.set_blackouts([{"begin": "09:30", "end": "10:00"}], "UTC")
    flag = tmp_path / "flag"
    box.schedule(DAILY, "waitFor", str(flag), f"{flag}2", resource="disk")
    second = box.schedule(DAILY, resource="disk")
    box.clock.set(MONDAY)
    box.engine.scheduler.step()
    wait_for(flag.exists, 20, "the first run to hold the disk")
    waiting = next(run for run in box.engine.unfinished(TOY) if run["schedId"] == second)
    assert box.engine.waits_for(waiting["execId"]) == ("hold", "disk")

    box.clock.set(MONDAY + timedelta(minutes=40))
    Path(f"{flag}2").touch()
    end = (MONDAY + timedelta(hours=1)).timestamp()
    wait_for(lambda: box.engine.waits_for(waiting["execId"]) == ("time", end), 20, "it to wait for the end")
    box.engine.runner.tend()
    assert box.engine.status(exec_id=waiting["execId"])["state"] == "queued"
    box.engine.run_now(second, "admin")
    box.clock.set(MONDAY + timedelta(hours=1))
    box.engine.runner.tend()
    wait_for(lambda: box.states(second).count("succeeded") == 2, 20, "it and the one that a person started")


def test_blackouts_outlive_the_process(tmp_path):
    state, options = tmp_path / "state", {"plugins.dirs": [str(FIXTURE_PLUGINS)]}
    with running_console(state, options=options) as app:
        app.engine.set_blackouts([{"begin": "22:00", "end": "06:00", "days": ["sat"]}], "Europe/Berlin")
        with pytest.raises(InvalidInput, match="no time at all"):
            app.engine.set_blackouts([{"begin": "06:00", "end": "22:00"}, {"begin": "22:00", "end": "06:00"}], "UTC")
    with running_console(state, options=options) as app:
        assert app.engine.blackouts() == [
            {"begin": "22:00", "end": "06:00", "zone": "Europe/Berlin", "days": 32, "name": ""}
        ]


def test_an_edit_keeps_the_number_and_fires_what_was_late_before(box):
    sched_id = box.schedule(DAILY)
    box.clock.set(MONDAY + timedelta(hours=1))

    box.engine.edit(sched_id, {"rule": {**DAILY, "days": 1}, "policy": {"overlap": "queue"}, "timeout": 60})

    wait_for(lambda: box.states(sched_id) == ["succeeded"], 20, "Monday's run")
    changed = box.engine.schedule(sched_id)
    assert (changed["policy"], changed["timeout"]) == ({"overlap": "queue"}, 60)
    assert changed["next_due"] == (MONDAY + 7 * DAY).timestamp()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": {**DAILY, "days": 0}}, "at least one day"),
        ({"rule": {**DAILY, "zone": "Mars/Base"}}, "time zone"),
        ({"rule": {"kind": "monthly_absolute", "zone": "UTC", "start": MONDAY.isoformat(), "day": 32}}, "1 to 31"),
        ({"rule": {**DAILY, "end": (MONDAY - DAY).isoformat()}}, "before the start"),
        ({"rule": {"kind": "once", "zone": "UTC", "start": (BEGIN - DAY).isoformat()}}, "past"),
        ({"rule": {"kind": "interval", "zone": "UTC", "start": MONDAY.isoformat(), "count": 0, "unit": "hours"}}, "1"),
        ({"policy": {"overlap": "maybe"}}, "Overlap"),
        ({"timeout": 0.5}, "time limit"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_edit_is_refused_with_words_and_changes_nothing(box, changes, words):
    sched_id = box.schedule(DAILY)
    before = box.engine.schedule(sched_id)

    with pytest.raises(InvalidInput, match=words):
        box.engine.edit(sched_id, changes)

    assert box.engine.schedule(sched_id) == before


def test_an_ended_schedule_cannot_be_edited(box):
    sched_id = box.schedule(DAILY)
    box.engine.end(sched_id)
    with pytest.raises(ItemNotFound):
        box.engine.edit(sched_id, {"timeout": 60})


def test_a_pause_keeps_its_note_and_what_was_late_before_it_is_fired(box):
    sched_id = box.schedule(DAILY)
    box.clock.set(MONDAY + timedelta(hours=1))

    box.engine.set_enabled(sched_id, False, "until the new disk is there")

    wait_for(lambda: box.states(sched_id) == ["succeeded"], 20, "Monday's run")
    assert box.engine.schedule(sched_id)["note"] == "until the new disk is there"
    assert box.at(MONDAY + DAY) == []
    box.engine.set_enabled(sched_id, True)
    assert box.engine.schedule(sched_id)["note"] == ""


def test_the_floor_of_intervals_is_configured(tmp_path):
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)], "service.interval_floor": 60.0}
    every = rule("interval", start=MONDAY, count=30, unit="seconds")
    with running_console(tmp_path / "state", clock=ManualClock(MONDAY), options=options) as app:
        with pytest.raises(InvalidInput, match=r"60 s \(service.interval_floor\)"):
            app.engine.submit(order(when=every))
        assert app.engine.submit(order(when={**every, "count": 60}))["schedId"]


def test_a_plugin_that_runs_inside_the_service_answers_fails_and_reports_as_in_a_worker(tmp_path):
    options = {"plugins.dirs": [str(FIXTURE_PLUGINS)], "service.inline": ["toy"]}
    immediately = rule("immed")
    with running_console(tmp_path / "state", options=options) as app:
        service = app.engine

        def call(method, *arguments):
            return service.result(service.submit(order(method, *arguments, when=immediately))["execId"], 20)

        assert call("pid") == os.getpid()
        assert call("echo", {"a": [1, None]}) == {"a": [1, None]}
        with pytest.raises(InvalidInput, match="This will not do"):
            call("refuse")
        with pytest.raises(InvalidInput, match="no method nothingOfThatName"):
            call("nothingOfThatName")
        done = service.submit(order("echo", 1))["execId"]
        wait_for(lambda: service.status(exec_id=done)["state"] == "succeeded", 20, "a run that nobody waits for")
