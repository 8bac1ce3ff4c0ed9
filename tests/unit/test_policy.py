"""Policies: random delay, further attempts, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from raa.planning.planner import decide
from raa.planning.policy import LONGEST_PAUSE, Policy, delayed
from raa.planning.rule import Rule
from raa.rpath_error import InvalidInput

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
DAILY = Rule(kind="weekly", zone="UTC", start=MONDAY, days=127)


def test_a_delay_is_the_same_at_every_look_and_differs_between_schedules_and_days() -> None:
    drawn = [delayed(n, MONDAY + timedelta(days=day), 3600, None) for n in range(20) for day in range(20)]
    again = [delayed(n, MONDAY + timedelta(days=day), 3600, None) for n in range(20) for day in range(20)]
    late = [(one - MONDAY).total_seconds() % 86_400 for one in drawn]

    assert drawn == again
    assert all(0 <= seconds < 3600 for seconds in late)
    assert len({int(seconds) for seconds in late}) > 300, "spread over the hour"


def test_a_delay_never_reaches_the_following_occurrence() -> None:
    following = MONDAY + timedelta(seconds=60)
    assert all(delayed(n, MONDAY, 3600, following) < following for n in range(500))


def test_a_delay_moves_the_begin_and_never_the_due_time() -> None:
    (fire,) = decide(DAILY, Policy(delay=3600), MONDAY, MONDAY, 0, 0, sched_id=7).fire
    assert fire.due == MONDAY
    assert fire.begin is None or MONDAY < fire.begin < MONDAY + timedelta(hours=1)
    assert decide(DAILY, Policy(delay=3600), MONDAY, MONDAY, 0, 0, sched_id=7).fire == (fire,)


def test_pauses_double_and_end_with_the_number_of_attempts() -> None:
    policy = Policy(retries=3, retry_wait=60)
    assert [policy.again_at("failed", attempt, 0) for attempt in (1, 2, 3, 4)] == [60, 120, 240, None]
    assert Policy(retries=100, retry_wait=3600).again_at("timed_out", 50, 0) == LONGEST_PAUSE


@pytest.mark.parametrize("state", ["succeeded", "warnings", "cancelled", "interrupted", "skipped"])
def test_only_what_failed_is_tried_again(state: str) -> None:
    assert Policy(retries=3).again_at(state, 1, 0) is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"catch_up": "some"}, "catch_up"),
        ({"overlap": "maybe"}, "overlap"),
        ({"catch_up_max": 0}, "catch_up_max"),
        ({"catch_up_max": 1.5}, "catch_up_max"),
        ({"window": -1}, "window"),
        ({"delay": -1}, "delay"),
        ({"delay": "long"}, "delay"),
        ({"retries": 101}, "retries"),
        ({"retries": True}, "retries"),
        ({"retry_wait": 1e9}, "retry_wait"),
        ({"blackouts": [{"begin": "x", "end": "y"}]}, "blackouts"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_nonsense_is_refused_at_its_field(values: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Policy.from_values(values)
    assert list(refused.value.problems) == [field]
