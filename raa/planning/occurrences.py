"""The occurrences of a rule: the next, the last, and how many lie between two instants, all by arithmetic.

Wall-clock kinds work on days: a day matches or does not, and a matching day has one occurrence whatever the clocks do.
That is why nothing is lost or doubled when they change, even where the changed time falls on another date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from raa.calendar import days_in_month, missing_days, next_month, nth_weekday, resolve_day, to_wall
from raa.planning.rule import HORIZON, Rule
from raa.planning.words import DAY_NAMES, MONTH_NAMES, WEEK_NAMES, clock_text, day_text

TICK = timedelta(microseconds=1)


class Occurrence(NamedTuple):
    """One moment at which a rule is due.

    `moved` says that its wall time does not exist that day; `note` says in words what is special, or is empty.
    """

    due: datetime
    moved: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Missed:
    """How many occurrences a stretch of time holds, with the first and the last of them."""

    count: int
    first: Occurrence | None = None
    last: Occurrence | None = None


#: the day's ordinal for wall-clock kinds, else which step of the interval it is; when it is due; whether it was moved
_Found = tuple[int, datetime, bool]


def next_after(rule: Rule, instant: datetime) -> Occurrence | None:
    """Return the first occurrence strictly after `instant`, within the rule's start and end."""
    return _occurrence(rule, _next(rule, instant))


def first_from(rule: Rule, instant: datetime) -> Occurrence | None:
    """Return the first occurrence at `instant` or later."""
    return _occurrence(rule, _next(rule, instant - TICK))


def last_until(rule: Rule, instant: datetime) -> Occurrence | None:
    """Return the last occurrence at `instant` or earlier."""
    return _occurrence(rule, _last(rule, instant))


def upcoming(rule: Rule, instant: datetime, n: int) -> list[Occurrence]:
    """Return the first `n` occurrences after `instant`; fewer when the rule ends."""
    found: list[Occurrence] = []
    while len(found) < n and (one := next_after(rule, instant)):
        found.append(one)
        instant = one.due
    return found


def missed_between(rule: Rule, after: datetime, until: datetime) -> Missed:
    """Count the occurrences later than `after` and not later than `until`; the cost does not grow with their number."""
    first, last = _next(rule, after), _last(rule, until)
    if first is None or last is None or last[1] < first[1]:
        return Missed(0)
    count = _matching_days(rule, first[0], last[0]) if rule.wall_clock else last[0] - first[0] + 1
    return Missed(count, _occurrence(rule, first), _occurrence(rule, last))


def month_day(rule: Rule, year: int, month: int) -> int | None:
    """Return the day on which a monthly rule is due in that month, None when it skips the month."""
    if rule.kind == "monthly_absolute":
        length = days_in_month(year, month)
        return rule.day if rule.day <= length else length if rule.short_month == "last" else None
    day = nth_weekday(year, month, rule.day, rule.week)
    return nth_weekday(year, month, rule.day, -1) if day is None and rule.short_month == "last" else day


def _next(rule: Rule, instant: datetime) -> _Found | None:
    start = rule.start
    if instant < start:
        instant = start - TICK
    if instant >= HORIZON:
        return None
    if not rule.wall_clock:
        if not rule.repeats:
            return (0, start, False) if instant < start <= rule.last else None
        index = (instant - start) // rule.step + 1
        due = start + index * rule.step
        return (index, due, False) if due <= rule.last else None
    # an occurrence late on the day before may have been moved past midnight; no gap within a date is over 12 hours
    day = instant.astimezone(rule.tz).toordinal() - (rule.clock.hour >= 12)
    slot, due, moved = _on_day(rule, day if day > rule.first_day else rule.first_day, 1)
    while due <= instant or (moved and slot in missing_days(rule.zone)):
        slot, due, moved = _on_day(rule, slot + 1, 1)
    return (slot, due, moved) if due <= rule.last else None


def _last(rule: Rule, instant: datetime) -> _Found | None:
    start, instant = rule.start, min(instant, rule.last)
    if instant < start:
        return None
    if not rule.wall_clock:
        index = (instant - start) // rule.step if rule.repeats else 0
        return index, start + index * rule.step, False
    # from the day after: clocks set back at midnight show yesterday's date again after today's first minutes
    slot, due, moved = _on_day(rule, instant.astimezone(rule.tz).toordinal() + 1, -1)
    while slot >= rule.first_day and (due > instant or (moved and slot in missing_days(rule.zone))):
        slot, due, moved = _on_day(rule, slot - 1, -1)
    return (slot, due, moved) if slot >= rule.first_day else None


def _on_day(rule: Rule, day: int, direction: int) -> _Found:
    """Find the nearest matching day from `day` on, and when it is due."""
    day = _matching_day(rule, day, direction)
    if day == rule.first_day:
        # not resolved again: a start in the second of two equal hours would come out before itself
        return day, rule.start, False
    due, moved = resolve_day(day, rule.clock, rule.tz)
    return day, due, moved


def _matching_day(rule: Rule, day: int, direction: int) -> int:
    if rule.kind == "interval":
        beyond = (day - rule.first_day) % rule.step.days
        return day - beyond + (rule.step.days if beyond and direction > 0 else 0)
    if rule.kind == "weekly":
        while not rule.days >> (day + 6) % 7 & 1:
            day += direction
        return day
    start = date.fromordinal(day)
    year, month = start.year, start.month
    while True:
        in_month = month_day(rule, year, month)
        if in_month is not None:
            found = date(year, month, in_month).toordinal()
            if (found - day) * direction >= 0:
                return found
        year, month = next_month(year, month, direction)


def _matching_days(rule: Rule, first: int, last: int) -> int:
    """Count the matching days from one that matches to another, without those the zone left out."""
    if rule.kind == "interval":
        count = (last - first) // rule.step.days + 1
    elif rule.kind == "weekly":
        weeks, rest = divmod(last - first, 7)
        count = weeks * rule.days.bit_count()
        count += sum(rule.days >> (day + 6) % 7 & 1 for day in range(last - rest, last + 1))
    else:
        count = _matching_months(rule, date.fromordinal(first), date.fromordinal(last))
    missing = (day for day in missing_days(rule.zone) if first < day < last)
    return count - sum(_matching_day(rule, day, 1) == day for day in missing)


def _matching_months(rule: Rule, first: date, last: date) -> int:
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    may_skip = rule.short_month == "skip" and (rule.week == 5 or (rule.kind == "monthly_absolute" and rule.day > 28))
    if not may_skip:
        return months
    every = (next_month(first.year, first.month, step) for step in range(months))
    return sum(month_day(rule, year, month) is not None for year, month in every)


def _occurrence(rule: Rule, found: _Found | None) -> Occurrence | None:
    if found is None:
        return None
    slot, due, moved = found
    if not moved and rule.short_month == "skip":
        return Occurrence(due)
    day = date.fromordinal(slot)
    notes = [_short_month_note(rule, day)] if rule.short_month == "last" else []
    if moved:
        notes.append(moved_text(rule.clock, day, to_wall(due, rule.zone)))
    return Occurrence(due, moved, "; ".join(filter(None, notes)))


def moved_text(clock: time, day: date, wall: datetime) -> str:
    """Say that a time does not exist on its day, and the wall time at which the run is instead."""
    runs = f"at {clock_text(wall)}" if wall.date() == day else f"on {day_text(wall)} at {clock_text(wall)}"
    return f"{clock_text(clock)} does not exist on {day_text(day)}; runs {runs}"


def lacking_text(rule: Rule, year: int, month: int) -> str:
    """Say what a short month has not: `Feb 2027 has no day 31`."""
    what = f"day {rule.day}" if rule.kind == "monthly_absolute" else f"{WEEK_NAMES[rule.week]} {DAY_NAMES[rule.day]}"
    return f"{MONTH_NAMES[month - 1]} {year} has no {what}"


def _short_month_note(rule: Rule, day: date) -> str:
    lacking = day.day != rule.day if rule.kind == "monthly_absolute" else rule.week == 5 and day.day < 29
    return f"{lacking_text(rule, day.year, day.month)}; runs on {day_text(day)}" if lacking else ""
