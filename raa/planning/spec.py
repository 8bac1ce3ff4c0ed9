"""A rule in the words that people and programs write: one spec for the command line and for the wire.

A spec is a mapping of text and numbers with the names of `raa schedule preview`'s options. Its times are wall times of
its zone. Every problem is an `InvalidInput` under the name of the field that can mend it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from raa.calendar import missing_days, resolve, to_wall, zone_info
from raa.planning.occurrences import TICK, Occurrence, missed_between, moved_text
from raa.planning.preview import noted
from raa.planning.rule import LONGEST, SHORT_MONTH, UNITS, WALL_UNITS, Rule
from raa.planning.specfields import DAYS, Fields, refuse
from raa.planning.words import WEEK_NAMES, date_text

#: what every kind takes, and what each takes beside it
COMMON = ("kind", "zone", "from", "count")
BOUNDS = ("start", "end", "max_runs")
TAKES = {
    "weekly": ("at", "days", *BOUNDS),
    "monthly-relative": ("at", "week", "day", "short_month", *BOUNDS),
    "monthly-absolute": ("at", "day", "short_month", *BOUNDS),
    "interval": ("at", "every", "unit", *BOUNDS),
    "once": ("at",),
}
NAMES = tuple(dict.fromkeys([*COMMON, *(name for names in TAKES.values() for name in names)]))
#: the most runs that are shown at once, and how many are without a count
MOST, USUAL = 1000, 5
_WEEKS = {name: number for number, name in WEEK_NAMES.items()} | {str(number): number for number in range(1, 6)}


@dataclass(frozen=True, slots=True)
class Planned:
    """What a spec asks for: a rule, and which of its runs are to be shown."""

    rule: Rule
    #: the first moment that counts; the rule's own start may be a day before, where the time of day did not exist
    start: datetime
    #: the first moment that is looked at, itself included
    since: datetime
    count: int
    #: what is special about a run that happens once
    note: str = ""

    def runs(self) -> list[Occurrence]:
        """Return the runs asked for, with all that is special in their notes; fewer where the rule ends."""
        since, count = max(self.since, self.start), self.count
        if self.rule.max_runs is not None:
            count = min(count, self.rule.max_runs - missed_between(self.rule, self.start - TICK, since - TICK).count)
        found = noted(self.rule, since - TICK, count)
        return [Occurrence(one.due, True, self.note) for one in found] if self.note else found

    def values(self) -> list[dict[str, object]]:
        """Return the runs as plain values: `due` in UTC, `local` with the zone's offset, and the `note` or None."""
        zone = zone_info(self.rule.zone)
        return [
            {
                "due": one.due.isoformat().replace("+00:00", "Z"),
                "local": one.due.astimezone(zone).isoformat(),
                "note": one.note or None,
            }
            for one in self.runs()
        ]


def planned(spec: Mapping[str, object], now: datetime, zone: str) -> Planned:
    """Read a spec; `zone` is used where it names none, `now` where it has no `from`.

    Names may be written with hyphens. Numbers may be text, a list of days may be one text with commas, and None or an
    empty text counts as not given.
    """
    fields = Fields(spec, NAMES, zone)
    kind = fields.text("kind").replace("_", "-")
    if kind not in TAKES:
        refuse("kind", f"Give the kind of rule: {', '.join(TAKES)}.")
    for name in NAMES:
        if name not in (*COMMON, *TAKES[kind]) and fields.given(name):
            refuse(name, f"A rule of kind {kind} has no {name!r}.")
    since = fields.moment("from") or now.replace(microsecond=0)
    count = fields.number("count", 1, MOST, f"Between 1 and {MOST} runs can be shown.", USUAL)
    if kind == "once":
        return _once(fields, since, count)
    start, end = fields.moment("start"), fields.moment("end")
    first = start or since
    if end is not None and end < first:
        refuse("end", "The end lies before the start." if start else "The end lies before the first moment shown.")
    special = {"weekly": _weekly, "monthly-relative": _relative, "monthly-absolute": _absolute, "interval": _interval}
    parts = special[kind](fields)
    most = fields.number("max_runs", 1, 10**9, "The greatest number of runs must be 1 or more.", 0)
    anchor = _anchor(fields, first, parts)
    rule = Rule(kind=kind.replace("-", "_"), zone=fields.zone, start=anchor, end=end, max_runs=most or None, **parts)
    return Planned(rule, first, since, count)


def _once(fields: Fields, since: datetime, count: int) -> Planned:
    due = fields.moment("at")
    if due is None:
        refuse("at", "Give the date and time (at), such as 2026-12-01T03:00.")
    wall = fields.wall("at")
    if wall.toordinal() in missing_days(fields.zone):
        refuse("at", f"There was no {date_text(wall)} in {fields.zone}.")
    if due < since:
        refuse("at", "That moment has passed; choose one that is not before the first moment shown (from, or now).")
    moved = resolve(wall, fields.zone)[1]
    note = moved_text(wall.time(), wall.date(), to_wall(due, fields.zone)) if moved else ""
    return Planned(Rule(kind="once", zone=fields.zone, start=due), since, since, count, note)


def _weekly(fields: Fields) -> dict[str, Any]:
    return {"days": sum({1 << DAYS.index(day) for day in fields.days("days")})}


def _relative(fields: Fields) -> dict[str, Any]:
    week = fields.text("week")
    if week not in _WEEKS:
        refuse("week", "The week is first, second, third, fourth, fifth or last.")
    day = fields.text("day")
    if day not in DAYS:
        refuse("day", f"The day of the week is {', '.join(DAYS[:-1])} or {DAYS[-1]}.")
    return {"day": DAYS.index(day), "week": _WEEKS[week], "short_month": _short_month(fields)}


def _absolute(fields: Fields) -> dict[str, Any]:
    day = fields.number("day", 1, 31, "The day of the month must be 1 to 31.")
    return {"day": day, "short_month": _short_month(fields)}


def _short_month(fields: Fields) -> str:
    short = fields.text("short_month") or "skip"
    if short not in SHORT_MONTH:
        refuse("short_month", "A month that is too short is either skipped (skip) or uses its last day (last).")
    return short


def _interval(fields: Fields) -> dict[str, Any]:
    unit = fields.text("unit")
    if unit not in UNITS:
        refuse("unit", f"An interval is counted in {', '.join(UNITS)}.")
    if fields.given("at") and unit not in WALL_UNITS:
        refuse("at", f"An interval of {unit} has no time of day; 'start' says what it is counted from.")
    longest = LONGEST // UNITS[unit]
    every = fields.number("every", 1, longest, f"The interval must be between 1 and {longest} {unit} (100 years).")
    return {"count": every, "unit": unit}


def _anchor(fields: Fields, first: datetime, parts: Mapping[str, Any]) -> datetime:
    """Return the start of a rule whose first moment is `first`: of an interval its anchor.

    Without `at`, the time of day is that of the first moment as it is written. Where it does not exist on that day, the
    start is earlier by a step: its wall time is the time of day of every run, and the shifted one must not become it.
    """
    unit, zone = parts.get("unit", ""), fields.zone
    if unit and unit not in WALL_UNITS:
        return first
    if fields.given("at"):
        # from yesterday: its time may have been shifted past midnight
        local = datetime.combine(to_wall(first, zone), fields.clock("at")) - timedelta(days=1)
        while resolve(local, zone)[0] < first or local.toordinal() in missing_days(zone):
            local += timedelta(days=1)
    else:
        name = "start" if fields.given("start") else "from"
        local = fields.wall(name) if fields.given(name) else to_wall(first, zone)
        if not resolve(local, zone)[1]:
            return first
    step = timedelta(seconds=UNITS[unit] * parts["count"]) if unit else timedelta(days=1)
    while resolve(local, zone)[1]:
        local -= step
    return resolve(local, zone)[0]
