"""Rules as sentences."""

from datetime import UTC, datetime, time

import pytest

from raa.planning.rule import KINDS, Rule
from raa.planning.words import clock_text, join, moment_text, words

START = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)  # Tuesday, 02:30 in Berlin
END = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)  # midnight in Berlin

SENTENCES = [
    ({"kind": "immed"}, "At once, while the page waits"),
    ({"kind": "now"}, "As soon as possible"),
    ({"kind": "once"}, "Once on Tue 24 Nov 2026 at 02:30"),
    ({"kind": "interval", "count": 1, "unit": "days"}, "Every day at 02:30"),
    ({"kind": "interval", "count": 3, "unit": "days"}, "Every 3 days at 02:30, counted from 24 Nov 2026"),
    ({"kind": "interval", "count": 1, "unit": "weeks"}, "Every Tuesday at 02:30"),
    ({"kind": "interval", "count": 2, "unit": "weeks"}, "Every 2 weeks on Tuesday at 02:30, counted from 24 Nov 2026"),
    ({"kind": "interval", "count": 6, "unit": "hours"}, "Every 6 hours from 24 Nov 2026, 02:30"),
    ({"kind": "interval", "count": 1, "unit": "minutes"}, "Every minute from 24 Nov 2026, 02:30"),
    ({"kind": "interval", "count": 90, "unit": "seconds"}, "Every 90 seconds from 24 Nov 2026, 02:30"),
    ({"kind": "weekly", "days": 0b0001001}, "Every Monday and Thursday at 02:30"),
    ({"kind": "weekly", "days": 0b0010101}, "Every Monday, Wednesday and Friday at 02:30"),
    ({"kind": "weekly", "days": 0b0011111}, "Every weekday at 02:30"),
    ({"kind": "weekly", "days": 0b1111111}, "Every day at 02:30"),
    ({"kind": "weekly", "days": 0b1000000, "end": END}, "Every Sunday at 02:30, until 1 Jan 2027"),
    ({"kind": "weekly", "days": 0b1000000, "max_runs": 10}, "Every Sunday at 02:30, at most 10 runs"),
    (
        {"kind": "weekly", "days": 0b1000000, "end": datetime(2027, 1, 1, 11, 0, tzinfo=UTC), "max_runs": 1},
        "Every Sunday at 02:30, until 1 Jan 2027, 12:00, once only",
    ),
    ({"kind": "monthly_relative", "day": 6, "week": -1}, "On the last Sunday of every month at 02:30"),
    ({"kind": "monthly_relative", "day": 1, "week": 3}, "On the third Tuesday of every month at 02:30"),
    (
        {"kind": "monthly_relative", "day": 1, "week": 5},
        "On the fifth Tuesday of every month at 02:30 (skips months without one)",
    ),
    (
        {"kind": "monthly_relative", "day": 1, "week": 5, "short_month": "last"},
        "On the fifth Tuesday of every month at 02:30 (in months without one the last)",
    ),
    ({"kind": "monthly_absolute", "day": 28}, "On day 28 of every month at 02:30"),
    ({"kind": "monthly_absolute", "day": 31}, "On day 31 of every month at 02:30 (skips shorter months)"),
    (
        {"kind": "monthly_absolute", "day": 31, "short_month": "last"},
        "On day 31 of every month at 02:30 (in shorter months on the last day)",
    ),
]


@pytest.mark.parametrize(("special", "sentence"), SENTENCES)
def test_a_rule_reads_as_its_sentence(special, sentence):
    assert words(Rule(zone="Europe/Berlin", start=START, **special)) == sentence


def test_every_kind_has_a_sentence_in_the_table():
    assert {special["kind"] for special, _ in SENTENCES} == set(KINDS)


def test_times_are_those_of_the_rules_zone():
    rule = Rule(kind="weekly", days=1, zone="America/New_York", start=START)

    assert words(rule) == "Every Monday at 20:30"


def test_the_end_of_what_happens_once_is_not_worth_a_word():
    assert words(Rule(kind="once", zone="UTC", start=START, end=END, max_runs=1)) == "Once on Tue 24 Nov 2026 at 01:30"


def test_a_moment_shows_its_weekday_date_and_time():
    assert moment_text(START, "Europe/Berlin") == "Tue 24 Nov 2026, 02:30"


def test_seconds_show_only_when_there_are_any():
    assert clock_text(time(2, 30)) == "02:30"
    assert clock_text(time(2, 30, 5)) == "02:30:05"


def test_words_are_joined_with_commas_and_one_and():
    assert [join(items) for items in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
