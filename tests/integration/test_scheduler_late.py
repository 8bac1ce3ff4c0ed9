"""Late, overlapping and jumping: what became due is run or recorded with its reason, and nothing is unaccounted for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from boxes import BEGIN, DAILY, DAY, MONDAY, Box, opened
from orders import TOY, rule, waiting

from raa.constants import UNFINISHED
from raa.planning.occurrences import missed_between
from raa.planning.rule import Rule
from raa.protocols import Values
from raa.testing.clock import ManualClock
from raa.testing.console import wait_for


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGIN)


@pytest.mark.parametrize(
    ("policy", "states"),
    [
        ({}, ["merged", "merged", "merged", "succeeded"]),
        ({"catch_up": "one"}, ["merged", "merged", "merged", "succeeded"]),
        ({"catch_up": "none"}, ["missed"] * 4),
        ({"catch_up": "all"}, ["succeeded"] * 4),
        ({"catch_up": "all", "catch_up_max": 2}, ["missed", "missed", "succeeded", "succeeded"]),
        ({"catch_up": "all", "window": 2.5 * 86_400}, ["missed", "succeeded", "succeeded", "succeeded"]),
    ],
)
def test_what_fell_due_while_the_console_was_down_is_handled_as_the_schedule_says(tmp_path, clock, policy, states):
    with opened(tmp_path, clock) as box:
        sched_id = box.schedule(DAILY, policy=policy)

    with opened(tmp_path, clock) as box:
        runs = box.at(MONDAY + 3 * DAY + timedelta(hours=5))

        assert box.states(sched_id) == states
        assert [due for due, _, _ in box.occurrences(sched_id)] == [MONDAY + n * DAY for n in range(4)]
        assert len(runs) == states.count("succeeded")
        assert all(reason for _, state, reason in box.occurrences(sched_id) if state != "succeeded")
        assert box.at(MONDAY + 3 * DAY + timedelta(hours=6)) == []


def test_runs_that_are_caught_up_together_go_one_after_the_other(box, tmp_path):
    trace = tmp_path / "trace"
    box.schedule(DAILY, "append", str(trace), 0.1, policy={"catch_up": "all"})

    box.at(MONDAY + 3 * DAY)

    assert [line.split()[0] for line in trace.read_text().splitlines()] == ["begin", "end"] * 4


@pytest.mark.parametrize(
    ("overlap", "second", "third"),
    [("skip", "skipped", "skipped"), ("queue", "queued", "merged"), ("allow", None, None)],
)
def test_what_falls_due_while_the_run_before_goes_on_is_recorded_with_the_reason(box, tmp_path, overlap, second, third):
    with waiting(box.engine, tmp_path) as gate:
        sched_id = box.schedule(DAILY, "waitFor", gate.flag(), gate.release, policy={"overlap": overlap})
        for day in range(3):
            box.clock.set(MONDAY + day * DAY)
            box.engine.scheduler.step()
            wait_for(Path(gate.flag()).exists, 20, "the first run")
            gate.ids = [run["execId"] for run in box.engine.unfinished(TOY)]
        if overlap == "allow":
            wait_for(lambda: box.states(sched_id) == ["queued"] * 3 or _running(box) == 3, 20, "three at once")
        else:
            assert [state for _, state, _ in box.occurrences(sched_id)][1:] == [second, third]
            assert _running(box) == 1

    assert len(box.occurrences(sched_id)) == 3
    reasons = [reason for _, state, reason in box.occurrences(sched_id) if state in ("skipped", "merged")]
    assert all(reasons)


def _running(box: Box) -> int:
    return sum(run["state"] == "running" for run in box.engine.unfinished(TOY))


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1), timedelta(days=3650)])
def test_a_clock_set_back_fires_nothing_twice(box, back):
    sched_id = box.schedule(DAILY)
    assert len(box.at(MONDAY)) == 1

    assert box.at(MONDAY - back) == []
    assert box.at(MONDAY) == []
    assert box.at(MONDAY + timedelta(hours=1)) == []

    assert len(box.at(MONDAY + DAY)) == 1
    assert [due for due, _, _ in box.occurrences(sched_id)] == [MONDAY, MONDAY + DAY]


@pytest.mark.parametrize("ahead", [DAY, 365 * DAY, 3650 * DAY])
def test_a_clock_set_far_ahead_runs_once_and_accounts_for_all_it_passed(tmp_path, clock, ahead):
    with opened(tmp_path, clock, **{"history.days": 0}) as box:  # else what is ten years old would go at once
        sched_id = box.schedule(DAILY)

        assert len(box.at(MONDAY + ahead)) == 1

        assert box.accounted(sched_id) == ahead.days + 1
        assert len(box.occurrences(sched_id)) <= 25


def test_no_occurrence_of_any_policy_goes_unaccounted_for_through_restarts(tmp_path, clock):
    """Each schedule's rows stand for exactly the occurrences that its rule had, whatever became of them."""
    policies = [
        {"catch_up": catch_up, "overlap": overlap}
        for catch_up in ("one", "none", "all")
        for overlap in ("skip", "allow")
    ]
    hourly = rule("interval", start="2026-11-01T00:15:00+00:00", count=7, unit="hours")
    hours, begin = [0, 3, 4, 30, 31, 29, 80, 200, 700, 701], clock.now()
    kept: dict[int, Values] = {}
    for turn in range(0, len(hours), 4):
        with opened(tmp_path, clock) as box:
            if not kept:
                kept = {box.schedule(when, policy=policy): when for when in (DAILY, hourly) for policy in policies}
            for hour in hours[turn : turn + 4]:
                box.at(begin + timedelta(hours=hour))
            end = clock.now()
            for sched_id, when in kept.items():
                wanted = missed_between(Rule.from_values(when), begin, max(end, begin)).count
                assert box.accounted(sched_id) == wanted
                assert not set(box.states(sched_id)) & set(UNFINISHED)
            with box.engine.history.database.read() as session:
                rows = session.rows("SELECT count(*) AS n FROM execution GROUP BY occurrence_id")
            assert {row["n"] for row in rows} == {1}
