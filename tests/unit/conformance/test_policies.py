"""What is left out of the comparison with others, because they disagree: our answers, in tables written by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from changes import shown

from raa.planning.occurrences import missed_between, next_after, upcoming
from raa.planning.preview import noted
from raa.planning.rule import Rule

#: zone, wall time that does not exist, when it runs (UTC), in words
GAPS = [
    ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29 01:00", "at 03:00"),
    ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:30", "at 03:30"),
    ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:30", "at 03:30"),
    ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:45", "at 02:45"),  # half an hour
    ("Africa/Cairo", "2026-04-24 00:30", "2026-04-23 22:30", "at 01:30"),  # midnight
    ("Asia/Beirut", "2026-03-29 00:15", "2026-03-28 22:15", "at 01:15"),
    ("America/Sao_Paulo", "2018-11-04 00:00", "2018-11-04 03:00", "at 01:00"),
    ("America/Scoresbysund", "2025-03-29 23:30", "2025-03-30 01:30", "on 30 Mar at 00:30"),  # the next date
    ("Europe/Dublin", "2026-03-29 01:30", "2026-03-29 01:30", "at 02:30"),  # winter is the exception there
    ("Africa/Casablanca", "2026-03-22 02:30", "2026-03-22 02:30", "at 03:30"),  # the end of Ramadan
    ("Africa/El_Aaiun", "2026-03-22 02:30", "2026-03-22 02:30", "at 03:30"),
    ("Antarctica/Troll", "2026-03-29 01:30", "2026-03-29 01:30", "at 03:30"),  # two hours
]
#: zone, wall time that comes twice, the first of the two (UTC)
FOLDS = [
    ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30"),
    ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),
    ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
    ("Africa/Cairo", "2026-10-29 23:30", "2026-10-29 20:30"),
    ("Asia/Beirut", "2026-10-24 23:30", "2026-10-24 20:30"),
    ("America/Sao_Paulo", "2018-02-17 23:30", "2018-02-18 01:30"),
    ("America/Scoresbysund", "2025-10-25 23:30", "2025-10-26 00:30"),
    ("America/St_Johns", "2010-11-07 00:00:30", "2010-11-07 02:30:30"),  # back over midnight by a minute
    ("Europe/Dublin", "2026-10-25 01:30", "2026-10-25 00:30"),
    ("Africa/Casablanca", "2026-02-15 02:30", "2026-02-15 01:30"),
    ("Africa/El_Aaiun", "2026-02-15 02:30", "2026-02-15 01:30"),
    ("Antarctica/Troll", "2026-10-25 01:30", "2026-10-24 23:30"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rules(zone: str, wall: str) -> list[Rule]:
    """Make rules of every wall-clock kind that match the day, and were started two weeks before."""
    local = datetime.fromisoformat(wall)
    start = (local - timedelta(days=14)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    week = -1 if (local + timedelta(days=7)).month != local.month else (local.day + 6) // 7
    kinds = [
        {"kind": "weekly", "days": 127},
        {"kind": "weekly", "days": 1 << local.weekday()},
        {"kind": "interval", "unit": "days", "count": 7},
        {"kind": "interval", "unit": "weeks", "count": 2},
        {"kind": "monthly_absolute", "day": local.day},
        {"kind": "monthly_relative", "day": local.weekday(), "week": week},
    ]
    return [Rule(zone=zone, start=start, **kind) for kind in kinds]


@pytest.mark.parametrize(("zone", "wall", "due", "runs"), GAPS)
def test_a_time_that_does_not_exist_is_moved_by_the_gap_in_every_kind(
    zone: str, wall: str, due: str, runs: str
) -> None:
    day = datetime.fromisoformat(wall)
    said = f"{day:%H:%M} does not exist on {day.day} {day:%b}; runs {runs}"
    for rule in rules(zone, wall):
        one = next_after(rule, utc(due) - timedelta(hours=20))

        assert (one.due, one.moved, one.note) == (utc(due), True, said)
        following = next_after(rule, one.due)
        assert following.due - one.due >= timedelta(hours=22)
        assert shown(following.due, zone).time() == day.time()


@pytest.mark.parametrize(("zone", "wall", "due"), FOLDS)
def test_a_time_that_comes_twice_is_the_first_of_the_two_in_every_kind(zone: str, wall: str, due: str) -> None:
    day = datetime.fromisoformat(wall)
    for rule in rules(zone, wall):
        one = next_after(rule, utc(due) - timedelta(hours=20))

        assert (one.due, one.moved, one.note) == (utc(due), False, "")
        following = next_after(rule, one.due)
        assert following.due - one.due >= timedelta(hours=22)
        assert shown(following.due, zone).date() > day.date()


@pytest.mark.parametrize(
    ("zone", "gone", "before", "after"),
    [
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-29 12:30", "2011-12-30 12:30"),
        ("Pacific/Fakaofo", date(2011, 12, 30), "2011-12-29 13:30", "2011-12-30 13:30"),
        ("Pacific/Kwajalein", date(1993, 8, 21), "1993-08-20 14:30", "1993-08-21 14:30"),
    ],
)
def test_a_date_that_a_zone_left_out_has_no_run(zone: str, gone: date, before: str, after: str) -> None:
    # at 02:30: on the day before, and on the day after the one that never was
    start = utc(before) - timedelta(days=7)
    daily = Rule(kind="weekly", days=127, zone=zone, start=start)
    that_weekday = Rule(kind="weekly", days=1 << gone.weekday(), zone=zone, start=start)
    that_day = Rule(kind="monthly_absolute", day=gone.day, zone=zone, start=start)
    every_two = Rule(kind="interval", unit="days", count=2, zone=zone, start=utc(before) - timedelta(days=1))
    around = utc(before) - timedelta(seconds=1)

    assert [one.due for one in upcoming(daily, around, 2)] == [utc(before), utc(after)]
    assert next_after(that_weekday, around).due == utc(after) + timedelta(days=6)
    assert shown(next_after(that_day, around).due, zone).month != gone.month
    assert next_after(every_two, around).due == utc(after) + timedelta(days=1)
    assert missed_between(daily, around, utc(after)).count == 2


#: rule, since, the dates of its runs
MONTHS = [
    ({"day": 29}, "2027-01-01", "2027-01-29 2027-03-29 2027-04-29"),
    ({"day": 29}, "2028-01-30", "2028-02-29 2028-03-29"),
    ({"day": 29, "short_month": "last"}, "2027-01-30", "2027-02-28 2027-03-29"),
    ({"day": 29, "short_month": "last"}, "2028-01-30", "2028-02-29 2028-03-29"),
    ({"day": 30}, "2027-01-31", "2027-03-30 2027-04-30"),
    ({"day": 30, "short_month": "last"}, "2027-01-31", "2027-02-28 2027-03-30 2027-04-30"),
    ({"day": 30, "short_month": "last"}, "2028-01-31", "2028-02-29 2028-03-30"),
    ({"day": 31}, "2027-01-01", "2027-01-31 2027-03-31 2027-05-31 2027-07-31 2027-08-31 2027-10-31 2027-12-31"),
    ({"day": 31, "short_month": "last"}, "2027-01-01", "2027-01-31 2027-02-28 2027-03-31 2027-04-30 2027-05-31"),
    ({"day": 31, "short_month": "last"}, "2099-12-31", "2099-12-31 2100-01-31 2100-02-28 2100-03-31"),
    ({"day": 4, "week": 5}, "2026-10-01", "2026-10-30 2027-01-29 2027-04-30 2027-07-30"),
    ({"day": 4, "week": 5, "short_month": "last"}, "2026-10-01", "2026-10-30 2026-11-27 2026-12-25 2027-01-29"),
    ({"day": 4, "week": -1}, "2026-10-01", "2026-10-30 2026-11-27 2026-12-25 2027-01-29"),
    ({"day": 0, "week": 5}, "2028-02-01", "2028-05-29 2028-07-31"),
    ({"day": 1, "week": 5}, "2028-02-01", "2028-02-29 2028-05-30"),  # a leap day
]


@pytest.mark.parametrize(("special", "since", "dates"), MONTHS)
def test_months_without_the_day_are_skipped_or_take_their_last(
    special: dict[str, object], since: str, dates: str
) -> None:
    kind = "monthly_relative" if "week" in special else "monthly_absolute"
    rule = Rule(kind=kind, zone="Europe/Berlin", start=utc("2026-01-01 03:00"), **special)

    found = [f"{one.due:%Y-%m-%d}" for one in upcoming(rule, utc(since), len(dates.split()))]

    assert found == dates.split()


SAID = [
    ({"day": 31}, ["Feb 2027 has no day 31 and is skipped", "Apr 2027 has no day 31 and is skipped"]),
    ({"day": 31, "short_month": "last"}, ["Feb 2027 has no day 31; runs on 28 Feb", ""]),
    ({"day": 4, "week": 5, "short_month": "last"}, ["Feb 2027 has no fifth Friday; runs on 26 Feb",
                                                   "Mar 2027 has no fifth Friday; runs on 26 Mar"]),
]  # fmt: skip


@pytest.mark.parametrize(("special", "notes"), SAID)
def test_the_notes_name_short_months(special: dict[str, object], notes: list[str]) -> None:
    kind = "monthly_relative" if "week" in special else "monthly_absolute"
    rule = Rule(kind=kind, zone="UTC", start=utc("2026-01-01 03:00"), **special)

    assert [one.note for one in noted(rule, utc("2027-02-01 00:00"), 2)] == notes
