"""A rule as an English sentence, and the one way dates and times are written."""

from __future__ import annotations

from datetime import date, datetime, time

from raa.calendar import to_wall
from raa.planning.rule import Rule

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# not strftime: its names follow the locale of the process
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEK_NAMES = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", -1: "last"}
_WORKDAYS, _ALL_DAYS = 0b0011111, 0b1111111


def clock_text(moment: datetime | time) -> str:
    """Write a time of day: `02:30`, or `02:30:15` when the seconds matter."""
    text = f"{moment.hour:02}:{moment.minute:02}"
    return f"{text}:{moment.second:02}" if moment.second else text


def day_text(day: date) -> str:
    """Write a date without its year: `29 Mar`."""
    return f"{day.day} {MONTH_NAMES[day.month - 1]}"


def date_text(day: date) -> str:
    """Write a date: `24 Nov 2026`."""
    return f"{day_text(day)} {day.year}"


def moment_text(instant: datetime, zone: str) -> str:
    """Write an instant as clocks in `zone` show it: `Wed 25 Nov 2026, 02:00`."""
    wall = to_wall(instant, zone)
    return f"{DAY_NAMES[wall.weekday()][:3]} {date_text(wall)}, {clock_text(wall)}"


def join(items: list[str]) -> str:
    """Join words the English way: `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def words(rule: Rule) -> str:
    """Write the rule as a sentence without a full stop; times are wall times in the rule's zone."""
    text = _PHRASES[rule.kind](rule)
    if rule.end is not None and rule.repeats:
        wall = to_wall(rule.end, rule.zone)
        text += f", until {date_text(wall)}"
        if wall.time() != time():
            text += f", {clock_text(wall)}"
    if rule.max_runs is not None and rule.repeats:
        text += ", once only" if rule.max_runs == 1 else f", at most {rule.max_runs} runs"
    return text


def _once(rule: Rule) -> str:
    wall = rule.local_start
    return f"Once on {DAY_NAMES[wall.weekday()][:3]} {date_text(wall)} at {clock_text(wall)}"


def _interval(rule: Rule) -> str:
    wall, one = rule.local_start, rule.unit.removesuffix("s")
    every = f"Every {one}" if rule.count == 1 else f"Every {rule.count} {rule.unit}"
    if rule.unit not in ("days", "weeks"):
        return f"{every} from {date_text(wall)}, {clock_text(wall)}"
    if rule.unit == "weeks":
        weekday = DAY_NAMES[wall.weekday()]
        every = f"Every {weekday}" if rule.count == 1 else f"{every} on {weekday}"
    counted = f", counted from {date_text(wall)}" if rule.count > 1 else ""
    return f"{every} at {clock_text(wall)}{counted}"


def _weekly(rule: Rule) -> str:
    if rule.days == _ALL_DAYS:
        days = "day"
    elif rule.days == _WORKDAYS:
        days = "weekday"
    else:
        days = join([name for bit, name in enumerate(DAY_NAMES) if rule.days >> bit & 1])
    return f"Every {days} at {clock_text(rule.local_start)}"


def _monthly_relative(rule: Rule) -> str:
    text = f"On the {WEEK_NAMES[rule.week]} {DAY_NAMES[rule.day]} of every month at {clock_text(rule.local_start)}"
    if rule.week != 5:
        return text
    return text + (" (skips months without one)" if rule.short_month == "skip" else " (in months without one the last)")


def _monthly_absolute(rule: Rule) -> str:
    text = f"On day {rule.day} of every month at {clock_text(rule.local_start)}"
    if rule.day <= 28:
        return text
    return text + (" (skips shorter months)" if rule.short_month == "skip" else " (in shorter months on the last day)")


_PHRASES = {
    "immed": lambda rule: "At once, while the page waits",
    "now": lambda rule: "As soon as possible",
    "once": _once,
    "interval": _interval,
    "weekly": _weekly,
    "monthly_relative": _monthly_relative,
    "monthly_absolute": _monthly_absolute,
}
