"""What stored schedules would do: when each is due, what it has to wait for, and what becomes of the numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from outlooks import BERLIN, DAY, MINUTE, SINCE, at, daily, every, of, played, states, stored

from raa.planning.outlook import Underway, idle, totals
from raa.planning.rule import Rule
from raa.planning.simulate import advanced


def test_every_due_moment_runs_on_time_and_takes_its_time():
    (first, second) = played(stored(daily(at(2)), seconds=90), days=2).rows

    assert (first.due, first.began, first.ended, first.state) == (at(2), at(2), at(2) + 1.5 * MINUTE, "succeeded")
    assert (first.waits, first.reason, first.note) == ((), "", "")
    assert second.began == at(2, days=1)


def test_the_first_moment_is_inside_and_the_last_is_not():
    outlook = played(stored(daily(SINCE)), days=2)

    assert [row.due for row in outlook.rows] == [SINCE, SINCE + DAY]


# -- clocks that change


def test_a_time_that_does_not_exist_says_so():
    since = datetime(2026, 3, 27, 23, tzinfo=UTC)
    outlook = played(stored(daily(datetime(2026, 3, 28, 1, 30, tzinfo=UTC), BERLIN)), since=since, days=3)

    assert [row.began for row in outlook.rows] == [
        datetime(2026, 3, 28, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 3, 30, 0, 30, tzinfo=UTC),
    ]
    assert [row.note for row in outlook.rows] == ["", "02:30 does not exist on 29 Mar; runs at 03:30", ""]
    assert totals(outlook, BERLIN).moved == 1


def test_a_time_that_comes_twice_runs_once():
    since = datetime(2026, 10, 23, 22, tzinfo=UTC)
    outlook = played(stored(daily(datetime(2026, 10, 24, 0, 30, tzinfo=UTC), BERLIN)), since=since, days=3)

    assert [row.due.day for row in outlook.rows] == [24, 25, 26]
    assert outlook.rows[1].began == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_month_without_the_day_is_named_at_the_run_after_it():
    rule = Rule(kind="monthly_absolute", zone="UTC", start=datetime(2026, 5, 31, 2, tzinfo=UTC), day=31)
    outlook = played(stored(rule), since=datetime(2026, 5, 30, tzinfo=UTC), days=70)

    assert [(row.due.month, row.note) for row in outlook.rows] == [
        (5, ""),
        (7, "Jun 2026 has no day 31 and is skipped"),
    ]


# -- overlap


def test_overlap_is_skipped_queued_or_allowed():
    slow = {"seconds": 25 * 60}

    skipping = played(stored(every(10), **slow), days=1 / 24)
    queueing = played(stored(every(10), policy={"overlap": "queue"}, **slow), days=1 / 24)
    allowing = played(stored(every(10), policy={"overlap": "allow"}, **slow), days=1 / 24, max_runs=9)

    assert states(skipping) == ["succeeded", "skipped", "skipped", "succeeded", "skipped", "skipped"]
    assert skipping.rows[1].reason == "the run before had not ended"
    assert states(queueing) == ["succeeded", "succeeded", "merged", "running", "merged", "queued"]
    assert (queueing.rows[1].began, queueing.rows[1].waits[0].kind) == (at(25 / 60), "schedule")
    assert [row.began for row in allowing.rows] == [row.due for row in allowing.rows]
    assert totals(skipping, "UTC").dropped == {("skipped", "overlap"): 4}


# -- limits


def test_two_runs_of_one_resource_go_one_after_the_other():
    both = [stored(daily(at(2)), n, resource="disk", seconds=600) for n in (1, 2)]
    (first, second) = played(*both).rows

    assert (first.began, second.began) == (at(2), at(2) + 10 * MINUTE)
    assert [(wait.kind, wait.name) for wait in second.waits] == [("resource", "disk")]


def test_what_is_over_the_number_of_places_waits_in_due_order():
    crowd = [stored(daily(at(2) + n * MINUTE), n, seconds=600) for n in (3, 1, 2)]
    outlook = played(*crowd, max_runs=1)

    assert [row.sched_id for row in outlook.rows] == [1, 2, 3]
    assert [row.began for row in outlook.rows] == [at(2) + n * MINUTE for n in (1, 11, 21)]
    assert [[wait.kind for wait in row.waits] for row in outlook.rows] == [[], ["place"], ["place"]]


def test_a_random_delay_is_the_engines():
    (row,) = played(stored(daily(at(2)), sched_id=7, policy={"delay": 600})).rows

    assert row.due == at(2)
    assert row.waits[0].kind == "delay"
    assert row.began == row.waits[0].until
    assert timedelta(0) < row.began - row.due < 10 * MINUTE


def test_a_run_over_its_limit_is_ended_and_tried_again():
    outlook = played(stored(daily(at(2)), seconds=600, timeout=60, policy={"retries": 1, "retry_wait": 120}))

    assert [(row.attempt, row.state, row.began) for row in outlook.rows] == [
        (1, "timed_out", at(2)), (2, "timed_out", at(2) + 3 * MINUTE),
    ]  # fmt: skip
    assert outlook.rows[1].waits[0].kind == "pause"


# -- ends, runs that are open, and the limit of rows


def test_a_schedule_that_is_over_says_why():
    counted = stored(every(60, max_runs=3), 1, runs=1)
    ending = stored(every(60, end=at(1.5)), 2)
    once = stored(Rule(kind="once", zone="UTC", start=at(4)), 3)
    outlook = played(counted, ending, once)

    assert [(one.sched_id, one.at, one.reason) for one in outlook.ended] == [
        (1, at(1), "it has had its 3 runs"),
        (2, at(1), "its end was set to Mon 1 Jun 2026, 01:30"),
        (3, at(4), "it is due once only"),
    ]
    assert [len(of(outlook, n)) for n in (1, 2, 3)] == [2, 2, 1]


def test_runs_that_are_open_take_their_places_first():
    one = stored(daily(at(1)), 1, seconds=7200)
    outlook = played(
        one, stored(daily(at(0.5)), 2), max_runs=1,
        underway=[Underway(stored=one, due=at(-1), began=at(-1), holds=frozenset({"schedule 1"}))],
    )  # fmt: skip

    assert [(row.sched_id, row.began, row.state) for row in outlook.rows] == [
        (1, at(-1), "succeeded"), (2, at(1), "succeeded"), (1, at(1) + MINUTE, "succeeded"),
    ]  # fmt: skip


def test_it_stops_at_the_limit_and_says_when():
    outlook = played(stored(every(1)), days=30, limit=100)

    assert (len(outlook.rows), outlook.cut) == (100, at(100 / 60))
    assert played(stored(every(1)), days=1 / 24, limit=100).cut is None


def test_a_later_beginning_counts_what_comes_before_as_run():
    later = advanced(stored(daily(at(2), max_runs=9), runs=4), at(2, days=3))
    over = advanced(stored(daily(at(2), max_runs=9), runs=4), at(2, days=9))

    assert (later.runs, later.next_due) == (7, at(2, days=3))
    assert over.next_due is None
    assert advanced(later, SINCE) is later


# -- sums


def test_totals_and_what_never_runs():
    schedules = [
        stored(daily(at(2)), 1), stored(daily(at(2.2)), 2), stored(daily(at(4)), 3), stored(daily(at(3, days=9)), 4),
        stored(every(60), 5, next_due=None),
    ]  # fmt: skip
    outlook = played(*schedules, off=[(at(3.5), at(23.9))], days=0.9)
    sums = totals(outlook, BERLIN)

    assert (sums.runs, sums.busiest, sums.caught_up) == (2, (at(2), 2), 0)
    assert [(one.sched_id, due) for one, due in idle(outlook, schedules)] == [
        (3, None), (4, at(3, days=9)), (5, None)
    ]  # fmt: skip
