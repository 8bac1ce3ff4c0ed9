"""Wall time to instant, against a tool that only looks at what clocks show, and month arithmetic against the stdlib."""

import calendar as stdlib_calendar
import os
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raa.calendar import (
    clock_changes,
    days_in_month,
    missing_days,
    next_month,
    nth_weekday,
    resolve,
    to_wall,
    zone_info,
)
from raa.rpath_error import InvalidInput

COUNT = settings(deadline=None, database=None, max_examples=20_000 if os.environ.get("RAA_SOAK") else 300)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Europe/Dublin",
    "Africa/Casablanca",
    "America/Scoresbysund",
)
QUARTER = timedelta(minutes=15)


def shown(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def watch_the_clock(local: datetime, zone: str) -> tuple[datetime, bool]:
    """Walk through real time in quarters of an hour and look at the clock: no use of fold or offsets."""
    instant = local.replace(tzinfo=UTC) - timedelta(hours=26)
    before = shown(instant, zone)
    while True:
        instant += QUARTER
        wall = shown(instant, zone)
        if wall == local:
            return instant, False
        if before < local < wall:
            gap = wall - before - QUARTER
            while shown(instant, zone) != local + gap:
                instant += QUARTER
            return instant, True
        before = wall


TABLE = [
    ("Europe/Berlin", "2026-01-05 02:30", "2026-01-05 01:30", False),
    ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:30", True),  # 03:30 on the wall
    ("Europe/Berlin", "2026-03-29 01:59", "2026-03-29 00:59", False),
    ("Europe/Berlin", "2026-03-29 03:00", "2026-03-29 01:00", False),
    ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30", False),  # the first of two
    ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:45", True),  # 02:45
    ("Africa/Cairo", "2026-04-24 00:30", "2026-04-23 22:30", True),  # 01:30
    ("America/Scoresbysund", "2025-03-29 23:30", "2025-03-30 01:30", True),  # 00:30 the next day
    ("America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 03:00", True),
    ("UTC", "2026-03-29 02:30", "2026-03-29 02:30", False),
]


@pytest.mark.parametrize(("zone", "local", "expected", "moved"), TABLE)
def test_wall_times_become_the_instants_of_the_table(zone, local, expected, moved):
    instant = datetime.fromisoformat(expected).replace(tzinfo=UTC)

    assert resolve(datetime.fromisoformat(local), zone) == (instant, moved)


@COUNT
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(1990, 1, 1), datetime(2036, 1, 1)),
)
def test_resolve_agrees_with_watching_the_clock(zone, moment):
    local = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0, fold=0)

    assert resolve(local, zone) == watch_the_clock(local, zone)


@pytest.mark.parametrize("zone", ZONES)
def test_resolve_agrees_with_watching_the_clock_around_every_change_of_a_year(zone):
    for year in (2011, 2018, 2026):
        start = datetime(year, 1, 1, tzinfo=UTC)
        hours = [start + timedelta(hours=n) for n in range(366 * 24)]
        offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
        changes = [b for a, b, x, y in zip(hours, hours[1:], offsets, offsets[1:], strict=False) if x != y]
        for change in changes:
            around = shown(change, zone).replace(minute=0)
            for quarter in range(-8, 9):
                local = around + quarter * QUARTER
                assert resolve(local, zone) == watch_the_clock(local, zone), local


def test_the_watched_clock_catches_a_wrong_policy_for_gaps():
    gap = datetime(2026, 3, 29, 2, 30)
    earlier = gap.replace(fold=1, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)  # what fold=1 would make of it

    assert watch_the_clock(gap, "Europe/Berlin")[0] != earlier


def test_a_date_that_a_zone_left_out_can_be_told():
    assert missing_days("Pacific/Apia") == (date(2011, 12, 30).toordinal(),)
    assert missing_days("Pacific/Kwajalein") == (date(1993, 8, 21).toordinal(),)
    assert resolve(datetime(2011, 12, 30, 2, 30), "Pacific/Apia")[1]


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone != "Pacific/Apia"])
def test_zones_that_never_crossed_the_date_line_left_out_no_date(zone):
    assert missing_days(zone) == ()


@COUNT
@given(st.sampled_from(ZONES), st.datetimes(datetime(1990, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)))
def test_a_wall_time_that_a_clock_has_shown_is_never_moved_nor_later(zone, instant):
    found, moved = resolve(to_wall(instant, zone), zone)

    assert not moved
    assert instant - found in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))


def test_the_fold_of_the_argument_does_not_count():
    assert resolve(datetime(2026, 10, 25, 2, 30, fold=1), "Europe/Berlin") == (
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        False,
    )


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "/etc/passwd", "Europe", "a\0b", 7, None])
def test_an_unknown_zone_is_refused_with_a_sentence(zone):
    with pytest.raises(InvalidInput, match="There is no time zone") as caught:
        zone_info(zone)

    assert "zone" in caught.value.problems


def test_a_wall_time_with_an_offset_is_refused():
    with pytest.raises(InvalidInput, match="naive"):
        resolve(datetime(2026, 1, 1, tzinfo=UTC), "UTC")


def test_a_wall_time_past_the_calendar_is_refused():
    with pytest.raises(InvalidInput, match="outside the calendar"):
        resolve(datetime(9999, 12, 31, 23), "America/New_York")


def test_month_lengths_agree_with_the_standard_library():
    months = [(year, month) for year in range(1890, 2110) for month in range(1, 13)]

    assert all(days_in_month(y, m) == stdlib_calendar.monthrange(y, m)[1] for y, m in months)


def test_nth_weekdays_agree_with_the_weeks_of_the_standard_library():
    for year in range(2020, 2049):
        for month in range(1, 13):
            for weekday in range(7):
                days = [d for week in stdlib_calendar.monthcalendar(year, month) if (d := week[weekday])]
                expected = {n + 1: day for n, day in enumerate(days)} | {-1: days[-1]}
                found = {week: nth_weekday(year, month, weekday, week) for week in (1, 2, 3, 4, 5, -1)}
                assert found == {5: None} | expected


def test_months_are_counted_over_the_turn_of_the_year():
    assert next_month(2026, 12) == (2027, 1)
    assert next_month(2026, 1, -1) == (2025, 12)
    assert next_month(2026, 11, 26) == (2029, 1)


def test_clock_changes_are_found_to_the_second():
    year = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)

    assert clock_changes("Europe/Berlin", *year) == [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 3, 29, 2), datetime(2026, 3, 29, 3)),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 10, 25, 3), datetime(2026, 10, 25, 2)),
    ]
    assert [after - before for _, before, after in clock_changes("Australia/Lord_Howe", *year)] == [
        timedelta(minutes=-30), timedelta(minutes=30),
    ]  # fmt: skip
    assert clock_changes("UTC", *year) == []


@pytest.mark.parametrize("zone", ZONES)
def test_no_clock_changes_between_those_that_are_found(zone):
    begin, end = datetime(2024, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    changes = {at for at, _, _ in clock_changes(zone, begin, end)}

    at, watched, before = begin, set(), shown(begin, zone) - begin.replace(tzinfo=None)
    while at < end:
        at += QUARTER
        offset = shown(at, zone) - at.replace(tzinfo=None)
        if offset != before:
            watched.add(at)
        before = offset
    assert changes == watched
