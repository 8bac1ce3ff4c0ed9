"""The classic schedule classes as old plugins use them, and their way to a rule and back."""

import ast
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raa.db import schedule as module
from raa.db.schedule import (
    INTERVAL_DAYS,
    INTERVAL_HOURS,
    Schedule,
    ScheduleImmed,
    ScheduleInterval,
    ScheduleMonthlyAbsolute,
    ScheduleMonthlyRelative,
    ScheduleNow,
    ScheduleOnce,
    ScheduleWeekly,
    freeze,
    thaw,
    typesValid,
)
from raa.lib.repeatschedules import getWidgetValuesFromSchedule
from raa.planning.occurrences import upcoming
from raa.planning.rule import UNITS, Rule
from raa.rpath_error import InvalidInput

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
EPOCH = int(START.timestamp())


def test_the_types_are_numbered_in_the_classic_order():
    classes = (
        ScheduleImmed,
        ScheduleNow,
        ScheduleOnce,
        ScheduleInterval,
        ScheduleWeekly,
        ScheduleMonthlyRelative,
        ScheduleMonthlyAbsolute,
    )

    assert [cls().type for cls in classes] == list(range(7))
    assert set(typesValid) == set(range(7))


def test_a_day_is_kept_in_seconds_with_its_unit():
    sched = ScheduleInterval(EPOCH, None, 1, INTERVAL_DAYS)

    assert (sched.type, sched.interval, sched.unit, sched.start, sched.end) == (3, 86400, 3, EPOCH, None)
    assert INTERVAL_DAYS == ScheduleInterval.INTERVAL_DAYS == 3
    assert str(sched).startswith("Every 1 day(s) from ")


def test_a_week_keeps_its_mask_under_both_names():
    sched = ScheduleWeekly(EPOCH, None, daysOfTheWeek=ScheduleWeekly.listDayVars[6])

    assert (sched.daysOfTheWeek, sched.interval) == (64, 64)
    sched.interval = 1
    assert sched.daysOfTheWeek == 1


def test_a_month_keeps_its_day_as_the_interval():
    assert ScheduleMonthlyAbsolute(EPOCH, None, day=15).interval == 15


def test_other_types_have_no_days_of_the_week():
    assert ScheduleInterval(EPOCH).daysOfTheWeek is None
    assert ScheduleWeekly(EPOCH, None, 1).day is None


def test_aware_datetimes_become_epoch_numbers():
    assert ScheduleOnce(START).start == EPOCH
    assert ScheduleInterval(START, NOW).end == int(NOW.timestamp())


@pytest.mark.parametrize(
    ("sched", "text"),
    [
        (ScheduleInterval(EPOCH, None, 1, INTERVAL_DAYS), "Every 1 day(s) from Tue 24 Nov 2026, 02:00"),
        (
            ScheduleInterval(EPOCH, NOW, 6, INTERVAL_HOURS),
            "Every 6 hour(s) from Tue 24 Nov 2026, 02:00 until Tue 24 Nov 2026, 09:00",
        ),
        (ScheduleInterval(None, None, 2, INTERVAL_DAYS), "Every 2 day(s) from the moment it is stored"),
        (ScheduleWeekly(EPOCH, None, 1), "Every Monday at 02:00"),
        (ScheduleWeekly(None, None, 1), "ScheduleWeekly whose time of day is set when it is stored"),
        (ScheduleMonthlyRelative(EPOCH, None, week=-1, day=6), "On the last Sunday of every month at 02:00"),
        (ScheduleMonthlyAbsolute(EPOCH, None, day=3), "On day 3 of every month at 02:00"),
        (ScheduleOnce(EPOCH), "Once on Tue 24 Nov 2026 at 02:00"),
        (ScheduleOnce(), "Once, when it is stored"),
        (ScheduleNow(), "As soon as possible"),
        (ScheduleImmed(), "At once, while the page waits"),
        (ScheduleWeekly(EPOCH), "ScheduleWeekly that cannot be used: Choose at least one day of the week."),
        (Schedule(), "Schedule that cannot be used: There is no type of schedule -1."),
    ],
)
def test_a_schedule_is_a_human_sentence(sched, text):
    assert str(sched) == text
    assert text in repr(sched)


def test_the_sentence_uses_the_schedules_own_zone():
    sched = ScheduleWeekly(EPOCH, None, 1)
    sched.zone = "Europe/Berlin"

    assert str(sched) == "Every Monday at 03:00"


def test_a_once_without_start_is_due_when_it_is_stored():
    assert freeze(ScheduleOnce(), NOW, "UTC").start == NOW


def test_attributes_changed_later_count():
    sched = ScheduleInterval(EPOCH, None, 1, INTERVAL_DAYS)
    sched.interval, sched.start, sched.zone = 3 * 86400, EPOCH + 3600, "Europe/Berlin"

    rule = freeze(sched, NOW, "UTC")

    assert (rule.count, rule.unit, rule.zone) == (3, "days", "Europe/Berlin")
    assert rule.local_start.hour == 4


def test_days_follow_the_clock_on_the_wall_and_broken_days_do_not():
    sched = ScheduleInterval(EPOCH, None, 1, INTERVAL_DAYS)
    sched.interval = 36 * 3600

    rule = freeze(sched, NOW, "Europe/Berlin")

    assert (rule.count, rule.unit, rule.wall_clock) == (36, "hours", False)


def test_the_zone_of_the_appliance_is_used_when_the_schedule_has_none():
    assert freeze(ScheduleWeekly(EPOCH, None, 1), NOW, "Asia/Tokyo").zone == "Asia/Tokyo"


def test_short_months_follow_the_attribute():
    sched = ScheduleMonthlyAbsolute(datetime(2027, 1, 31, tzinfo=UTC), None, day=31)
    sched.shortMonth = "last"

    assert upcoming(freeze(sched, NOW, "UTC"), datetime(2027, 2, 1, tzinfo=UTC), 1)[0].due.day == 28


def changed(sched, **attributes):
    for name, value in attributes.items():
        setattr(sched, name, value)
    return sched


@pytest.mark.parametrize(
    ("sched", "field"),
    [
        (Schedule(), "type"),
        (changed(ScheduleNow(), type="now"), "type"),
        (ScheduleWeekly(EPOCH), "days"),
        (ScheduleWeekly(EPOCH, None, "mon"), "interval"),
        (ScheduleMonthlyAbsolute(EPOCH, None, 32), "day"),
        (ScheduleMonthlyRelative(EPOCH, None, 9, 0), "week"),
        (ScheduleMonthlyRelative(EPOCH, None, None, 0), "week"),
        (ScheduleInterval(EPOCH, None, 0, INTERVAL_DAYS), "count"),
        (changed(ScheduleInterval(EPOCH), unit=9), "unit"),
        (changed(ScheduleInterval(EPOCH), unit=None), "unit"),
        (changed(ScheduleInterval(EPOCH), interval=None), "interval"),
        (changed(ScheduleInterval(EPOCH), interval=0.5), "interval"),
        (ScheduleInterval(EPOCH, EPOCH - 1), "end"),
        (ScheduleOnce("tomorrow"), "start"),
        (ScheduleOnce(True), "start"),
        (ScheduleOnce(float("nan")), "start"),
        (ScheduleOnce(1e20), "start"),
        (ScheduleOnce(datetime(2026, 1, 1)), "start"),
        (changed(ScheduleOnce(EPOCH), zone="Europe/Atlantis"), "zone"),
        (changed(ScheduleWeekly(EPOCH, None, 1), maxRuns=0), "max_runs"),
        (changed(ScheduleMonthlyAbsolute(EPOCH), shortMonth="none"), "short_month"),
    ],
)
def test_nonsense_is_refused_when_it_is_stored(sched, field):
    with pytest.raises(InvalidInput) as caught:
        freeze(sched, NOW, "UTC")

    assert list(caught.value.problems) == [field]


def test_an_unknown_unit_is_refused_at_once():
    with pytest.raises(InvalidInput):
        ScheduleInterval(EPOCH, None, 1, 17)


SHORT_MONTH = st.sampled_from(["skip", "last"])
SPECIAL = st.one_of(
    st.fixed_dictionaries({"kind": st.sampled_from(["immed", "now", "once"])}),
    st.fixed_dictionaries(
        {"kind": st.just("interval"), "count": st.integers(1, 3000), "unit": st.sampled_from(list(UNITS))}
    ),
    st.fixed_dictionaries({"kind": st.just("weekly"), "days": st.integers(1, 127)}),
    st.fixed_dictionaries(
        {
            "kind": st.just("monthly_relative"),
            "day": st.integers(0, 6),
            "week": st.sampled_from([1, 2, 3, 4, 5, -1]),
            "short_month": SHORT_MONTH,
        }
    ),
    st.fixed_dictionaries({"kind": st.just("monthly_absolute"), "day": st.integers(1, 31), "short_month": SHORT_MONTH}),
)
RULES = st.builds(
    lambda special, **common: Rule(**special, **common),
    SPECIAL,
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    start=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    end=st.none() | st.datetimes(datetime(2100, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)),
    max_runs=st.none() | st.integers(1, 99),
)


@settings(deadline=None, database=None, max_examples=20_000 if os.environ.get("RAA_SOAK") else 200)
@given(RULES)
def test_a_rule_survives_being_thawed_and_frozen(rule):
    sched = thaw(rule)

    assert freeze(sched, NOW, "Asia/Tokyo") == rule
    assert sched.start == rule.start.timestamp()


def test_a_thawed_schedule_is_of_the_classic_class():
    sched = thaw(freeze(ScheduleWeekly(EPOCH, None, 64), NOW, "UTC"))

    assert type(sched) is ScheduleWeekly
    assert (sched.type, sched.interval, sched.unit) == (4, 64, None)


def test_the_widget_values_of_a_weekly_sunday_are_the_classic_ones():
    five_on_a_sunday = datetime(2026, 11, 29, 5, 0, tzinfo=UTC).timestamp()

    found = getWidgetValuesFromSchedule(ScheduleWeekly(five_on_a_sunday, None, daysOfTheWeek=64))

    assert found == {"timeDay": 6, "timeHour": 5, "checkFreq": "Weekly", "timeDayMonth": 64}


@pytest.mark.parametrize(
    ("sched", "freq", "day", "month_day"),
    [
        (ScheduleInterval(EPOCH, None, 1, INTERVAL_DAYS), "Daily", 0, 86400),
        (ScheduleWeekly(EPOCH, None, 0b0001100), "Weekly", 2, 0b0001100),
        (ScheduleMonthlyAbsolute(EPOCH, None, 17), "Monthly", 0, 17),
        (ScheduleMonthlyRelative(EPOCH, None, 2, 4), "Monthly", 4, 4),
    ],
)
def test_the_widget_values_of_the_other_types(sched, freq, day, month_day):
    assert getWidgetValuesFromSchedule(sched) == {
        "checkFreq": freq,
        "timeHour": 2,
        "timeDay": day,
        "timeDayMonth": month_day,
    }


def test_the_widgets_hour_is_read_in_the_schedules_zone():
    sched = changed(ScheduleWeekly(EPOCH, None, 1), zone="America/New_York")

    assert getWidgetValuesFromSchedule(sched)["timeHour"] == 21
    assert getWidgetValuesFromSchedule(ScheduleWeekly(None, None, 1))["timeHour"] == 0


def test_the_module_imports_no_database():
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert not {name for name in imported if name.split(".")[0] in ("sqlobject", "sqlite3", "psycopg")}
