"""Rules: which are refused, under which field, and what a preview shows of one."""

from datetime import UTC, datetime

import pytest

from raa.planning.preview import preview
from raa.planning.rule import Rule
from raa.rpath_error import InvalidInput


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


GOOD = {"kind": "weekly", "zone": "UTC", "start": utc("2026-01-01 00:00"), "days": 1}
INTERVAL = {"kind": "interval", "zone": "UTC", "start": utc("2026-01-01 00:00"), "count": 1, "unit": "days"}
NONSENSE = [
    ({"kind": "yearly"}, "kind"),
    ({"zone": "Europe/Atlantis"}, "zone"),
    ({"zone": ["UTC"]}, "zone"),
    ({"unit": {}}, "unit"),
    ({"start": datetime(2026, 1, 1)}, "start"),
    ({"start": "2026-01-01"}, "start"),
    ({"start": None}, "start"),
    ({"start": utc("0001-01-01 00:00")}, "start"),
    ({"end": datetime(2027, 1, 1)}, "end"),
    ({"end": utc("2025-12-31 23:59")}, "end"),
    ({"end": utc("9999-12-31 23:59")}, "end"),
    ({"days": 0}, "days"),
    ({"days": 128}, "days"),
    ({"days": True}, "days"),
    ({"days": "mon"}, "days"),
    ({"count": 3}, "count"),
    ({"max_runs": 0}, "max_runs"),
    ({"max_runs": 1.5}, "max_runs"),
    (INTERVAL | {"days": 0, "count": 0}, "count"),
    (INTERVAL | {"days": 0, "count": -1}, "count"),
    (INTERVAL | {"days": 0, "unit": "fortnights"}, "unit"),
    (INTERVAL | {"days": 0, "count": 100_000}, "count"),
    ({"kind": "monthly_absolute", "days": 0, "day": 32}, "day"),
    ({"kind": "monthly_absolute", "days": 0, "day": 0}, "day"),
    ({"kind": "monthly_absolute", "days": 0, "day": 31, "short_month": "first"}, "short_month"),
    ({"kind": "monthly_relative", "days": 0, "day": 7, "week": 1}, "day"),
    ({"kind": "monthly_relative", "days": 0, "day": 0, "week": 6}, "week"),
    ({"kind": "monthly_relative", "days": 0, "day": 0, "week": 0}, "week"),
]


@pytest.mark.parametrize(("change", "field"), NONSENSE)
def test_nonsense_is_refused_under_the_name_of_its_field(change, field):
    with pytest.raises(InvalidInput) as caught:
        Rule(**(GOOD | change))

    assert list(caught.value.problems) == [field]
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "once", "zone": "UTC"}, "start"),
        ({"kind": "once", "zone": "UTC", "start": "soon"}, "start"),
        ({"kind": "once", "zone": "UTC", "start": "2026-01-01T00:00:00"}, "start"),
        ({"kind": "once", "zone": "UTC", "start": "2026-01-01T00:00:00+00:00", "colour": 1}, "colour"),
    ],
)
def test_stored_values_are_judged_like_others(values, field):
    with pytest.raises(InvalidInput) as caught:
        Rule.from_values(values)

    assert list(caught.value.problems) == [field]


def test_the_preview_shows_sentence_runs_offsets_and_moved_times():
    rule = Rule(kind="weekly", days=127, zone="Europe/Berlin", start=utc("2026-01-05 01:30"))

    shown_page = preview(rule, utc("2026-03-27 12:00"), 3)

    assert shown_page == {
        "words": "Every day at 02:30",
        "zone": "Europe/Berlin",
        "runs": [
            {"due": "2026-03-28T02:30:00+01:00", "text": "Sat 28 Mar 2026, 02:30", "note": ""},
            {
                "due": "2026-03-29T03:30:00+02:00",
                "text": "Sun 29 Mar 2026, 03:30",
                "note": "02:30 does not exist on 29 Mar; runs at 03:30",
            },
            {"due": "2026-03-30T02:30:00+02:00", "text": "Mon 30 Mar 2026, 02:30", "note": ""},
        ],
    }


def test_the_preview_names_months_that_are_skipped():
    rule = Rule(kind="monthly_absolute", day=31, zone="UTC", start=utc("2026-01-31 02:00"))

    notes = [run["note"] for run in preview(rule, utc("2026-11-01 00:00"), 3)["runs"]]

    assert notes == ["Nov 2026 has no day 31 and is skipped", "", "Feb 2027 has no day 31 and is skipped"]


def test_the_preview_stops_at_the_greatest_number_of_runs():
    rule = Rule(kind="weekly", days=127, zone="UTC", start=utc("2026-01-31 02:00"), max_runs=3)

    assert len(preview(rule, utc("2026-11-01 00:00"), 5, runs_so_far=1)["runs"]) == 2
    assert preview(rule, utc("2026-11-01 00:00"), 5, runs_so_far=3)["runs"] == []
