"""`next_after` gives what dateutil, cronsim and systemd give: random rules, zones and instants, no difference.

Left out by rule, before anybody is asked, are times of day in a gap or a fold and months that take their last day:
there the three disagree. `test_policies` has those, in a table written by hand.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from cases import Case, batches, excluded
from cronsim import CronSim
from oracles import by_cronsim, by_dateutil, by_systemd, calendar_event, cron

from raa.planning import occurrences
from raa.planning.occurrences import first_from, next_after
from raa.planning.rule import KINDS, UNITS, Rule

COUNT = 100_000 if os.environ.get("RAA_SOAK") else 2_000
#: of what is left out at most; it comes to about 2 %
SHARE = 0.05
Next = Callable[[Rule, datetime], occurrences.Occurrence | None]


@dataclass
class Report:
    """What came of a number of cases."""

    seed: str
    cases: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    differences: dict[str, list[str]] = field(default_factory=dict)

    @property
    def share(self) -> float:
        return self.excluded.total() / self.cases

    def __str__(self) -> str:
        out = ", ".join(f"{why} {n}" for why, n in sorted(self.excluded.items()))
        asked = ", ".join(f"{name} {n}" for name, n in sorted(self.asked.items()))
        wrong = sum(map(len, self.differences.values()))
        return (
            f"calendar: {self.cases} cases, left out {self.share:.2%} ({out}), asked {asked}, {wrong} differences; "
            f"RAA_SEED={self.seed}"
        )

    def compare(self, name: str, case: Case, mine: datetime | None, other: datetime | None) -> None:
        self.asked[name] += 1
        if other and case.rule.end and other > case.rule.end:
            other = None
        if mine != other:
            self.differences.setdefault(name, []).append(f"{case.rule} after {case.instant}: {mine}, {name} {other}")


def compared(seed: str, count: int, ours: Next = next_after) -> Report:
    report = Report(seed)
    for batch in batches(seed, count):
        report.cases += len(batch)
        report.excluded.update(case.excluded for case in batch if case.excluded)
        cases = [case for case in batch if not case.excluded]
        answers = {id(case): one.due if (one := ours(case.rule, case.instant)) else None for case in cases}
        for case in cases:
            report.kinds[case.rule.unit or case.rule.kind] += 1
            mine, started = answers[id(case)], case.instant >= case.rule.start
            report.compare("dateutil", case, mine, by_dateutil(case.rule, case.instant))
            if started and cron(case.rule):
                report.compare("cronsim", case, mine, by_cronsim(case.rule, case.instant))
        # these two know no start
        known = [c for c in cases if (c.instant >= c.rule.start or c.rule.kind == "once") and calendar_event(c.rule)]
        if known:
            found = by_systemd([case.rule for case in known], known[0].instant)
            for case, other in zip(known, found, strict=True):
                report.compare("systemd", case, answers[id(case)], other)
    return report


def test_random_rules_have_no_difference_from_dateutil_cronsim_and_systemd(
    record_property: Callable[[str, object], None],
) -> None:
    report = compared(os.environ.get("RAA_SEED") or secrets.token_hex(4), COUNT)

    record_property("report", str(report))
    few = [line for lines in report.differences.values() for line in lines[:3]]
    assert not few, "\n".join([str(report), *few])
    assert report.cases == COUNT
    assert report.share < SHARE, report
    assert set(report.kinds) == {*UNITS, *KINDS} - {"interval", "now", "immed"}
    assert min(report.asked[name] for name in ("dateutil", "cronsim", "systemd")) > COUNT / 3, report


def winter(day: int, clock: time, tz: ZoneInfo) -> tuple[datetime, bool]:
    """Take January's offset all year."""
    local = datetime.combine(date.fromordinal(day), clock)
    return (local - datetime(local.year, 1, 1, tzinfo=tz).utcoffset()).replace(tzinfo=UTC), False


def fourth_for_last(year: int, month: int, weekday: int, week: int) -> int | None:
    return NTH_WEEKDAY(year, month, weekday, 4 if week == -1 else week)


NTH_WEEKDAY, NEXT_MONTH = occurrences.nth_weekday, occurrences.next_month
WRONG = {
    "resolve_day": winter,
    "nth_weekday": fourth_for_last,
    "next_month": lambda y, m, step=1: NEXT_MONTH(y, m, 2 * step),
}


@pytest.mark.parametrize("name", WRONG)
def test_every_oracle_notices_wrong_arithmetic(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occurrences, name, WRONG[name])

    report = compared("wrong", 300)

    assert set(report.differences) == {"dateutil", "cronsim", "systemd"}, report


def test_every_oracle_notices_that_after_means_later() -> None:
    report = compared("not later", 300, first_from)

    assert set(report.differences) == {"dateutil", "cronsim", "systemd"}, report


def test_every_oracle_notices_a_second_too_many() -> None:
    def late(rule: Rule, instant: datetime) -> occurrences.Occurrence | None:
        one = next_after(rule, instant)
        return one and occurrences.Occurrence(one.due + timedelta(seconds=1))

    assert len(compared("late", 48, late).differences) == 3


@pytest.mark.parametrize(
    ("special", "start", "instant", "why"),
    [
        ({"kind": "weekly", "days": 1}, "2026-01-01T02:30", "2026-03-24T02:30", "gap"),
        ({"kind": "weekly", "days": 1}, "2026-01-01T03:00", "2026-03-24T02:30", ""),
        ({"kind": "weekly", "days": 1}, "2026-01-01T02:30", "2026-04-24T02:30", ""),
        ({"kind": "interval", "unit": "days", "count": 3}, "2026-01-01T02:00", "2026-10-23T02:30", "fold"),
        ({"kind": "interval", "unit": "hours", "count": 3}, "2026-01-01T02:00", "2026-10-23T02:30", ""),
        ({"kind": "monthly_absolute", "day": 31}, "2026-01-01T12:00", "2026-06-10T02:30", ""),
        (
            {"kind": "monthly_absolute", "day": 31, "short_month": "last"},
            "2026-01-01T12:00", "2026-06-10", "short month",
        ),
        ({"kind": "monthly_absolute", "day": 28, "short_month": "last"}, "2026-01-01T12:00", "2026-02-10", ""),
        ({"kind": "monthly_relative", "week": 5, "day": 4}, "2026-01-01T12:00", "2026-11-10", ""),
        (
            {"kind": "monthly_relative", "week": 5, "day": 4, "short_month": "last"},
            "2026-01-01T12:00", "2026-11-10", "short month",
        ),
    ],
)  # fmt: skip
def test_what_is_left_out_is_told_by_rule_and_zone(
    special: dict[str, object], start: str, instant: str, why: str
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    rule = Rule(zone="Europe/Berlin", start=datetime.fromisoformat(start).replace(tzinfo=berlin), **special)

    assert excluded(rule, datetime.fromisoformat(instant).replace(tzinfo=UTC)) == why


def test_cronsim_is_not_asked_where_it_loses_a_day() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")
    start, evening = datetime(2027, 10, 1, 8, 2, 5, tzinfo=zone), datetime(2027, 10, 2, 17, 34, 56, tzinfo=zone)
    rule = Rule(kind="weekly", days=127, zone="Australia/Lord_Howe", start=start)
    morning = datetime(2027, 10, 3, 8, 2, 5, tzinfo=zone).astimezone(UTC)

    assert next(CronSim("5 2 8 * * *", evening)).date() == date(2027, 10, 4)
    assert cron(rule) == ""
    assert next_after(rule, evening).due == by_dateutil(rule, evening.astimezone(UTC)) == morning
    assert by_systemd([rule], evening.astimezone(UTC)) == [morning]


def test_a_seed_makes_the_same_cases_again() -> None:
    assert list(batches("again", 40)) == list(batches("again", 40)) != list(batches("other", 40))
