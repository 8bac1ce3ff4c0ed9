"""Schedules in time: each occurrence once under its schedule's id, and what begins and ends a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from boxes import BEGIN, DAILY, DAY, MONDAY, MONDAYS_AND_THURSDAYS, opened
from orders import OPTIONS, TOY, order, rule

from raa.rpath_error import InvalidInput, ItemNotFound
from raa.testing.clock import ManualClock
from raa.testing.console import running_console, wait_for


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGIN)


def test_mondays_and_thursdays_at_half_past_two_run_once_each_under_one_schedule(box):
    sched_id = box.schedule(MONDAYS_AND_THURSDAYS)

    assert box.at(MONDAY - timedelta(seconds=1)) == []
    (first,) = box.at(MONDAY)
    assert box.at(MONDAY + timedelta(seconds=1)) == []
    assert box.at(MONDAY + 2 * DAY) == []
    (second,) = box.at(MONDAY + 3 * DAY)

    assert first["schedId"] == second["schedId"] == sched_id
    assert second["execId"] > first["execId"]
    assert (first["state"], first["due"], first["kind"]) == ("succeeded", MONDAY.timestamp(), "scheduled")
    assert box.engine.result(second["execId"], 1) == [sched_id, second["execId"]]
    (live,) = box.engine.schedules(TOY)
    assert live["next_due"] == (MONDAY + 7 * DAY).timestamp()


def test_a_restart_keeps_schedule_and_ids_and_repeats_nothing(tmp_path, clock):
    with opened(tmp_path, clock) as box:
        sched_id = box.schedule(DAILY)
        (first,) = box.at(MONDAY)

    with opened(tmp_path, clock) as box:
        assert box.at(MONDAY + timedelta(minutes=1)) == []
        (second,) = box.at(MONDAY + DAY)
        assert second["schedId"] == sched_id
        assert second["execId"] > first["execId"]
        assert box.states(sched_id) == ["succeeded", "succeeded"]


def test_the_loop_fires_by_itself_when_the_clock_says_so(tmp_path, clock):
    with running_console(tmp_path / "state", clock=clock, options=OPTIONS) as app:
        sched_id = app.engine.submit(order("ids", when=DAILY))["schedId"]

        clock.set(MONDAY)

        def fired() -> bool:
            return app.engine.status(sched_id=sched_id)["state"] == "succeeded"

        wait_for(fired, 20, "the run")


def test_unscheduled_means_never_again_but_what_ran_is_kept(box):
    sched_id = box.schedule(DAILY)
    box.at(MONDAY)

    assert not box.engine.unschedule(sched_id, "/other/Other")
    assert box.engine.unschedule(sched_id, TOY)
    assert not box.engine.unschedule(sched_id, TOY)

    assert box.at(MONDAY + DAY) == []
    assert box.engine.schedules(TOY) == []
    assert box.engine.status(sched_id=sched_id)["state"] == "succeeded"


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=40)])
def test_once_runs_once_also_when_it_is_late(box, late):
    sched_id = box.schedule(rule("once", start=MONDAY.isoformat()))

    assert box.engine.status(sched_id=sched_id)["execId"] == 0
    (only,) = box.at(MONDAY + late)
    assert box.at(MONDAY + late + DAY) == []

    assert (only["due"], only["schedId"]) == (MONDAY.timestamp(), sched_id)
    assert box.engine.schedules(TOY) == []


def test_once_in_the_past_is_due_at_once(box):
    box.schedule(rule("once", start=(MONDAY - 30 * DAY).isoformat()))

    assert len(box.at(box.clock.now())) == 1


def test_a_schedule_stops_at_its_end_and_at_its_number_of_runs(box):
    until = box.schedule({**DAILY, "end": (MONDAY + DAY).isoformat()})
    twice = box.schedule({**DAILY, "max_runs": 2})

    for day in range(4):
        box.at(MONDAY + day * DAY)

    for sched_id in (until, twice):
        assert [due for due, _, _ in box.occurrences(sched_id)] == [MONDAY, MONDAY + DAY]
    assert box.engine.schedules(TOY) == []


@pytest.mark.parametrize("end", [MONDAY - timedelta(minutes=1), datetime(2026, 11, 2, tzinfo=UTC)])
def test_a_schedule_that_is_never_due_is_refused_in_words(box, end):
    with pytest.raises(InvalidInput, match="never due"):
        box.schedule({**DAILY, "end": end.isoformat()})

    assert box.engine.schedules() == []


@pytest.mark.parametrize("when", [DAILY, rule(), rule("once", start=MONDAY.isoformat())], ids=["daily", "now", "once"])
def test_a_reserved_schedule_is_not_due_before_it_is_armed(tmp_path, clock, when):
    with opened(tmp_path, clock) as box:
        sched_id = box.schedule(when, armed=False)
        assert box.at(MONDAY + 10 * DAY) == []
        assert box.engine.status(sched_id=sched_id)["execId"] == 0

    with opened(tmp_path, clock) as box:
        assert box.at(MONDAY + 11.5 * DAY) == []
        box.engine.arm([sched_id])
        box.engine.arm([sched_id])

        runs = [*box.at(MONDAY + 11.5 * DAY), *box.at(MONDAY + 12 * DAY)]

        assert [run["schedId"] for run in runs] == [sched_id]


def test_a_reserved_schedule_whose_end_has_come_is_over_when_it_is_armed(box):
    sched_id = box.schedule({**DAILY, "end": (MONDAY + DAY).isoformat()}, armed=False)
    box.clock.set(MONDAY + 5 * DAY)

    box.engine.arm([sched_id])

    assert box.at(MONDAY + 6 * DAY) == []
    assert box.engine.schedules(TOY) == []


def test_arming_what_is_not_there_is_refused(box):
    with pytest.raises(ItemNotFound):
        box.engine.arm([10**9])


@pytest.mark.parametrize(
    ("column", "value", "cause"),
    [
        (
            "rule",
            '{"kind": "weekly", "zone": "Gone/Zone", "start": "2026-11-23T09:00:00+00:00", "days": 1}',
            "Gone/Zone",
        ),
        ("rule", "{not json", ""),
        ("rule", '["a list"]', ""),
        ("rule", '{"kind": "monthly_absolute", "zone": "UTC", "start": "2026-01-01T00:00:00+00:00", "day": 32}', "31"),
        ("policy", '{"overlap": "sometimes"}', "Overlap"),
        ("policy", "7", ""),
        ("args", "{", ""),
        ("next_due", "soon", "no number"),
        ("next_due", -1e300, ""),
    ],
)
def test_a_schedule_that_cannot_be_used_is_put_aside_with_its_cause_and_holds_up_no_other(box, column, value, cause):
    broken, whole = box.schedule(DAILY), box.schedule(DAILY)
    with box.engine.ledger.database.write() as session:
        session.execute(f"UPDATE schedule SET {column}=? WHERE id=?", value, broken)

    (run,) = box.at(MONDAY)

    assert run["schedId"] == whole
    assert box.occurrences(broken) == []
    shown = box.engine.schedule(broken)
    assert shown["state"] == "broken"
    assert shown["broken"]
    assert cause in shown["broken"]
    assert {row["schedId"] for row in box.engine.schedules(TOY)} >= {broken, whole}
    assert len(box.at(MONDAY + DAY)) == 1


def test_a_broken_schedule_is_mended_by_an_edit_and_keeps_its_number(box):
    sched_id = box.schedule(DAILY)
    with box.engine.ledger.database.write() as session:
        session.execute("UPDATE schedule SET rule='{' WHERE id=?", sched_id)
    box.at(MONDAY)

    box.engine.edit(sched_id, {"rule": DAILY})

    assert box.engine.schedule(sched_id)["broken"] == ""
    assert [run["schedId"] for run in box.at(MONDAY + DAY)] == [sched_id]


def test_many_schedules_due_at_once_all_run_in_due_order(box, tmp_path):
    trace = tmp_path / "trace"
    ids = [
        box.schedule(rule("once", start=(MONDAY + timedelta(seconds=n % 50)).isoformat()), "append", str(trace))
        for n in range(250)
    ]

    runs = box.at(MONDAY + timedelta(seconds=50))

    assert sorted(run["schedId"] for run in runs) == ids
    assert {run["state"] for run in runs} == {"succeeded"}
    dues = {run["execId"]: run["due"] for run in runs}
    assert [dues[n] for n in sorted(dues)] == sorted(dues.values())
