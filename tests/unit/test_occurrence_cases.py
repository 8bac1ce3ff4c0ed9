"""Occurrences one by one: starts, ends, changes of the clocks over midnight, and what happens once."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from raa.planning.occurrences import Missed, first_from, last_until, missed_between, next_after, upcoming
from raa.planning.rule import Rule


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(instant: datetime, zone: str) -> datetime:
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def test_ten_years_of_seconds_are_counted_without_walking_them():
    rule = Rule(kind="interval", unit="seconds", count=1, zone="UTC", start=utc("2026-01-01 00:00"))

    missed = missed_between(rule, utc("2026-01-01 00:00"), utc("2036-01-01 00:00"))

    assert missed.count == 3652 * 86400
    assert missed.last.due == utc("2036-01-01 00:00")


def daily(zone: str, start: str) -> Rule:
    return Rule(kind="weekly", days=127, zone=zone, start=utc(start))


def test_a_run_moved_past_midnight_is_still_found_after_midnight_and_the_new_date_has_its_own():
    rule = daily("America/Scoresbysund", "2025-01-05 01:30")  # 23:30 on the wall
    just_past_midnight = utc("2025-03-30 01:10")

    dues = [shown(one.due, rule.zone) for one in upcoming(rule, just_past_midnight, 2)]

    assert dues == [datetime(2025, 3, 30, 0, 30), datetime(2025, 3, 30, 23, 30)]


def test_hourly_runs_come_in_both_of_two_equal_hours():
    rule = Rule(kind="interval", unit="hours", count=1, zone="Europe/Berlin", start=utc("2026-10-24 00:30"))

    walls = [shown(one.due, rule.zone).hour for one in upcoming(rule, utc("2026-10-24 23:00"), 4)]

    assert walls == [1, 2, 2, 3]


def test_a_start_in_the_second_of_two_equal_hours_is_the_first_run():
    rule = Rule(kind="interval", unit="days", count=1, zone="Europe/Berlin", start=utc("2026-10-25 01:30"))

    assert first_from(rule, rule.start).due == rule.start
    assert next_after(rule, rule.start).due == utc("2026-10-26 01:30")


def test_minutes_that_a_clock_set_back_over_midnight_repeats_do_not_run_twice():
    # St. John's went back from 00:01 to 23:01 of the day before
    rule = Rule(kind="weekly", days=127, zone="America/St_Johns", start=datetime(2010, 10, 1, 2, 30, 30, tzinfo=UTC))
    first_pass = datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC)
    assert shown(first_pass, rule.zone) == datetime(2010, 11, 7, 0, 0, 30)
    second_evening = first_pass + timedelta(minutes=20)
    assert shown(second_evening, rule.zone).date() == date(2010, 11, 6)

    assert next_after(rule, second_evening).due == datetime(2010, 11, 8, 3, 30, 30, tzinfo=UTC)
    assert last_until(rule, second_evening).due == first_pass


def test_start_and_end_are_the_first_and_last_moments_that_count():
    start, end = utc("2026-11-24 02:00"), utc("2026-11-26 02:00")
    rule = Rule(kind="weekly", days=127, zone="UTC", start=start, end=end)

    assert [one.due.day for one in upcoming(rule, utc("2000-01-01 00:00"), 9)] == [24, 25, 26]
    assert next_after(rule, end) is None
    assert last_until(rule, utc("2030-01-01 00:00")).due == end
    assert last_until(rule, start - timedelta(minutes=15)) is None


@pytest.mark.parametrize("kind", ["immed", "now", "once"])
def test_what_happens_once_has_one_occurrence(kind):
    rule = Rule(kind=kind, zone="UTC", start=utc("2026-11-24 02:00"))

    assert [one.due for one in upcoming(rule, utc("2020-01-01 00:00"), 5)] == [rule.start]
    assert next_after(rule, rule.start) is None
    assert first_from(rule, rule.start).due == rule.start
    assert missed_between(rule, utc("2020-01-01 00:00"), utc("2030-01-01 00:00")).count == 1


def test_nothing_is_due_past_the_horizon_nor_between_instants_in_the_wrong_order():
    rule = daily("UTC", "2026-01-05 01:30")

    assert next_after(rule, utc("9998-01-01 00:00")) is None
    assert last_until(rule, utc("9998-01-01 00:00")).due.year == 8999
    assert missed_between(rule, utc("2027-01-01 00:00"), utc("2026-06-01 00:00")) == Missed(0)
