"""Specs: what people and programs write becomes a rule and its runs, or a refusal under the field's name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from raa.planning.spec import planned
from raa.planning.words import words
from raa.rpath_error import InvalidInput

NOW = datetime(2026, 11, 24, 8, 0, 7, 999, tzinfo=UTC)
BERLIN: dict[str, object] = {"zone": "Europe/Berlin", "from": "2026-03-28T00:00", "count": 3}
WEEKLY = {"kind": "weekly", "days": "mon,thu", "at": "02:30"}


def runs(**spec: Any) -> list[str]:
    return [str(run["local"]) for run in shown(**spec)]


def shown(**spec: Any) -> list[dict[str, object]]:
    fields = {name.rstrip("_"): value for name, value in spec.items()}
    return planned({**BERLIN, **fields}, NOW, "UTC").values()


RUNS = [
    (WEEKLY, ["2026-03-30T02:30:00+02:00", "2026-04-02T02:30:00+02:00", "2026-04-06T02:30:00+02:00"]),
    (
        {"kind": "interval", "every": 36, "unit": "hours"},
        ["2026-03-28T00:00:00+01:00", "2026-03-29T13:00:00+02:00", "2026-03-31T01:00:00+02:00"],
    ),
    (
        {"kind": "interval", "every": "2", "unit": "days", "at": "2:30"},
        ["2026-03-28T02:30:00+01:00", "2026-03-30T02:30:00+02:00", "2026-04-01T02:30:00+02:00"],
    ),
    (
        {"kind": "interval", "every": 2, "unit": "weeks", "start": "2026-03-01T05:00"},
        ["2026-03-29T05:00:00+02:00", "2026-04-12T05:00:00+02:00", "2026-04-26T05:00:00+02:00"],
    ),
    ({"kind": "once", "at": "2026-12-01T03:00"}, ["2026-12-01T03:00:00+01:00"]),
    (
        {"kind": "monthly-absolute", "day": 31, "short-month": "last", "at": "02:30:15"},
        ["2026-03-31T02:30:15+02:00", "2026-04-30T02:30:15+02:00", "2026-05-31T02:30:15+02:00"],
    ),
    (
        {"kind": "monthly_relative", "week": "last", "day": "fri", "at": "03:00"},
        ["2026-04-24T03:00:00+02:00", "2026-05-29T03:00:00+02:00", "2026-06-26T03:00:00+02:00"],
    ),
    (
        {"kind": "monthly-relative", "week": "5", "day": "Fri"},
        ["2026-05-29T00:00:00+02:00", "2026-07-31T00:00:00+02:00", "2026-10-30T00:00:00+01:00"],
    ),
]


@pytest.mark.parametrize(("spec", "expected"), RUNS)
def test_a_spec_has_the_runs_that_its_words_say(spec: dict[str, Any], expected: list[str]) -> None:
    assert runs(**spec) == expected


def test_a_run_has_its_moment_in_utc_and_with_the_zones_offset_and_a_note_or_none() -> None:
    moved, plain = shown(kind="weekly", days="sun,mon", at="02:30", count=2)

    assert moved == {
        "due": "2026-03-29T01:30:00Z",
        "local": "2026-03-29T03:30:00+02:00",
        "note": "02:30 does not exist on 29 Mar; runs at 03:30",
    }
    assert plain["note"] is None


@pytest.mark.parametrize("first", ["from", "start"])
@pytest.mark.parametrize(
    "kind", [{"kind": "weekly", "days": ["sun", "mon"]}, {"kind": "interval", "every": 1, "unit": "days"}]
)
@pytest.mark.parametrize("at", [{"at": "02:30"}, {}])
def test_a_first_moment_in_a_gap_moves_that_run_alone(first: str, kind: dict[str, Any], at: dict[str, str]) -> None:
    expected = ["2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"]

    found = runs(**kind, **at, **{first: "2026-03-29T02:30"}, count=9)

    assert found[:2] == expected


def test_what_runs_once_in_a_gap_is_moved_and_says_so() -> None:
    (one,) = shown(kind="once", at="2027-03-28T02:30")

    assert one["local"] == "2027-03-28T03:30:00+02:00"
    assert one["note"] == "02:30 does not exist on 28 Mar; runs at 03:30"


def test_the_first_moment_counts_and_so_does_the_last() -> None:
    assert runs(kind="weekly", days="sat", at="00:00", end="2026-04-04T00:00") == [
        "2026-03-28T00:00:00+01:00", "2026-04-04T00:00:00+02:00",
    ]  # fmt: skip


def test_runs_before_the_first_moment_shown_count_towards_the_greatest_number() -> None:
    daily = {"kind": "interval", "every": 1, "unit": "days", "start": "2026-03-26T04:00"}

    assert runs(**daily, max_runs=4) == ["2026-03-28T04:00:00+01:00", "2026-03-29T04:00:00+02:00"]
    assert runs(**daily, max_runs=2) == []


def test_a_start_in_a_gap_is_counted_once_towards_the_greatest_number() -> None:
    daily = {"kind": "weekly", "days": "sun,mon,sat", "at": "02:30", "start": "2026-03-29T00:00"}

    assert len(runs(**daily, max_runs=2, from_="2026-03-30T00:00")) == 1


def test_without_from_the_runs_begin_now_in_whole_seconds_and_in_the_zone_given() -> None:
    plan = planned({"kind": "interval", "every": 1, "unit": "hours", "from": None, "end": ""}, NOW, "Asia/Tokyo")

    assert next(run["local"] for run in plan.values()) == "2026-11-24T17:00:07+09:00"
    assert len(plan.values()) == 5
    assert words(plan.rule) == "Every hour from 24 Nov 2026, 17:00:07"


def test_a_moment_may_have_an_offset_of_its_own() -> None:
    assert runs(kind="once", at="2026-12-01T03:00Z") == ["2026-12-01T04:00:00+01:00"]


REFUSED = [
    ({"kind": None}, "kind", "weekly, monthly-relative"),
    ({"kind": "now"}, "kind", "interval, once"),
    ({"days": None}, "days", "at least one day"),
    ({"days": "mon,noday"}, "days", "'noday' is no day"),
    ({"days": [["mon"]]}, "days", "no day of the week"),
    ({"at": "25:00"}, "at", "02:30"),
    ({"at": "02:60"}, "at", "02:30"),
    ({"at": "noon"}, "at", "02:30"),
    ({"at": True}, "at", "text or a whole number"),
    ({"zone": "Europe/Atlantis"}, "zone", "no time zone"),
    ({"zone": 7}, "zone", "no time zone"),
    ({"from": "tomorrow"}, "from", "2026-12-01T03:00"),
    ({"from": "2026-W01-1"}, "from", "2026-12-01T03:00"),
    ({"from": "9999-12-31T23:00"}, "from", "between the years"),
    ({"count": 0}, "count", "Between 1 and 1000"),
    ({"count": 1001}, "count", "Between 1 and 1000"),
    ({"count": 2.5}, "count", "whole number"),
    ({"start": "2026-04-01", "end": "2026-03-31"}, "end", "before the start"),
    ({"end": "2026-03-27"}, "end", "before the first moment"),
    ({"max_runs": 0}, "max_runs", "1 or more"),
    ({"day": 3}, "day", "weekly has no 'day'"),
    ({"dayz": 3}, "dayz", "There is no field 'dayz'"),
    ({"max-runs": 1, "max_runs": 1}, "max_runs", "twice"),
    ({"kind": "once", "days": None, "at": None}, "at", "date and time"),
    ({"kind": "once", "days": None, "at": "2026-03-27T23:59"}, "at", "has passed"),
    ({"kind": "once", "days": None, "at": "2026-12-01T03:00", "end": "2027-01-01"}, "end", "once has no 'end'"),
    ({"kind": "monthly-absolute", "days": None, "day": 32}, "day", "1 to 31"),
    ({"kind": "monthly-absolute", "days": None, "day": "fri"}, "day", "1 to 31"),
    ({"kind": "monthly-absolute", "days": None, "day": 31, "short_month": "first"}, "short_month", "last day"),
    ({"kind": "monthly-relative", "days": None, "week": "6", "day": "fri"}, "week", "first, second"),
    ({"kind": "monthly-relative", "days": None, "week": "last", "day": "5"}, "day", "mon, tue"),
    ({"kind": "interval", "days": None, "at": None, "every": 0, "unit": "seconds"}, "every", "between 1 and"),
    ({"kind": "interval", "days": None, "at": None, "every": -1, "unit": "seconds"}, "every", "between 1 and"),
    ({"kind": "interval", "days": None, "at": None, "every": 37000, "unit": "days"}, "every", "100 years"),
    ({"kind": "interval", "days": None, "at": None, "every": 1, "unit": "fortnights"}, "unit", "seconds, minutes"),
    ({"kind": "interval", "days": None, "at": "02:30", "every": 1, "unit": "hours"}, "at", "no time of day"),
]


@pytest.mark.parametrize(("change", "field", "sentence"), REFUSED)
def test_nonsense_is_refused_under_the_name_of_its_field(change: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        planned({**BERLIN, **WEEKLY, **change}, NOW, "UTC")

    assert list(caught.value.problems) == [field]
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_date_that_the_zone_left_out_is_refused_for_what_runs_once() -> None:
    spec = {"kind": "once", "at": "2011-12-30T03:00", "from": "2011-01-01", "zone": "Pacific/Apia"}

    with pytest.raises(InvalidInput, match="There was no 30 Dec 2011 in Pacific/Apia"):
        planned(spec, NOW, "UTC")
