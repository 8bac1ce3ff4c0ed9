"""Blackouts: stretches in which nothing starts by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from raa.planning.blackout import Blackout, check_open, closed_until, from_values
from raa.planning.planner import decide
from raa.planning.policy import Policy
from raa.planning.rule import Rule
from raa.rpath_error import InvalidInput

BERLIN = "Europe/Berlin"
NIGHTS = Blackout(begin="22:00", end="06:00", zone="UTC", days=0b0000011)  # begins on Monday and Tuesday
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOURLY = Rule(kind="interval", zone="UTC", start=MONDAY, count=1, unit="hours")


@pytest.mark.parametrize(
    ("hours", "until"),
    [(21.99, None), (22, 30), (24, 30), (29.99, 30), (30, None), (46, 54), (70, None), (-1, None)],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(hours: float, until: float | None) -> None:
    end = NIGHTS.until(MONDAY + timedelta(hours=hours))
    assert end == (None if until is None else MONDAY + timedelta(hours=until))


def test_a_single_stretch_is_read_in_its_zone() -> None:
    (feast,) = from_values([{"begin": "2026-12-24T18:00", "end": "2026-12-27T06:00"}], BERLIN)
    assert feast.until(datetime(2026, 12, 24, 17, 0, tzinfo=UTC)) == datetime(2026, 12, 27, 5, 0, tzinfo=UTC)
    assert feast.until(datetime(2026, 12, 24, 16, 59, tzinfo=UTC)) is None
    assert feast.until(datetime(2026, 12, 27, 5, 0, tzinfo=UTC)) is None


def test_blackouts_that_touch_hold_up_until_the_last_of_them_ends() -> None:
    late = Blackout(begin="06:00", end="08:00", zone="UTC")
    assert closed_until([NIGHTS, late], MONDAY + timedelta(hours=23)) == MONDAY + timedelta(hours=32)
    assert closed_until([NIGHTS, late], MONDAY + timedelta(hours=12)) is None


def test_the_hour_that_a_clock_leaves_out_is_no_hole_in_a_blackout() -> None:
    night = Blackout(begin="02:30", end="05:00", zone=BERLIN)
    gap = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 in Berlin, which is 02:30 that did not come
    assert night.until(gap) == datetime(2026, 3, 29, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"begin": "22:00", "end": "22:00"}, "whole day"),
        ({"begin": "22:00", "end": "2026-12-24T18:00"}, "both"),
        ({"begin": "25:00", "end": "06:00"}, "no time of day|both"),
        ({"begin": "2026-12-24T18:00", "end": "2026-12-24T17:00"}, "before it begins"),
        ({"begin": "22:00", "end": "06:00", "days": []}, "at least one day"),
        ({"begin": "22:00", "end": "06:00", "days": ["someday"]}, "no day"),
        ({"begin": "22:00", "end": "06:00", "zone": "Mars/Base"}, "time zone"),
        ({"begin": "22:00", "end": "06:00", "color": "black"}, "no field"),
    ],
)
def test_nonsense_is_refused_with_words(values: dict, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        from_values([values], "UTC")


def test_blackouts_that_leave_no_time_are_refused() -> None:
    day, night = {"begin": "06:00", "end": "22:00"}, {"begin": "22:00", "end": "06:00"}
    with pytest.raises(InvalidInput, match="no time at all"):
        check_open(from_values([day, night], "UTC"), MONDAY)
    check_open(from_values([day, {**night, "days": ["mon"]}], "UTC"), MONDAY)


@pytest.mark.parametrize(
    ("catch_up", "unfinished", "state", "words"),
    [
        ("one", 0, "queued", ""),
        ("one", 1, "merged", "the blackout until"),
        ("all", 1, "queued", ""),
        ("none", 0, "skipped", "the blackout until"),
    ],
)
def test_what_is_due_in_a_blackout_waits_is_merged_or_skipped(catch_up, unfinished, state, words) -> None:
    due = MONDAY + timedelta(hours=23)
    plan = decide(HOURLY, Policy(catch_up=catch_up, overlap="queue"), due, due, unfinished, 0, blackouts=[NIGHTS])

    (fire,) = plan.fire
    assert fire.state == state
    assert words in fire.reason
    assert fire.begin == (MONDAY + timedelta(hours=30) if state == "queued" else None)
    assert plan.next_due == due + timedelta(hours=1)


def test_outside_of_it_a_run_begins_when_it_is_due() -> None:
    due = MONDAY + timedelta(hours=12)
    (fire,) = decide(HOURLY, Policy(), due, due, 0, 0, blackouts=[NIGHTS]).fire
    assert (fire.state, fire.begin) == ("queued", None)
