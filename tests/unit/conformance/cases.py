"""Random cases, and which of them are left out before anybody is asked: by the rule and the zone alone."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from changes import changes, names, shown

from raa.planning.rule import UNITS, Rule

#: cases that share an instant, so that one process of systemd-analyze can answer them
BATCH = 16
_FROM, _DAYS = datetime(2020, 1, 1, tzinfo=UTC), 18 * 365
_KINDS = ("exact", "exact", "days", "weeks", "weekly", "monthly_relative", "monthly_absolute", "once")
#: in so many days a rule of that kind has certainly matched
_REACH = {"weekly": 8, "monthly_relative": 40, "monthly_absolute": 33}


@dataclass(frozen=True, slots=True)
class Case:
    """What `next_after` is asked for, and why nobody else is."""

    rule: Rule
    instant: datetime
    excluded: str


def batches(seed: str, count: int) -> Iterator[list[Case]]:
    """Yield so many cases in batches; the same seed makes the same ones."""
    random, zones = Random(seed), names()
    for made in range(0, count, BATCH):
        zone = random.choice(zones)
        instant = _instant(random, zone)
        half = [random.choice([zone, random.choice(zones)]) for _ in range(min(BATCH, count - made))]
        rules = [_rule(random, zone, instant) for zone in half]
        yield [Case(rule, instant, excluded(rule, instant)) for rule in rules]


def _instant(random: Random, zone: str) -> datetime:
    """Choose an instant, every third time within three days of a change of the zone, if it has any."""
    seconds = timedelta(seconds=random.randrange(86400))
    near = [change.at for change in changes(zone) if change.at > _FROM]
    if near and random.random() < 0.33:
        return random.choice(near) + timedelta(days=random.randint(-3, 2)) + seconds
    return _FROM + timedelta(days=random.randrange(_DAYS)) + seconds


def _rule(random: Random, zone: str, instant: datetime) -> Rule:
    kind = random.choice(_KINDS)
    special = _special(random, kind)
    if kind == "exact":
        step = special["count"] * UNITS[special["unit"]]
        back = random.randint(0, 250) * step + random.choice([0, random.randrange(step)])
        start = instant - timedelta(seconds=back)
    elif kind == "once":
        start = instant + timedelta(seconds=random.choice([-1, 0, 1, random.randint(-(10**7), 10**7)]))
    else:
        start = _daytime(random, zone, instant)
    if random.random() < 0.08:
        start += timedelta(days=random.randint(500, 560))  # after the instant
    end = max(start, instant) + timedelta(days=random.randint(0, 60)) if random.random() < 0.1 else None
    return Rule(zone=zone, start=start, end=end, **special)


def _special(random: Random, kind: str) -> dict[str, object]:
    short = random.choice(["skip", "last"])
    if kind == "exact":
        unit = random.choice(["seconds", "minutes", "hours"])
        even = [1, 2, 3, 4, 6, 8, 12] if unit == "hours" else [1, 2, 3, 5, 6, 10, 12, 15, 20, 30]
        return {"kind": "interval", "unit": unit, "count": random.choice([*even, random.randint(1, 500)])}
    if kind in ("days", "weeks"):
        return {"kind": "interval", "unit": kind, "count": random.choice([1, 1, 2, 3, random.randint(1, 30)])}
    if kind == "weekly":
        return {"kind": kind, "days": random.randint(1, 127)}
    if kind == "monthly_relative":
        week = random.choice([1, 2, 3, 4, 5, -1])
        return {"kind": kind, "day": random.randrange(7), "week": week, "short_month": short}
    if kind == "monthly_absolute":
        return {"kind": kind, "day": random.randint(1, 31), "short_month": short}
    return {"kind": kind}


def _daytime(random: Random, zone: str, instant: datetime) -> datetime:
    """Choose a start up to 500 days back; sometimes at the very time of day of the instant."""
    wall = shown(instant, zone) - timedelta(days=random.randint(0, 500))
    if random.random() < 0.85:
        clock = time(random.randrange(24), random.randrange(60), random.choice([0, 0, 0, 0, random.randrange(60)]))
        wall = datetime.combine(wall.date() - timedelta(days=1), clock)
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def excluded(rule: Rule, instant: datetime) -> str:
    """Say why nobody is asked: the time of day is in a gap or a fold nearby, or a short month takes its last day."""
    if not rule.wall_clock:
        return ""
    since = max(instant, rule.start)
    days = rule.step.days if rule.kind == "interval" else _REACH[rule.kind]
    lacking = rule.week == 5 or (rule.kind == "monthly_absolute" and rule.day > 28)
    if lacking and rule.short_month == "skip":
        days = 125  # a fifth weekday may be four months away
    until = since + timedelta(days=days + 1)
    clock = shown(rule.start, rule.zone).time()
    for change in changes(rule.zone):
        if since - timedelta(days=1) <= change.at <= until + timedelta(days=1) and change.touches(clock):
            return "gap" if change.gap else "fold"
    if lacking and rule.short_month == "last" and _short(rule, shown(since, rule.zone), shown(until, rule.zone)):
        return "short month"
    return ""


def _short(rule: Rule, since: date, until: date) -> bool:
    """Whether a month between two dates lacks the rule's day."""
    for month in range(since.year * 12 + since.month - 1, until.year * 12 + until.month):
        first, length = calendar.monthrange(month // 12, month % 12 + 1)
        fifth = (rule.day - first) % 7 + 29
        if (fifth if rule.kind == "monthly_relative" else rule.day) > length:
            return True
    return False
