"""The schedule editor's form, from its fields to a Schedule and back, and the classic call with hour and day.

Times are wall times of the zone that is passed in; a form shown in one zone must be read in the same one (`values`
returns it as "zone").
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from raa.calendar import missing_days, resolve, to_wall
from raa.db.schedule import (
    INTERVAL_DAYS,
    INTERVAL_HOURS,
    INTERVAL_MINUTES,
    Schedule,
    ScheduleInterval,
    ScheduleMonthlyAbsolute,
    ScheduleMonthlyRelative,
    ScheduleOnce,
    ScheduleWeekly,
    freeze,
)
from raa.planning.occurrences import upcoming
from raa.planning.rule import Rule
from raa.planning.words import clock_text, date_text
from raa.rpath_error import InvalidInput

FREQUENCIES = ("off", "daily", "weekly", "monthly", "interval", "once")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNITS = {"minutes": INTERVAL_MINUTES, "hours": INTERVAL_HOURS, "days": INTERVAL_DAYS}
_SECONDS = {"minutes": 60, "hours": 3600, "days": 86400}
FLOOR_MINUTES = 5
_MOST_DAYS = 3660
_YES, _NO = ("1", "true", "on", "yes"), ("0", "false", "off", "no", "", "none")
_DEFAULTS: dict[str, object] = {"freq": "off", "mode": "abs", "mday": 1, "nth": 1, "wday": 0}
_DEFAULTS |= {"every": 1, "unit": "days", "time": "04:00"}  # at four no zone of today changes its clocks


class _Form:
    """The fields while they are read; every problem is collected under its field's name."""

    def __init__(self, fields: Mapping[str, object], now: datetime, zone: str) -> None:
        self.fields, self.now, self.zone = fields, now, zone
        self.problems: dict[str, str] = {}

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if isinstance(value, list | tuple):  # a field sent twice
            value = value[-1] if value else None
        return "" if value is None else str(value).strip().lower()

    def choice(self, name: str, choices: tuple[str, ...], default: str, sentence: str) -> str:
        value = self.text(name) or default
        if value not in choices:
            self.problems[name] = sentence
        return value

    def number(self, name: str, low: int, high: int, sentence: str) -> int:
        value = self.text(name)
        # not int() alone: it takes underscores, signs and the digits of every script
        plain = value.removeprefix("-")
        if plain.isascii() and plain.isdigit() and len(plain) < 10 and low <= int(value) <= high:
            return int(value)
        self.problems[name] = sentence
        return low

    def days(self, name: str) -> int:
        value = self.fields.get(name)
        items = value if isinstance(value, list | tuple | set) else str(value or "").split(",")
        names = [str(item).strip().lower() for item in items if str(item).strip()]
        if not names:
            self.problems[name] = "Choose at least one day of the week."
        elif wrong := [item for item in names if item not in DAYS]:
            self.problems[name] = f"{wrong[0]!r} is no day of the week; use mon, tue, wed, thu, fri, sat or sun."
        return sum({1 << DAYS.index(item) for item in names if item in DAYS})

    def time_of_day(self) -> time:
        hour, colon, minute = self.text("time").partition(":")
        plain = colon and all(part.isascii() and part.isdigit() and len(part) <= 2 for part in (hour, minute))
        if plain and int(hour) < 24 and int(minute) < 60:
            return time(int(hour), int(minute))
        self.problems["time"] = "Give the time as hours and minutes, such as 02:30."
        return time()

    def date(self) -> date:
        text = self.text("date")
        today = to_wall(self.now, self.zone).date()
        try:
            # the shape is checked too: fromisoformat also reads week dates and compact ones
            day = date.fromisoformat(text) if len(text) == 10 and text[4] == "-" else None
        except ValueError:
            day = None
        if day is None:
            self.problems["date"] = "Give the date as year, month and day, such as 2026-11-24."
        elif day.year > today.year + 100:
            self.problems["date"] = "Choose a date within the next 100 years."
        else:
            return day
        return today

    def moment(self) -> datetime:
        """Read date and time as one instant that is still to come."""
        day, clock = self.date(), self.time_of_day()
        if self.problems.keys() & {"date", "time"}:
            return self.now
        if day.toordinal() in missing_days(self.zone):
            self.problems["date"] = f"There was no {date_text(day)} in {self.zone}."
            return self.now
        instant, moved = resolve(datetime.combine(day, clock), self.zone)
        if instant <= self.now:
            earlier = day < to_wall(self.now, self.zone).date()
            self.problems["date" if earlier else "time"] = "That moment has passed; choose one that is still to come."
        elif moved:
            # stored as an instant, the shifted time would become the time of day of every run
            gap = f"{clock_text(clock)} does not exist on {date_text(day)}"
            self.problems["time"] = f"{gap}, the clocks go forward; choose another time."
        return instant

    def check(self) -> None:
        if self.problems:
            raise InvalidInput(problems=self.problems)


def parse(fields: Mapping[str, object], now: datetime, zone: str) -> Schedule | None:
    """Read the form; None means off. All problems are raised at once as `InvalidInput`, each under its field."""
    form = _Form(fields, now, zone)
    freq = form.choice("freq", FREQUENCIES, "", "Choose how often it runs.")
    form.check()
    if freq == "off":
        return None
    schedule = _READERS[freq](form)
    form.check()
    schedule.zone = zone
    return schedule


def _daily(form: _Form) -> Schedule:
    return ScheduleInterval(_next_time(form), None, 1, INTERVAL_DAYS)


def _weekly(form: _Form) -> Schedule:
    return ScheduleWeekly(_next_time(form), None, daysOfTheWeek=form.days("day"))


def _monthly(form: _Form) -> Schedule:
    start = _next_time(form)
    mode = form.choice("mode", ("abs", "rel"), "abs", "Choose a day of the month or a day of the week.")
    if mode == "rel":
        nth = form.number("nth", -1, 4, "Choose the first to fourth week, or the last.")
        if nth == 0:
            form.problems["nth"] = "Choose the first to fourth week, or the last."
        return ScheduleMonthlyRelative(start, None, nth, form.number("wday", 0, 6, "Choose a day of the week."))
    schedule = ScheduleMonthlyAbsolute(start, None, form.number("mday", 1, 31, "Choose a day from 1 to 31."))
    schedule.shortMonth = "last" if (schedule.day or 0) > 28 else "skip"
    return schedule


def _interval(form: _Form) -> Schedule:
    unit = form.choice("unit", tuple(UNITS), "", "Choose minutes, hours or days.")
    every = form.number("every", 1, 10**9, "Give a whole number, 1 or more.")
    seconds = every * _SECONDS.get(unit, 0)
    if unit == "minutes" and every < FLOOR_MINUTES and "every" not in form.problems:
        form.problems["every"] = f"The shortest interval is {FLOOR_MINUTES} minutes."
    elif seconds > _MOST_DAYS * 86400:
        form.problems["every"] = "The longest interval is ten years."
    if form.text("date"):
        start = form.moment()
    elif unit == "days":
        start = _next_time(form, every if "every" not in form.problems else 1)
    elif form.text("time"):
        # counted from today's time also when that has passed: "every 6 hours, 10:00" said at 11:00 means 16:00 next
        today = to_wall(form.now, form.zone).date()
        start = resolve(datetime.combine(today, form.time_of_day()), form.zone)[0]
    else:
        start = form.now.replace(second=0, microsecond=0)
    form.check()
    return ScheduleInterval(start, None, every, UNITS[unit])


def _once(form: _Form) -> Schedule:
    return ScheduleOnce(form.moment())


_READERS = {"daily": _daily, "weekly": _weekly, "monthly": _monthly, "interval": _interval, "once": _once}


def _next_time(form: _Form, days: int = 1) -> datetime:
    """Return when clocks next show the form's time, to start from.

    Where that time does not exist on its day, start `days` earlier: the start's wall time is the time of day of every
    run, and the shifted one must not become it.
    """
    clock = form.time_of_day()
    # from yesterday: its time may have been shifted past midnight
    day = to_wall(form.now, form.zone).date() - timedelta(days=1)
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
    filled = {**_DEFAULTS, "day": [], "zone": zone}
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
    elif rule.kind == "monthly_relative":
        filled |= {"freq": "monthly", "mode": "rel", "nth": rule.week, "wday": rule.day}
    else:
        filled["freq"] = "once"
    return filled


def _coming(rule: Rule, now: datetime) -> datetime:
    """Return the wall time of a coming run that `_Form.moment` reads as that run: in no gap and in no second hour."""
    for one in upcoming(rule, now, 40):
        wall = to_wall(one.due, rule.zone)
        instant = resolve(wall.replace(second=0, microsecond=0), rule.zone)[0]
        if not one.moved and instant > now and one.due - instant < timedelta(minutes=1):
            return wall
    return rule.local_start


def _interval_values(rule: Rule) -> dict[str, object]:
    if rule.wall_clock:
        days = rule.step.days
        return {"freq": "daily"} if days == 1 else {"freq": "interval", "every": days, "unit": "days"}
    if rule.unit == "hours":
        return {"freq": "interval", "every": rule.count, "unit": "hours"}
    minutes = -(-rule.step // timedelta(minutes=1))  # rounded up
    return {"freq": "interval", "every": minutes, "unit": "minutes"}


def classic(
    enabled: object,
    checkFreq: object,
    timeHour: object,
    timeDay: object = None,
    timeDayMonth: object = None,
    timeMinute: object = 0,
    days: object = "",
    *,
    now: datetime,
    zone: str,
) -> Schedule | None:
    """Read the arguments of the classic `prefsSave`; None means switched off.

    Values may be strings or numbers. `timeDay` counts from Monday as 0; `days` ("mon,thu") takes its place when given.
    Only the arguments that the frequency needs are looked at; wrong ones raise `InvalidInput` under their own names.
    """
    named = {"timeHour": timeHour, "timeMinute": timeMinute or 0, "timeDay": timeDay, "timeDayMonth": timeDayMonth}
    form = _Form({**named, "enabled": enabled, "checkFreq": checkFreq, "days": days}, now, zone)
    on = form.choice("enabled", (*_YES, *_NO), "off", "Switch it on (1) or off (0).")
    if on in _NO and not form.problems:
        return None
    freq = form.choice("checkFreq", ("daily", "weekly", "monthly"), "", "Choose Daily, Weekly or Monthly.")
    hour = form.number("timeHour", 0, 23, "Choose an hour from 0 to 23.")
    minute = form.number("timeMinute", 0, 59, "Choose a minute from 0 to 59.")
    fields: dict[str, object] = {"freq": freq, "time": f"{hour}:{minute}"}
    if freq == "weekly" and form.text("days"):
        form.days("days")
        fields["day"] = days
    elif freq == "weekly":
        fields["day"] = DAYS[form.number("timeDay", 0, 6, "Choose a day from 0 (Monday) to 6 (Sunday).")]
    elif freq == "monthly":
        fields["mday"] = form.number("timeDayMonth", 1, 31, "Choose a day of the month from 1 to 31.")
    form.check()
    return parse(fields, now, zone)
