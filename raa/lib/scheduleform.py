"""The schedule editor's form, from its fields to a Schedule and back.

Times are wall times of the form's field "zone", or of the zone that is passed in where that is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from functools import cache
from zoneinfo import available_timezones

from raa.calendar import missing_days, resolve, to_wall
from raa.db.schedule import (
    INTERVAL_DAYS,
    INTERVAL_HOURS,
    INTERVAL_MINUTES,
    INTERVAL_WEEKS,
    Schedule,
    ScheduleInterval,
    ScheduleMonthlyAbsolute,
    ScheduleMonthlyRelative,
    ScheduleOnce,
    ScheduleWeekly,
    freeze,
    thaw,
)
from raa.lib.formfields import DAYS, Form
from raa.planning.occurrences import upcoming
from raa.planning.rule import Rule
from raa.planning.words import clock_text
from raa.rpath_error import InvalidInput

FREQUENCIES = ("off", "daily", "weekly", "monthly", "interval", "once")
UNITS = {"minutes": INTERVAL_MINUTES, "hours": INTERVAL_HOURS, "days": INTERVAL_DAYS, "weeks": INTERVAL_WEEKS}
_SECONDS = {"minutes": 60, "hours": 3600, "days": 86400, "weeks": 7 * 86400}
FLOOR_MINUTES = 5
_MOST_DAYS = 3660
_DEFAULTS: dict[str, object] = {"freq": "off", "mode": "abs", "mday": 1, "nth": 1, "wday": 0}
_DEFAULTS |= {"every": 1, "unit": "days", "time": "04:00"}  # at four no zone of today changes its clocks
_DEFAULTS |= {"short": "last", "starts": "", "ends": "", "runs": ""}
#: the last minute of a day: how a form's last day is stored
_LAST_MINUTE = time(23, 59)
_REGIONS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@cache
def zones() -> list[str]:
    """Return the zones that the form offers; it takes every other IANA name, too."""
    return ["UTC", *sorted(name for name in available_timezones() if name.partition("/")[0] in _REGIONS)]


def parse(fields: Mapping[str, object], now: datetime, zone: str) -> Schedule | None:
    """Read the form; None means off. All problems are raised at once as `InvalidInput`, each under its field."""
    form = Form(fields, now, zone)
    freq = form.choice("freq", FREQUENCIES, "", "Choose how often it runs.")
    form.check()
    if freq == "off":
        return None
    schedule = _READERS[freq](form)
    schedule.zone = form.zone
    if freq != "once":
        _bounds(form, schedule)
    form.check()
    return schedule


def _bounds(form: Form, schedule: Schedule) -> None:
    """Read the last day and the greatest number of runs; both may be empty."""
    if form.text("runs"):
        schedule.maxRuns = form.number("runs", 1, 10**6, "Give a whole number of runs, or leave it empty.")
    if form.text("ends"):
        schedule.end = resolve(datetime.combine(form.date("ends"), _LAST_MINUTE), form.zone)[0].timestamp()
        if form.problems:
            return
        first = upcoming(freeze(schedule, form.now, form.zone), form.now, 1) if _in_order(schedule) else []
        if not first:
            form.problems["ends"] = "No run comes before that day is over; choose a later one, or leave it empty."


def _in_order(schedule: Schedule) -> bool:
    return schedule.start is None or schedule.end is None or float(str(schedule.start)) <= float(str(schedule.end))


def _daily(form: Form) -> Schedule:
    return ScheduleInterval(_next_time(form), None, 1, INTERVAL_DAYS)


def _weekly(form: Form) -> Schedule:
    return ScheduleWeekly(_next_time(form), None, daysOfTheWeek=form.days("day"))


def _monthly(form: Form) -> Schedule:
    start = _next_time(form)
    mode = form.choice("mode", ("abs", "rel"), "abs", "Choose a day of the month or a day of the week.")
    if mode == "rel":
        nth = form.number("nth", -1, 4, "Choose the first to fourth week, or the last.")
        if nth == 0:
            form.problems["nth"] = "Choose the first to fourth week, or the last."
        return ScheduleMonthlyRelative(start, None, nth, form.number("wday", 0, 6, "Choose a day of the week."))
    schedule = ScheduleMonthlyAbsolute(start, None, form.number("mday", 1, 31, "Choose a day from 1 to 31."))
    short = form.choice("short", ("last", "skip"), "last", "Choose what shorter months do.")
    schedule.shortMonth = short if (schedule.day or 0) > 28 else "skip"
    return schedule


def _interval(form: Form) -> Schedule:
    unit = form.choice("unit", tuple(UNITS), "", "Choose minutes, hours, days or weeks.")
    every = form.number("every", 1, 10**9, "Give a whole number, 1 or more.")
    seconds = every * _SECONDS.get(unit, 0)
    if unit == "minutes" and every < FLOOR_MINUTES and "every" not in form.problems:
        form.problems["every"] = f"The shortest interval is {FLOOR_MINUTES} minutes."
    elif seconds > _MOST_DAYS * 86400:
        form.problems["every"] = "The longest interval is ten years."
    if form.text("date"):
        start = form.moment(past=True)
    elif unit in ("days", "weeks"):
        days = every * (7 if unit == "weeks" else 1)
        start = _next_time(form, days if "every" not in form.problems else 1)
    elif form.text("time"):
        # counted from today's time also when that has passed: "every 6 hours, 10:00" said at 11:00 means 16:00 next
        today = to_wall(form.now, form.zone).date()
        start = resolve(datetime.combine(today, form.time_of_day()), form.zone)[0]
    else:
        start = form.now.replace(second=0, microsecond=0)
    form.check()
    return ScheduleInterval(start, None, every, UNITS[unit])


def _once(form: Form) -> Schedule:
    return ScheduleOnce(form.moment())


_READERS = {"daily": _daily, "weekly": _weekly, "monthly": _monthly, "interval": _interval, "once": _once}


def _next_time(form: Form, days: int = 1) -> datetime:
    """Return when clocks next show the form's time, to start from; not before the day in `starts`.

    Where that time does not exist on its day, start `days` earlier: the start's wall time is the time of day of every
    run, and the shifted one must not become it.
    """
    clock = form.time_of_day()
    # from yesterday: its time may have been shifted past midnight
    day = to_wall(form.now, form.zone).date() - timedelta(days=1)
    if form.text("starts"):
        day = max(day, form.date("starts"))
    instant, moved = resolve(datetime.combine(day, clock), form.zone)
    while instant <= form.now or day.toordinal() in missing_days(form.zone):
        day += timedelta(days=1)
        instant, moved = resolve(datetime.combine(day, clock), form.zone)
    return resolve(datetime.combine(day - timedelta(days=days), clock), form.zone)[0] if moved else instant


def values(sched: Schedule | None, now: datetime, zone: str) -> dict[str, object]:
    """Return every field of the form for a schedule, or what an empty form starts with for None.

    Times are in the schedule's own zone where it has one, and "zone" names the zone they are in. Dates of intervals are
    those of a coming run, so that the form can be sent back as it is. Classes that run at once show as off.
    """
    filled = {**_DEFAULTS, "day": [], "zone": zone, "zones": zones()}
    filled["date"] = (to_wall(now, zone).date() + timedelta(days=1)).isoformat()
    rule = freeze(sched, now, zone) if sched is not None else None
    if rule is None or rule.kind in ("immed", "now"):
        return filled
    wall = _coming(rule, now)
    filled |= {"zone": rule.zone, "date": wall.date().isoformat()}
    filled["time"] = clock_text((rule.local_start if rule.wall_clock else wall).replace(second=0))
    if rule.kind == "interval":
        filled |= _interval_values(rule)
    elif rule.kind == "weekly":
        filled |= {"freq": "weekly", "day": [name for bit, name in enumerate(DAYS) if rule.days >> bit & 1]}
    elif rule.kind == "monthly_absolute":
        filled |= {"freq": "monthly", "mode": "abs", "mday": rule.day}
        filled["short"] = rule.short_month if rule.day > 28 else "last"
    elif rule.kind == "monthly_relative":
        filled |= {"freq": "monthly", "mode": "rel", "nth": rule.week, "wday": rule.day}
    else:
        filled["freq"] = "once"
    if filled["freq"] in ("daily", "weekly", "monthly") and rule.start > _next_time(Form(filled, now, rule.zone)):
        filled["starts"] = rule.local_start.date().isoformat()
    if rule.repeats:
        filled["runs"] = rule.max_runs or ""
        filled["ends"] = to_wall(rule.end, rule.zone).date().isoformat() if rule.end else ""
    return filled


def expressible(rule: Rule, now: datetime) -> bool:
    """Tell whether the form can say what the rule says: its coming runs are the same, and so is its end."""
    try:
        again = parse(values(thaw(rule), now, rule.zone), now, rule.zone)
    except InvalidInput:
        return False
    if again is None:
        return False
    return same_runs(rule, freeze(again, now, rule.zone), now)


def same_runs(one: Rule, other: Rule, now: datetime) -> bool:
    """Tell whether two rules are due at the same times for as far as anybody looks."""
    bounds = (one.zone, one.max_runs, one.end) == (other.zone, other.max_runs, other.end)
    return bounds and upcoming(one, now, 30) == upcoming(other, now, 30)


def _coming(rule: Rule, now: datetime) -> datetime:
    """Return the wall time of a coming run that `Form.moment` reads as that run: in no gap and in no second hour."""
    for one in upcoming(rule, now, 40):
        wall = to_wall(one.due, rule.zone)
        instant = resolve(wall.replace(second=0, microsecond=0), rule.zone)[0]
        if not one.moved and instant > now and one.due - instant < timedelta(minutes=1):
            return wall
    return rule.local_start


def _interval_values(rule: Rule) -> dict[str, object]:
    if rule.wall_clock:
        days = rule.step.days
        if days == 1:
            return {"freq": "daily"}
        weeks, rest = divmod(days, 7)
        count, unit = (days, "days") if rest or rule.unit == "days" else (weeks, "weeks")
        return {"freq": "interval", "every": count, "unit": unit}
    if rule.unit == "hours":
        return {"freq": "interval", "every": rule.count, "unit": "hours"}
    minutes = -(-rule.step // timedelta(minutes=1))  # rounded up
    return {"freq": "interval", "every": minutes, "unit": "minutes"}
