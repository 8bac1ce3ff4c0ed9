"""Occurrences against independent answers: dateutil for the dates, a watched clock for the hours."""

import os
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from raa.planning.occurrences import last_until, missed_between, next_after, upcoming
from raa.planning.rule import UNITS, Rule

SOAK = bool(os.environ.get("RAA_SOAK"))
COUNT = settings(deadline=None, database=None, max_examples=20_000 if SOAK else 200)
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
#: clocks change near these, in one zone or another; Apia left out a day at the last
CHANGES = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2026-03-29 01:00",
        "2026-10-25 01:00",
        "2026-03-08 07:00",
        "2026-11-01 06:00",
        "2026-10-03 15:30",
        "2026-04-04 15:00",
        "2026-04-23 22:00",
        "2026-10-29 21:00",
        "2018-11-04 03:00",
        "2018-02-18 02:00",
        "2026-02-15 02:00",
        "2026-03-22 02:00",
        "2025-03-30 01:00",
        "2011-12-30 10:00",
    )
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=200_000)
def watch_the_clock(local: datetime, zone: str) -> tuple[datetime, bool] | None:
    """Find when a clock shows `local`, or what is one gap later, in quarters of an hour; None for a left-out date."""
    instant = local.replace(tzinfo=UTC) - timedelta(hours=15)
    before = shown(instant, zone)
    assert before < local
    while True:
        instant += QUARTER
        wall = shown(instant, zone)
        if wall == local:
            return instant, False
        if before < local < wall:
            gap = wall - before - QUARTER
            if gap >= timedelta(days=1):
                return None
            while shown(instant, zone) != local + gap:
                instant += QUARTER
            return instant, True
        before = wall


def dates_by_dateutil(rule: Rule, since: datetime, until: datetime) -> list[datetime]:
    start = shown(rule.start, rule.zone)
    weekday = (rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU)
    if rule.kind == "interval":
        options = {"freq": rrule.DAILY, "interval": rule.count * {"days": 1, "weeks": 7}[rule.unit]}
    elif rule.kind == "weekly":
        options = {"freq": rrule.WEEKLY, "byweekday": [day for bit, day in enumerate(weekday) if rule.days >> bit & 1]}
    elif rule.kind == "monthly_absolute":
        options = {"freq": rrule.MONTHLY, "bymonthday": rule.day}
        if rule.short_month == "last" and rule.day > 28:
            options = {"freq": rrule.MONTHLY, "bymonthday": range(28, rule.day + 1), "bysetpos": -1}
    else:
        options = {"freq": rrule.MONTHLY, "byweekday": weekday[rule.day](rule.week)}
        if rule.short_month == "last" and rule.week == 5:
            options["byweekday"] = [weekday[rule.day](4), weekday[rule.day](5)]
            options["bysetpos"] = -1
    return rrule.rrule(dtstart=start, **options).between(since, until, inc=True)


def expected_dues(rule: Rule, after: datetime, until: datetime) -> list[tuple[datetime, bool]]:
    """List `(due, moved)` of a wall-clock rule by asking others only."""
    margin = timedelta(days=3)
    dates = dates_by_dateutil(rule, shown(after, rule.zone) - margin, shown(until, rule.zone) + margin)
    found = []
    for local in dates:
        due = (rule.start, False) if local == shown(rule.start, rule.zone) else watch_the_clock(local, rule.zone)
        if due and after < due[0] <= min(until, rule.end or until) and due[0] >= rule.start:
            found.append(due)
    return found


def walked(rule: Rule, after: datetime, until: datetime) -> list[tuple[datetime, bool]]:
    found = []
    while (one := next_after(rule, after)) and one.due <= until:
        found.append((one.due, one.moved))
        after = one.due
    return found


@st.composite
def wall_rules(draw):
    kind = draw(st.sampled_from(["days", "weeks", "weekly", "monthly_absolute", "monthly_relative"]))
    near = draw(st.sampled_from(CHANGES))
    # mostly less than a year before a change, at an hour that may fall into it
    start = near - timedelta(days=draw(st.integers(0, 300))) + draw(st.integers(-16, 16)) * QUARTER
    short = draw(st.sampled_from(["skip", "last"]))
    special = {
        "days": lambda: {"kind": "interval", "unit": "days", "count": draw(st.integers(1, 9))},
        "weeks": lambda: {"kind": "interval", "unit": "weeks", "count": draw(st.integers(1, 3))},
        "weekly": lambda: {"kind": "weekly", "days": draw(st.integers(1, 127))},
        "monthly_absolute": lambda: {
            "kind": "monthly_absolute",
            "day": draw(st.sampled_from([*range(1, 32), 29, 30, 31, 31])),
            "short_month": short,
        },
        "monthly_relative": lambda: {
            "kind": "monthly_relative",
            "day": draw(st.integers(0, 6)),
            "week": draw(st.sampled_from([1, 2, 3, 4, 5, -1])),
            "short_month": short,
        },
    }[kind]()
    end = start + timedelta(days=draw(st.integers(0, 400))) if draw(st.integers(0, 4)) == 0 else None
    return Rule(zone=draw(st.sampled_from(ZONES)), start=start, end=end, **special), near


@COUNT
@given(wall_rules(), st.integers(-5, 3), st.integers(-12, 12), st.integers(0, 70))
def test_wall_clock_rules_agree_with_dateutil_and_a_watched_clock(rule_and_change, days, quarters, length):
    rule, change = rule_and_change
    after = change + timedelta(days=days) + quarters * QUARTER
    until = after + timedelta(days=length)

    expected = expected_dues(rule, after, until)

    assert walked(rule, after, until) == expected
    missed = missed_between(rule, after, until)
    assert missed.count == len(expected)
    assert [one and one.due for one in (missed.first, missed.last)] == (
        [expected[0][0], expected[-1][0]] if expected else [None, None]
    )
    last = last_until(rule, until)
    if expected:
        assert last is not None
        assert (last.due, last.moved) == expected[-1]
    else:
        assert last is None or last.due <= after


@COUNT
@given(wall_rules(), st.integers(0, 4000))
def test_a_long_stretch_is_counted_as_walking_it_would(rule_and_change, days):
    rule, change = rule_and_change
    until = change + timedelta(days=days if SOAK else days // 4)

    assert missed_between(rule, change, until).count == len(walked(rule, change, until))


def test_the_oracle_catches_a_day_taken_for_24_hours():
    rule = Rule(kind="interval", unit="days", count=1, zone="Europe/Berlin", start=utc("2026-03-27 01:30"))
    wrong = [(rule.start + timedelta(hours=24 * n), False) for n in range(1, 5)]

    assert expected_dues(rule, rule.start, utc("2026-03-31 02:00")) != wrong


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", [0, 2, 3, 23])
@pytest.mark.parametrize("minute", [0, 30] if not SOAK else range(0, 60, 5))
def test_every_date_of_a_zone_has_exactly_one_daily_run(zone, hour, minute):
    for year in (2011, 2018, 2025):
        local = datetime(year, 1, 3, hour, minute)
        start = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        rule = Rule(kind="weekly", days=127, zone=zone, start=start)
        left_out = 1 if (zone, year) == ("Pacific/Apia", 2011) else 0
        days = 368  # past the turn of the year, where Apia left out its day

        dues = [one.due for one in upcoming(rule, start - QUARTER, days - left_out)]

        final = (local + timedelta(days=days - 1)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        assert dues[-1] == final
        assert all(timedelta(hours=22) < b - a < timedelta(hours=26) for a, b in pairwise(dues))


@COUNT
@given(
    st.sampled_from(["seconds", "minutes", "hours"]),
    st.integers(1, 500),
    st.integers(-3_000_000, 3_000_000),
    st.integers(0, 300_000),
)
def test_exact_intervals_are_steps_from_their_start(unit, count, offset, length):
    start = utc("2026-03-01 00:00:07")
    step = count * UNITS[unit]
    rule = Rule(kind="interval", unit=unit, count=count, zone="Europe/Berlin", start=start)
    after, until = start + timedelta(seconds=offset), start + timedelta(seconds=offset + length)

    numbers = [n for n in range(max(0, offset), offset + length + 1) if n % step == 0 and n > offset]

    missed = missed_between(rule, after, until)
    assert missed.count == len(numbers)
    following = next_after(rule, after)
    assert following.due == start + timedelta(seconds=(max(-1, offset) // step + 1) * step)
    if numbers:
        assert missed.first.due == start + timedelta(seconds=numbers[0])
        assert missed.last.due == start + timedelta(seconds=numbers[-1])


@COUNT
@given(wall_rules())
def test_a_rule_survives_its_plain_values(rule_and_change):
    rule, _ = rule_and_change

    values = rule.to_values()

    assert Rule.from_values(values) == rule
    assert all(isinstance(value, str | int | None) for value in values.values())
