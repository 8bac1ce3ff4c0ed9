"""Around both changes of every year in every zone, each matching day has exactly one run, at the instant it should.

What is expected needs no calendar: the wall time less the offset before the change, which is one gap later than the
wall time where it does not exist, and the first of two where it comes twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from changes import Change, changes, names

from raa.calendar import resolve
from raa.planning import occurrences
from raa.planning.occurrences import last_until, missed_between, upcoming
from raa.planning.rule import Rule

#: days before and after the changed one
AROUND = 2
SECOND = timedelta(seconds=1)
#: zone, whether it is a gap, and the wall times that do not exist or come twice
NAMED = [
    ("Australia/Lord_Howe", True, "2026-10-04 02:00", "2026-10-04 02:30"),
    ("Australia/Lord_Howe", False, "2026-04-05 01:30", "2026-04-05 02:00"),
    ("Africa/Cairo", True, "2026-04-24 00:00", "2026-04-24 01:00"),
    ("Africa/Cairo", False, "2026-10-29 23:00", "2026-10-30 00:00"),
    ("Asia/Beirut", True, "2026-03-29 00:00", "2026-03-29 01:00"),
    ("Europe/Dublin", True, "2026-03-29 01:00", "2026-03-29 02:00"),
    ("Europe/Dublin", False, "2026-10-25 01:00", "2026-10-25 02:00"),
    ("Africa/Casablanca", False, "2026-02-15 02:00", "2026-02-15 03:00"),
    ("Africa/Casablanca", True, "2026-03-22 02:00", "2026-03-22 03:00"),
    ("Africa/El_Aaiun", False, "2026-02-15 02:00", "2026-02-15 03:00"),
    ("Africa/El_Aaiun", True, "2026-03-22 02:00", "2026-03-22 03:00"),
    ("Antarctica/Troll", True, "2026-03-29 01:00", "2026-03-29 03:00"),
]


def clocks(change: Change) -> set[time]:
    """Choose times of day at both ends and in the middle of what does not exist or comes twice."""
    first, end = change.walls
    middle = (first + (end - first) / 2).replace(microsecond=0)
    return {first.time(), middle.time(), (end - SECOND).time()}


def expected(zone: str, change: Change, clock: time) -> list[datetime]:
    """List the instants of a daily run: one for each day about the change, of its wall time less the offset then."""
    all_changes = changes(zone)
    first, end = change.walls
    found = []
    for day in range(first.toordinal() - AROUND, end.toordinal() + AROUND + 1):
        wall = datetime.combine(date.fromordinal(day), clock)
        # the last change whose first doubtful wall time is past by then; within one the offset before it counts
        index = bisect_right(all_changes, wall, key=lambda one: one.walls[1]) - 1
        offset = all_changes[index].after if index >= 0 else all_changes[0].before
        found.append((wall - offset).replace(tzinfo=UTC))
    return found


def check_zone(zone: str, counts: Counter[str]) -> list[str]:
    """Walk about every change of a zone and tell what is not as expected."""
    wrong = []
    for change in changes(zone):
        for clock in clocks(change):
            dues = expected(zone, change, clock)
            rule = Rule(kind="weekly", days=127, zone=zone, start=dues[0] - timedelta(days=7))
            rule = rule if rule.local_start.time() == clock else shifted(rule, clock)
            found = [one.due for one in upcoming(rule, dues[0] - SECOND, len(dues) + 1) if one.due <= dues[-1]]
            counts["gaps" if change.gap else "folds"] += 1
            counts["days"] += len(dues)
            last, between = last_until(rule, dues[-1]), missed_between(rule, dues[0] - SECOND, dues[-1])
            if (found, last and last.due, between.count) != (dues, dues[-1], len(dues)):
                wrong.append(f"{zone} {clock} about {change}: {found}, not {dues}; {between.count} counted")
    return wrong


def shifted(rule: Rule, clock: time) -> Rule:
    """Start on an earlier day, where the time of day exists and the offset is another."""
    start = rule.start - timedelta(days=60)
    local = datetime.combine(Rule(kind="once", zone=rule.zone, start=start).local_start.date(), clock)
    return Rule(kind=rule.kind, days=rule.days, zone=rule.zone, start=resolve(local, rule.zone)[0])


def test_every_matching_day_about_every_change_of_every_zone_has_one_run(
    record_property: Callable[[str, object], None],
) -> None:
    counts: Counter[str] = Counter()
    zones = names()

    wrong = [line for zone in zones for line in check_zone(zone, counts)]

    record_property("report", f"clock changes: {len(zones)} zones, {dict(counts)}, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:5])
    assert counts["gaps"] == counts["folds"] > 10_000


@pytest.mark.parametrize(("zone", "gap", "first", "end"), NAMED)
def test_the_changes_that_are_unlike_others_are_among_them(zone: str, gap: bool, first: str, end: str) -> None:
    walls = datetime.fromisoformat(first), datetime.fromisoformat(end)

    assert zone in names()
    assert [change.gap for change in changes(zone) if change.walls == walls] == [gap]


def test_most_zones_have_no_changes_and_the_others_two_a_year() -> None:
    years = Counter(len([c for c in changes(zone) if c.at.year == 2030]) for zone in names())

    assert set(years) == {0, 2}
    assert years[2] > 100


@pytest.mark.parametrize("fold", [0, 1])
def test_a_wrong_choice_between_the_offsets_is_noticed(fold: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(day: int, clock: time, tz: ZoneInfo) -> tuple[datetime, bool]:
        local = datetime.combine(date.fromordinal(day), clock)
        there = local.replace(fold=1, tzinfo=tz).astimezone(UTC)
        moved = there.astimezone(tz).replace(tzinfo=None, fold=0) != local
        # fold 1 takes the second of two; fold 0 loses the day whose time does not exist
        return (there, moved) if fold else (there + timedelta(days=1) * moved, moved)

    monkeypatch.setattr(occurrences, "resolve_day", wrong)

    assert check_zone("Europe/Berlin", Counter())
