"""The schedule editor's form and the classic call: what they accept, what they refuse, and that they come back."""

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raa.db.schedule import (
    INTERVAL_DAYS,
    INTERVAL_SECONDS,
    ScheduleInterval,
    ScheduleMonthlyAbsolute,
    ScheduleMonthlyRelative,
    ScheduleNow,
    ScheduleOnce,
    ScheduleWeekly,
    freeze,
)
from raa.lib.classicschedule import classic
from raa.lib.scheduleform import expressible, parse, values
from raa.planning.occurrences import next_after, upcoming
from raa.planning.words import words
from raa.rpath_error import InvalidInput

COUNT = settings(deadline=None, database=None, max_examples=10_000 if os.environ.get("RAA_SOAK") else 200)
ZONE = "Europe/Berlin"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # Tuesday, 10:00 in Berlin


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def read(now: datetime = NOW, **fields: object):
    sched = parse(fields, now, ZONE)
    assert sched is not None
    return freeze(sched, now, "UTC")


def first_runs(rule, n: int = 2, now: datetime = NOW) -> list[str]:
    runs = upcoming(rule, now, n)
    return [one.due.astimezone(ZoneInfo(rule.zone)).strftime("%Y-%m-%d %H:%M") for one in runs]


ACCEPTED = [
    ({"freq": "daily", "time": "02:30"}, "Every day at 02:30", ["2026-11-25 02:30", "2026-11-26 02:30"]),
    ({"freq": "daily", "time": "10:01"}, "Every day at 10:01", ["2026-11-24 10:01", "2026-11-25 10:01"]),
    ({"freq": "daily", "time": "10:00"}, "Every day at 10:00", ["2026-11-25 10:00", "2026-11-26 10:00"]),
    (
        {"freq": "weekly", "day": ["mon", "thu"], "time": "02:30"},
        "Every Monday and Thursday at 02:30",
        ["2026-11-26 02:30", "2026-11-30 02:30"],
    ),
    (
        {"freq": "weekly", "day": "sun", "time": "5:00"},
        "Every Sunday at 05:00",
        ["2026-11-29 05:00", "2026-12-06 05:00"],
    ),
    (
        {"freq": "weekly", "day": "tue", "time": "11:00"},
        "Every Tuesday at 11:00",
        ["2026-11-24 11:00", "2026-12-01 11:00"],
    ),
    (
        {"freq": "monthly", "mode": "abs", "mday": "31", "time": "02:00"},
        "On day 31 of every month at 02:00 (in shorter months on the last day)",
        ["2026-11-30 02:00", "2026-12-31 02:00"],
    ),
    ({"freq": "monthly", "mday": 1, "time": "02:00"}, "On day 1 of every month at 02:00", ["2026-12-01 02:00"]),
    (
        {"freq": "monthly", "mode": "rel", "nth": "-1", "wday": "6", "time": "03:30"},
        "On the last Sunday of every month at 03:30",
        ["2026-11-29 03:30", "2026-12-27 03:30"],
    ),
    (
        {"freq": "interval", "every": "6", "unit": "hours", "time": "08:00"},
        "Every 6 hours from 24 Nov 2026, 08:00",
        ["2026-11-24 14:00", "2026-11-24 20:00"],
    ),
    (
        {"freq": "interval", "every": 5, "unit": "minutes"},
        "Every 5 minutes from 24 Nov 2026, 10:00",
        ["2026-11-24 10:05"],
    ),
    (
        {"freq": "interval", "every": 3, "unit": "days", "time": "02:30"},
        "Every 3 days at 02:30, counted from 25 Nov 2026",
        ["2026-11-25 02:30", "2026-11-28 02:30"],
    ),
    (
        {"freq": "interval", "every": 3, "unit": "days", "date": "2026-12-01", "time": "02:30"},
        "Every 3 days at 02:30, counted from 1 Dec 2026",
        ["2026-12-01 02:30", "2026-12-04 02:30"],
    ),
    (
        {"freq": "interval", "every": 3, "unit": "days", "date": "2026-11-20", "time": "02:30"},
        "Every 3 days at 02:30, counted from 20 Nov 2026",
        ["2026-11-26 02:30", "2026-11-29 02:30"],
    ),
    (
        {"freq": "interval", "every": 2, "unit": "weeks", "date": "2026-11-27", "time": "02:30"},
        "Every 2 weeks on Friday at 02:30, counted from 27 Nov 2026",
        ["2026-11-27 02:30", "2026-12-11 02:30"],
    ),
    (
        {"freq": "monthly", "mday": "31", "short": "skip", "time": "02:00"},
        "On day 31 of every month at 02:00 (skips shorter months)",
        ["2026-12-31 02:00", "2027-01-31 02:00", "2027-03-31 02:00"],
    ),
    (
        {"freq": "daily", "time": "02:30", "starts": "2026-12-01", "ends": "2026-12-02"},
        "Every day at 02:30, until 2 Dec 2026, 23:59",
        ["2026-12-01 02:30", "2026-12-02 02:30"],
    ),
    (
        {"freq": "weekly", "day": "fri", "time": "03:30", "zone": "asia/tokyo", "runs": "7"},
        "Every Friday at 03:30, at most 7 runs",
        ["2026-11-27 03:30", "2026-12-04 03:30"],
    ),
    (
        {"freq": "once", "date": "2026-11-28", "time": "02:00"},
        "Once on Sat 28 Nov 2026 at 02:00",
        ["2026-11-28 02:00"],
    ),
]


@pytest.mark.parametrize(("fields", "sentence", "runs"), ACCEPTED)
def test_the_form_means_what_it_says(fields, sentence, runs):
    rule = read(**fields)

    assert words(rule) == sentence
    assert first_runs(rule, len(runs)) == runs


def test_off_is_no_schedule():
    assert parse({"freq": "off", "time": "nonsense"}, NOW, ZONE) is None


REFUSED = [
    ({}, {"freq"}),
    ({"freq": "hourly"}, {"freq"}),
    ({"freq": "daily"}, {"time"}),
    ({"freq": "daily", "time": "24:00"}, {"time"}),
    ({"freq": "daily", "time": "2:60"}, {"time"}),
    ({"freq": "daily", "time": "230"}, {"time"}),
    ({"freq": "daily", "time": "\u0662:30"}, {"time"}),
    ({"freq": "weekly", "time": "02:30"}, {"day"}),
    ({"freq": "weekly", "day": [], "time": "02:30"}, {"day"}),
    ({"freq": "weekly", "day": ["mon", "someday"], "time": "02:30"}, {"day"}),
    ({"freq": "weekly", "day": "", "time": "late"}, {"day", "time"}),
    ({"freq": "monthly", "mday": "32", "time": "02:30"}, {"mday"}),
    ({"freq": "monthly", "mday": "0", "time": "02:30"}, {"mday"}),
    ({"freq": "monthly", "mday": "1_0", "time": ""}, {"mday", "time"}),
    ({"freq": "monthly", "mode": "lunar", "mday": "1", "time": "02:30"}, {"mode"}),
    ({"freq": "monthly", "mode": "rel", "nth": "0", "wday": "7", "time": "02:30"}, {"nth", "wday"}),
    ({"freq": "monthly", "mode": "rel", "nth": "5", "wday": "0", "time": "02:30"}, {"nth"}),
    ({"freq": "interval", "every": "4", "unit": "minutes"}, {"every"}),
    ({"freq": "interval", "every": "0", "unit": "hours"}, {"every"}),
    ({"freq": "interval", "every": "-3", "unit": "days", "time": "02:30"}, {"every"}),
    ({"freq": "interval", "every": "1.5", "unit": "hours"}, {"every"}),
    ({"freq": "interval", "every": "9" * 30, "unit": "hours"}, {"every"}),
    ({"freq": "interval", "every": "99999", "unit": "days", "time": "02:30"}, {"every"}),
    ({"freq": "interval", "every": "5", "unit": "years"}, {"unit"}),
    ({"freq": "interval", "every": "x", "unit": "days", "time": ""}, {"every", "time"}),
    ({"freq": "interval", "every": "1", "unit": "days", "date": "1066-10-14", "time": "02:30"}, {"date"}),
    ({"freq": "daily", "time": "02:30", "zone": "Europe/Atlantis"}, {"zone"}),
    ({"freq": "daily", "time": "02:30", "ends": "2026-11-24"}, {"ends"}),
    ({"freq": "daily", "time": "02:30", "starts": "2026-12-24", "ends": "2026-12-23"}, {"ends"}),
    ({"freq": "daily", "time": "02:30", "starts": "soon", "runs": "0"}, {"starts", "runs"}),
    ({"freq": "monthly", "mday": "31", "short": "never", "time": "02:30"}, {"short"}),
    ({"freq": "once", "date": "2026-11-24", "time": "10:00"}, {"time"}),
    ({"freq": "once", "date": "2026-11-23", "time": "23:59"}, {"date"}),
    ({"freq": "once", "date": "", "time": ""}, {"date", "time"}),
    ({"freq": "once", "date": "28.11.2026", "time": "02:00"}, {"date"}),
    ({"freq": "once", "date": "2026-W48-6", "time": "02:00"}, {"date"}),
    ({"freq": "once", "date": "2027-02-29", "time": "02:00"}, {"date"}),
    ({"freq": "once", "date": "9999-12-31", "time": "23:59"}, {"date"}),
    ({"freq": "once", "date": "2027-03-28", "time": "02:30"}, {"time"}),  # in the gap
]


@pytest.mark.parametrize(("fields", "names"), REFUSED)
def test_every_problem_is_told_at_once_beside_its_field(fields, names):
    with pytest.raises(InvalidInput) as caught:
        parse(fields, NOW, ZONE)

    assert set(caught.value.problems) == names
    assert all(sentence.endswith(".") for sentence in caught.value.problems.values())


def test_a_time_in_the_gap_of_its_first_day_remains_the_time_of_all_other_days():
    now = berlin("2026-03-28 12:00")

    rule = read(now, freq="daily", time="02:30")

    assert words(rule) == "Every day at 02:30"
    assert first_runs(rule, 2, now) == ["2026-03-29 03:30", "2026-03-30 02:30"]


def test_counted_days_keep_their_phase_when_the_first_lies_in_a_gap():
    now = berlin("2026-03-28 12:00")

    rule = read(now, freq="interval", every=3, unit="days", time="02:30")

    assert first_runs(rule, 2, now) == ["2026-03-29 03:30", "2026-04-01 02:30"]


def test_a_field_sent_twice_counts_as_its_last_value():
    assert words(read(freq=["off", "daily"], time="02:30")) == "Every day at 02:30"


def test_an_empty_form_starts_switched_off_with_a_time_tomorrow():
    filled = values(None, NOW, ZONE)

    assert (filled["freq"], filled["date"], filled["time"], filled["zone"]) == ("off", "2026-11-25", "04:00", ZONE)
    assert filled == values(ScheduleNow(), NOW, ZONE)


@pytest.mark.parametrize(("fields", "sentence", "runs"), ACCEPTED)
def test_a_filled_form_sent_back_means_the_same(fields, sentence, runs):
    sched = parse(fields, NOW, ZONE)
    later = NOW + timedelta(minutes=1)

    again = parse(values(sched, later, "UTC"), later, ZONE)

    expected, found = freeze(sched, NOW, ZONE), freeze(again, later, ZONE)
    assert upcoming(found, later, 20) == upcoming(expected, later, 20)


@COUNT
@given(
    st.sampled_from([fields for fields, _, _ in ACCEPTED if fields["freq"] != "once" and "ends" not in fields]),
    st.datetimes(datetime(2027, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 23),
    st.integers(0, 59),
)
def test_a_form_kept_open_for_years_still_means_the_same(fields, later, hour, minute):
    sched = parse({**fields, "date": "", "time": f"{hour}:{minute}"}, NOW, ZONE)
    rule = freeze(sched, NOW, ZONE)

    filled = values(sched, later, ZONE)
    again = freeze(parse(filled, later, ZONE), later, ZONE)

    since = max(later, again.start - timedelta(microseconds=1))  # a run that the form cannot name is left out
    assert [one.due for one in upcoming(again, since, 5)] == [one.due for one in upcoming(rule, since, 5)]


def test_a_form_is_filled_in_the_schedules_own_zone():
    sched = ScheduleWeekly(NOW, None, daysOfTheWeek=2)
    sched.zone = "Asia/Tokyo"

    filled = values(sched, NOW, ZONE)

    assert (filled["time"], filled["zone"], filled["day"]) == ("18:00", "Asia/Tokyo", ["tue"])


def test_seconds_are_shown_as_minutes_rounded_up():
    filled = values(ScheduleInterval(NOW, None, 90, INTERVAL_SECONDS), NOW, ZONE)

    assert (filled["freq"], filled["every"], filled["unit"]) == ("interval", 2, "minutes")


def test_a_single_run_shows_its_own_date_also_when_it_is_over():
    filled = values(ScheduleOnce(NOW), NOW + timedelta(days=9), ZONE)

    assert (filled["freq"], filled["date"], filled["time"]) == ("once", "2026-11-24", "10:00")


@pytest.mark.parametrize("fields", [fields for fields, _, _ in ACCEPTED])
def test_what_the_form_says_it_can_say_again(fields):
    later = NOW + timedelta(minutes=1)
    assert expressible(freeze(parse(fields, NOW, ZONE), NOW, ZONE), later)


def test_seconds_and_fifth_weekdays_are_beyond_the_form():
    assert not expressible(freeze(ScheduleInterval(NOW, None, 90, INTERVAL_SECONDS), NOW, ZONE), NOW)
    assert not expressible(freeze(ScheduleMonthlyRelative(NOW, None, 5, 0), NOW, ZONE), NOW)


@pytest.mark.parametrize(
    ("arguments", "sentence", "run"),
    [
        ((True, "Daily", 2, 0, 1), "Every day at 02:00", "2026-11-25 02:00"),
        (("1", "Daily", "11", "0", "1"), "Every day at 11:00", "2026-11-24 11:00"),
        (("on", "Weekly", "5", "6", "1"), "Every Sunday at 05:00", "2026-11-29 05:00"),
        (("true", "Weekly", 5, 6, 1, 15, "mon,thu"), "Every Monday and Thursday at 05:15", "2026-11-26 05:15"),
        ((1, "Monthly", "2", "0", "15", "30"), "On day 15 of every month at 02:30", "2026-12-15 02:30"),
        (
            (True, "monthly", 2, 0, 30),
            "On day 30 of every month at 02:00 (in shorter months on the last day)",
            "2026-11-30 02:00",
        ),
    ],
)
def test_the_classic_call_makes_the_schedule_it_names(arguments, sentence, run):
    rule = freeze(classic(*arguments, now=NOW, zone=ZONE), NOW, "UTC")

    assert words(rule) == sentence
    assert first_runs(rule, 1) == [run]


def test_a_classic_daily_schedule_is_an_interval_of_one_day_that_starts_at_its_next_time():
    sched = classic(True, "Daily", 2, 0, 1, now=NOW, zone=ZONE)

    assert (sched.type, sched.interval, sched.unit) == (3, 86400, INTERVAL_DAYS)
    assert sched.start == berlin("2026-11-25 02:00").timestamp()


def test_a_classic_monthly_schedule_takes_the_last_day_only_where_it_has_to():
    assert classic(True, "Monthly", 2, 0, 28, now=NOW, zone=ZONE).shortMonth == "skip"
    assert classic(True, "Monthly", 2, 0, 29, now=NOW, zone=ZONE).shortMonth == "last"
    assert isinstance(classic(True, "Monthly", 2, 0, 29, now=NOW, zone=ZONE), ScheduleMonthlyAbsolute)


@pytest.mark.parametrize("enabled", [False, 0, "0", "false", "False", "off", "", None])
def test_switched_off_the_other_arguments_do_not_matter(enabled):
    assert classic(enabled, "Never", "x", None, None, now=NOW, zone=ZONE) is None


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("maybe", "Daily", 2, 0, 1), {"enabled"}),
        ((True, "Hourly", 2, 0, 1), {"checkFreq"}),
        ((True, None, 24, 0, 1), {"checkFreq", "timeHour"}),
        ((True, "Daily", "noon", 0, 1), {"timeHour"}),
        ((True, "Daily", None, 0, 1), {"timeHour"}),
        ((True, "Daily", 2, 0, 1, 60), {"timeMinute"}),
        ((True, "Weekly", 2, 7, 1), {"timeDay"}),
        ((True, "Weekly", 2, 0, 1, 0, "mon,noday"), {"days"}),
        ((True, "Monthly", 2, 0, 0), {"timeDayMonth"}),
        ((True, "Monthly", 25, 0, 32, 99), {"timeHour", "timeMinute", "timeDayMonth"}),
    ],
)
def test_wrong_arguments_of_the_classic_call_are_named(arguments, names):
    with pytest.raises(InvalidInput) as caught:
        classic(*arguments, now=NOW, zone=ZONE)

    assert set(caught.value.problems) == names


@COUNT
@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Scoresbysund", "UTC"]),
    st.integers(0, 23),
    st.sampled_from([0, 15, 30, 45]),
)
def test_the_first_classic_daily_run_is_the_next_time_of_day_after_now(now, zone, hour, minute):
    rule = freeze(classic(True, "Daily", hour, 0, 1, minute, now=now, zone=zone), now, "UTC")

    first = next_after(rule, now)

    assert (rule.local_start.hour, rule.local_start.minute) == (hour, minute)
    assert timedelta(0) < first.due - now <= timedelta(hours=25)
