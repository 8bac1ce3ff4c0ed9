"""What stored schedules would do around times without runs: blackouts, and a machine that is off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from outlooks import SINCE, at, daily, every, of, played, states, stored

from raa.planning.blackout import Blackout
from raa.planning.outlook import totals

# -- blackouts


NIGHT = Blackout(begin="01:00", end="03:00", zone="UTC")


def test_a_blackout_holds_up_merges_or_skips():
    often, hours = every(30), {"days": 4 / 24, "blackouts": [NIGHT]}

    one = played(stored(often), **hours)
    everything = played(stored(often, policy={"catch_up": "all", "overlap": "allow"}), **hours)
    nothing = played(stored(often, policy={"catch_up": "none"}), **hours)

    # what is due as the blackout ends finds the run that was held up at work
    assert states(one) == ["succeeded"] * 3 + ["merged"] * 3 + ["skipped", "succeeded"]
    assert (one.rows[2].due, one.rows[2].began) == (at(1), at(3))
    assert [(wait.kind, wait.until) for wait in one.rows[2].waits] == [("blackout", at(3))]
    assert [row.began for row in everything.rows[2:6]] == [at(3)] * 4
    assert states(nothing) == ["succeeded"] * 2 + ["skipped"] * 4 + ["succeeded"] * 2
    assert totals(one, "UTC").waited["blackout"] == 1
    assert totals(nothing, "UTC").dropped == {("skipped", "blackout"): 4}


def test_a_schedules_own_blackout_holds_up_no_other():
    held = stored(daily(at(2)), 1, policy={"blackouts": [NIGHT.to_values()]})
    outlook = played(held, stored(daily(at(2)), 2))

    assert [of(outlook, n)[0].began for n in (1, 2)] == [at(3), at(2)]


# -- off


def test_what_was_due_while_off_is_caught_up_as_the_policy_says():
    hourly, off = every(60), [(at(1.5), at(4.5))]

    def play(**policy: Any) -> list[tuple[str, datetime | None]]:
        return [(row.state, row.began) for row in played(stored(hourly, policy=policy), days=6 / 24, off=off).rows]

    on_time = [("succeeded", at(0)), ("succeeded", at(1))]
    last = ("succeeded", at(5))
    assert play() == [*on_time, ("merged", None), ("merged", None), ("succeeded", at(4.5)), last]
    assert play(catch_up="none") == [*on_time, *[("missed", None)] * 3, last]
    assert play(catch_up="all", overlap="allow") == [*on_time, *[("succeeded", at(4.5))] * 3, last]
    assert play(catch_up="all", catch_up_max=1) == [*on_time, *[("missed", None)] * 2, ("succeeded", at(4.5)), last]
    assert play(window=3600) == [*on_time, *[("missed", None)] * 2, ("succeeded", at(4.5)), last]


def test_many_missed_are_one_row_that_says_how_many():
    outlook = played(stored(every(1), policy={"catch_up": "none"}), off=[(at(1), at(11))], days=0.5)

    (row,) = [row for row in outlook.rows if row.state == "missed"]
    assert (row.due, row.covers) == (at(1), 600)
    assert totals(outlook, "UTC").dropped == {("missed", "late"): 600}


def test_going_off_interrupts_what_is_at_work_and_keeps_what_waits():
    busy = [stored(daily(at(2)), n, resource="disk", seconds=3600) for n in (1, 2)]
    (first, second) = played(*busy, off=[(at(2.5), at(20))]).rows

    assert (first.state, first.ended) == ("interrupted", at(2.5))
    assert (second.state, second.began) == ("succeeded", at(20))
    assert [wait.kind for wait in second.waits] == ["resource", "off"]


def test_off_from_the_first_moment_on_and_stretches_that_touch():
    outlook = played(stored(daily(SINCE)), off=[(at(5), at(9)), (at(-3), at(6))], days=1)

    assert [row.began for row in outlook.rows] == [at(9)]


def test_what_is_late_at_the_first_moment_is_caught_up():
    (late,) = played(stored(daily(at(-3, days=-1))), days=0.5).rows[-1:]

    assert (late.due, late.began, late.reason) == (at(-3), SINCE, "caught up 3 h late")
