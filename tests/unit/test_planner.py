"""What becomes of occurrences that are on time, late, overlapping or far too many."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raa.planning.occurrences import next_after
from raa.planning.planner import ROWS, Fire, Plan, decide
from raa.planning.policy import Policy
from raa.planning.rule import Rule
from raa.rpath_error import InvalidInput

COUNT = settings(deadline=None, database=None, max_examples=20_000 if os.environ.get("RAA_SOAK") else 300)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


START = utc("2026-11-01 02:00")
DAILY = Rule(kind="weekly", days=127, zone="UTC", start=START)
DUE = utc("2026-11-24 02:00")
DAY = timedelta(days=1)


def states(plan: Plan) -> list[tuple[int, str]]:
    return [(fire.due.day, fire.state) for fire in plan.fire]


def test_before_its_time_nothing_happens():
    assert decide(DAILY, Policy(), DUE, DUE - timedelta(seconds=1), 0, 0) == Plan((), DUE)


def test_a_clock_set_back_ten_years_fires_nothing_and_forgets_nothing():
    assert decide(DAILY, Policy(catch_up="all"), DUE, DUE - 3650 * DAY, 0, 5) == Plan((), DUE)


def test_a_rule_at_its_end_stays_there():
    assert decide(DAILY, Policy(), None, DUE, 0, 0) == Plan((), None)


@pytest.mark.parametrize("catch_up", ["one", "none", "all"])
@pytest.mark.parametrize("late", [0, 1, 60])
def test_on_time_it_is_queued_whatever_the_policy(catch_up, late):
    plan = decide(DAILY, Policy(catch_up=catch_up), DUE, DUE + timedelta(seconds=late), 0, 0)

    assert plan == Plan((Fire(DUE, "queued"),), DUE + DAY)


@pytest.mark.parametrize(
    ("overlap", "unfinished", "state", "reason"),
    [
        ("skip", 0, "queued", ""),
        ("skip", 1, "skipped", "the run before had not ended"),
        ("queue", 1, "queued", ""),
        ("queue", 2, "merged", "merged into the run that was already waiting"),
        ("allow", 7, "queued", ""),
    ],
)
def test_overlap_is_settled_by_the_policy(overlap, unfinished, state, reason):
    plan = decide(DAILY, Policy(overlap=overlap), DUE, DUE, unfinished, 0)

    assert plan == Plan((Fire(DUE, state, reason),), DUE + DAY)


def test_after_downtime_the_latest_runs_and_the_earlier_are_merged_into_it():
    plan = decide(DAILY, Policy(), DUE, DUE + 2 * DAY + timedelta(hours=3), 0, 0)

    assert states(plan) == [(24, "merged"), (25, "merged"), (26, "queued")]
    assert plan.fire[0].reason == "merged into the run of Thu 26 Nov 2026, 02:00"
    assert plan.fire[2].reason == "caught up 3 h late"
    assert plan.next_due == DUE + 3 * DAY


def test_without_catching_up_all_that_is_late_is_missed():
    plan = decide(DAILY, Policy(catch_up="none"), DUE, DUE + DAY + timedelta(minutes=2), 0, 0)

    assert states(plan) == [(24, "missed"), (25, "missed")]
    assert plan.fire[0].reason == "noticed 1 day late, and this schedule does not catch up"
    assert plan.next_due == DUE + 2 * DAY


def test_without_catching_up_the_one_that_is_on_time_still_runs():
    plan = decide(DAILY, Policy(catch_up="none"), DUE, DUE + 2 * DAY + timedelta(seconds=5), 0, 0)

    assert states(plan) == [(24, "missed"), (25, "missed"), (26, "queued")]


def test_catching_up_all_queues_the_last_in_order_and_misses_the_older():
    plan = decide(DAILY, Policy(catch_up="all", catch_up_max=2), DUE, DUE + 3 * DAY, 0, 0)

    assert states(plan) == [(24, "missed"), (25, "missed"), (26, "queued"), (27, "queued")]
    assert plan.fire[0].reason == "noticed 3 days late, and only the last 2 are caught up"


def test_what_is_later_than_the_window_is_missed_for_that_reason():
    plan = decide(DAILY, Policy(window=6 * 3600), DUE, DUE + DAY + timedelta(hours=6), 0, 0)

    assert states(plan) == [(24, "missed"), (25, "queued")]
    assert plan.fire[0].reason == "noticed 1 day late, more than the 6 h allowed"


def test_with_everything_outside_the_window_nothing_runs():
    plan = decide(DAILY, Policy(window=3600), DUE, DUE + timedelta(hours=1, microseconds=1), 0, 0)

    assert states(plan) == [(24, "missed")]
    assert plan.next_due == DUE + DAY


def test_a_window_longer_than_the_calendar_is_no_window():
    plan = decide(DAILY, Policy(window=1e12), DUE, DUE + DAY, 0, 0)

    assert states(plan) == [(24, "merged"), (25, "queued")]


def test_late_runs_behind_one_that_has_not_ended_are_skipped_together():
    plan = decide(DAILY, Policy(), DUE, DUE + DAY, 1, 0)

    assert states(plan) == [(24, "skipped"), (25, "skipped")]
    assert {fire.reason for fire in plan.fire} == {"the run before had not ended"}


def test_ten_years_of_minutes_become_two_rows():
    rule = Rule(kind="interval", unit="minutes", count=1, zone="UTC", start=START)
    now = START + 3650 * DAY

    plan = decide(rule, Policy(), START, now, 0, 0)

    merged, queued = plan.fire
    assert (merged.due, merged.state, merged.covers) == (START, "merged", 3650 * 1440)
    assert merged.reason.endswith(", and 5,255,999 more")
    assert queued == Fire(now, "queued")
    assert plan.next_due == now + timedelta(minutes=1)


@pytest.mark.parametrize(("dropped", "rows"), [(ROWS, ROWS), (ROWS + 1, 1)])
def test_a_long_row_of_dropped_runs_is_recorded_as_one(dropped, rows):
    plan = decide(DAILY, Policy(catch_up="none"), DUE, DUE + (dropped - 1) * DAY + timedelta(hours=1), 0, 0)

    assert len(plan.fire) == rows
    assert sum(fire.covers for fire in plan.fire) == dropped


def test_the_greatest_number_of_runs_ends_the_rule():
    rule = Rule(kind="weekly", days=127, zone="UTC", start=START, max_runs=3)

    assert decide(rule, Policy(), DUE, DUE, 0, 1).next_due == DUE + DAY
    assert decide(rule, Policy(), DUE, DUE, 0, 2) == Plan((Fire(DUE, "queued"),), None)
    assert decide(rule, Policy(), DUE, DUE, 0, 3) == Plan((), None)


def test_a_skipped_run_does_not_use_up_the_greatest_number():
    rule = Rule(kind="weekly", days=127, zone="UTC", start=START, max_runs=3)

    assert decide(rule, Policy(), DUE, DUE, 1, 2).next_due == DUE + DAY


def test_catching_up_stays_within_the_greatest_number_of_runs():
    rule = Rule(kind="weekly", days=127, zone="UTC", start=START, max_runs=3)

    plan = decide(rule, Policy(catch_up="all"), DUE, DUE + 4 * DAY, 0, 1)

    assert [fire.state for fire in plan.fire] == ["missed"] * 3 + ["queued"] * 2
    assert plan.next_due is None


def test_the_end_of_a_rule_is_its_last_run():
    rule = Rule(kind="weekly", days=127, zone="UTC", start=START, end=DUE + DAY)

    assert decide(rule, Policy(), DUE + DAY, DUE + 9 * DAY, 0, 0).next_due is None


@pytest.mark.parametrize("kind", ["immed", "now", "once"])
def test_what_happens_once_runs_once_however_late(kind):
    rule = Rule(kind=kind, zone="UTC", start=DUE)

    plan = decide(rule, Policy(), DUE, DUE + 9 * DAY, 0, 0)

    assert plan == Plan((Fire(DUE, "queued", "caught up 9 days late"),), None)


def test_a_stored_time_that_the_rule_no_longer_knows_is_used_once():
    stored = DUE + timedelta(minutes=30)

    plan = decide(DAILY, Policy(), stored, stored, 0, 0)

    assert plan == Plan((Fire(stored, "queued"),), DUE + DAY)


RULES = [
    DAILY,
    Rule(kind="interval", unit="minutes", count=7, zone="UTC", start=START),
    Rule(kind="interval", unit="days", count=3, zone="Europe/Berlin", start=utc("2026-03-20 01:30")),
    Rule(kind="monthly_absolute", day=31, zone="America/New_York", start=START),
    Rule(
        kind="weekly", days=0b0100001, zone="Africa/Cairo", start=utc("2026-01-01 22:30"), end=utc("2027-06-01 00:00")
    ),
]


@COUNT
@given(
    st.sampled_from(RULES),
    st.sampled_from(["one", "none", "all"]),
    st.integers(1, 12),
    st.none() | st.integers(0, 10_000_000),
    st.sampled_from(["skip", "queue", "allow"]),
    st.integers(0, 3),
    st.integers(0, 200),
    st.integers(0, 60),
    st.integers(0, 90_000),
)
def test_every_occurrence_is_accounted_for_once_and_with_a_reason(
    rule, catch_up, most, window, overlap, unfinished, steps, more, seconds
):
    policy = Policy(catch_up=catch_up, catch_up_max=most, window=window, overlap=overlap)
    first = next_after(rule, rule.start + steps * timedelta(hours=5))
    dues = [first.due]
    while len(dues) <= more and (one := next_after(rule, dues[-1])):
        dues.append(one.due)
    now = dues[-1] + timedelta(seconds=seconds)
    while (one := next_after(rule, dues[-1])) and one.due <= now and len(dues) < 20_000:
        dues.append(one.due)

    plan = decide(rule, policy, dues[0], now, unfinished, 0)

    assert sum(fire.covers for fire in plan.fire) == len(dues)
    position = 0
    for fire in plan.fire:  # rows in due order, each beginning where the one before left off
        assert fire.due == dues[position]
        position += fire.covers
    assert all(fire.reason for fire in plan.fire if fire.state != "queued")
    assert all(fire.covers == 1 for fire in plan.fire if fire.state == "queued")
    queued = [fire.due for fire in plan.fire if fire.state == "queued"]
    assert queued == dues[len(dues) - len(queued) :]
    assert len(queued) <= (most if catch_up == "all" else 1)
    if window is not None:
        assert all((now - due).total_seconds() <= window for due in queued)
    if (overlap, min(unfinished, 1)) == ("skip", 1):
        assert not queued
    elif catch_up == "one" and window is None and not (overlap == "queue" and unfinished >= 2):
        assert queued == dues[-1:]
    following = next_after(rule, now)
    assert plan.next_due == (following.due if following else None)


@COUNT
@given(st.sampled_from(RULES), st.lists(st.integers(-400_000, 900_000), min_size=1, max_size=30))
def test_no_due_time_fires_twice_however_the_clock_jumps(rule, jumps):
    now, next_due = rule.start, rule.start if rule.kind == "interval" else next_after(rule, rule.start).due
    seen: set[datetime] = set()

    for jump in jumps:
        now += timedelta(seconds=jump)
        plan = decide(rule, Policy(catch_up="all", overlap="allow"), next_due, now, 0, 0)
        dues = [fire.due for fire in plan.fire]
        assert not seen & set(dues)
        seen.update(dues)
        next_due = plan.next_due


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"catch_up": "some"}, "catch_up"),
        ({"catch_up_max": 0}, "catch_up_max"),
        ({"window": -1}, "window"),
        ({"overlap": "kill"}, "overlap"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(wrong, field):
    with pytest.raises(InvalidInput) as caught:
        Policy(**wrong)

    assert list(caught.value.problems) == [field]
