"""The classic schedule classes: plain objects whose attributes old code reads and sets.

`freeze` turns one into the rule the engine plans with, at the moment of storing; `thaw` makes one from a stored rule.
Start and end are epoch numbers; the constructors take aware datetimes as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar

from raa.planning.rule import KINDS, UNITS, WALL_UNITS, Rule
from raa.planning.words import moment_text, words
from raa.rpath_error import InvalidInput

INTERVAL_SECONDS, INTERVAL_MINUTES, INTERVAL_HOURS, INTERVAL_DAYS, INTERVAL_WEEKS = range(5)
_UNIT_NAMES = tuple(UNITS)
#: the types of schedules that are alive; the numbers follow the order of the rule kinds
typesValid = tuple(range(len(KINDS)))

Moment = float | datetime | None


class Schedule:
    """When a task runs. Attributes may be changed until it is stored."""

    INTERVAL_SECONDS, INTERVAL_MINUTES, INTERVAL_HOURS, INTERVAL_DAYS, INTERVAL_WEEKS = range(5)
    #: the bits of Monday to Sunday
    listDayVars: ClassVar[tuple[int, ...]] = tuple(1 << day for day in range(7))

    type: int = -1
    #: seconds (interval), bit mask of days (weekly), day of month (monthly) or weekday (monthly relative)
    interval: int | None = None
    unit: int | None = None
    week: int | None = None
    #: what months without the day do: "skip" or "last"
    shortMonth: str = "skip"
    #: IANA name; None means the appliance's own zone
    zone: str | None = None
    maxRuns: int | None = None
    #: set by `readSchedules()`: its number, and when it is due next (epoch)
    schedId: int = 0
    nextDue: float | None = None
    #: set by `readSchedules()`: the service method it calls
    method: str = "doTask"
    #: set by `readSchedules()`: the stored policy's values
    policy: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, start: Moment = None, end: Moment = None) -> None:
        self.start = _epoch(start)
        self.end = _epoch(end)

    @property
    def daysOfTheWeek(self) -> int | None:
        """The bit mask of a weekly schedule, the same number as `interval`; None for other types."""
        return self.interval if self.type == ScheduleWeekly.type else None

    @daysOfTheWeek.setter
    def daysOfTheWeek(self, mask: int | None) -> None:
        self.interval = mask

    @property
    def day(self) -> int | None:
        """The day of a monthly schedule, the same number as `interval`; None for other types."""
        return self.interval if self.type in (ScheduleMonthlyRelative.type, ScheduleMonthlyAbsolute.type) else None

    @day.setter
    def day(self, day: int | None) -> None:
        self.interval = day

    def __str__(self) -> str:
        # for lists and logs: a half-filled schedule must not break the page that shows it
        try:
            rule = freeze(self, datetime.fromtimestamp(0, UTC), "UTC")
        except InvalidInput as error:
            return f"{type(self).__name__} that cannot be used: {error}"
        return self._sentence(rule)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def _sentence(self, rule: Rule) -> str:
        if self.start is not None or not rule.wall_clock:
            return words(rule)
        return f"{type(self).__name__} whose time of day is set when it is stored"


class ScheduleImmed(Schedule):
    """Run at once, the caller waits."""

    type = 0


class ScheduleNow(Schedule):
    """Run as soon as possible, nobody waits."""

    type = 1


class ScheduleOnce(Schedule):
    """Run once, at `start`; without one, when it is stored."""

    type = 2

    def __init__(self, start: Moment = None) -> None:
        super().__init__(start)

    def _sentence(self, rule: Rule) -> str:
        return words(rule) if self.start is not None else "Once, when it is stored"


class ScheduleInterval(Schedule):
    """Run every so many units; `interval` is kept in seconds, `unit` as it was given."""

    type = 3

    def __init__(self, start: Moment = None, end: Moment = None, interval: int = 1, unit: int = INTERVAL_DAYS) -> None:
        super().__init__(start, end)
        self.unit = unit
        self.interval = interval * UNITS[_unit_name(unit)]

    def _sentence(self, rule: Rule) -> str:
        start = moment_text(rule.start, rule.zone) if self.start is not None else "the moment it is stored"
        until = f" until {moment_text(rule.end, rule.zone)}" if rule.end else ""
        return f"Every {rule.count} {rule.unit.removesuffix('s')}(s) from {start}{until}"


class ScheduleWeekly(Schedule):
    """Run on the days of the week in the mask, at the time of day of `start`."""

    type = 4

    def __init__(self, start: Moment = None, end: Moment = None, daysOfTheWeek: int = 0) -> None:
        super().__init__(start, end)
        self.daysOfTheWeek = daysOfTheWeek


class ScheduleMonthlyRelative(Schedule):
    """Run on the first to fifth, or last (-1), weekday of the month; `day` 0 is Monday."""

    type = 5

    def __init__(self, start: Moment = None, end: Moment = None, week: int = 1, day: int = 0) -> None:
        super().__init__(start, end)
        self.week = week
        self.day = day


class ScheduleMonthlyAbsolute(Schedule):
    """Run on that day of the month, at the time of day of `start`."""

    type = 6

    def __init__(self, start: Moment = None, end: Moment = None, day: int = 1) -> None:
        super().__init__(start, end)
        self.day = day


_CLASSES: dict[str, type[Schedule]] = {
    "immed": ScheduleImmed,
    "now": ScheduleNow,
    "once": ScheduleOnce,
    "interval": ScheduleInterval,
    "weekly": ScheduleWeekly,
    "monthly_relative": ScheduleMonthlyRelative,
    "monthly_absolute": ScheduleMonthlyAbsolute,
}


def freeze(schedule: Schedule, now: datetime, zone: str) -> Rule:
    """Read the attributes into a rule; `now` stands in for a missing start, `zone` for a missing zone.

    Nonsense in the attributes raises `InvalidInput`.
    """
    if schedule.type not in typesValid:
        raise InvalidInput(problems={"type": f"There is no type of schedule {schedule.type!r}."})
    kind = KINDS[schedule.type]
    special: dict[str, object] = {}
    if kind == "interval":
        special["count"], special["unit"] = _interval(schedule)
    elif kind == "weekly":
        special["days"] = _number("interval", schedule.interval)
    elif kind.startswith("monthly"):
        special["day"], special["short_month"] = _number("interval", schedule.interval), schedule.shortMonth
        if kind == "monthly_relative":
            special["week"] = _number("week", schedule.week)
    start = now if schedule.start is None else _instant("start", schedule.start)
    end = None if schedule.end is None else _instant("end", schedule.end)
    common = {"kind": kind, "zone": schedule.zone or zone, "start": start, "end": end, "max_runs": schedule.maxRuns}
    return Rule(**common, **special)  # type: ignore[arg-type]  # Rule judges every value


def thaw(rule: Rule) -> Schedule:
    """Make the classic object of a rule; freezing it again gives an equal rule."""
    cls = _CLASSES[rule.kind]
    schedule = cls.__new__(cls)  # the constructors differ, the attributes do not
    Schedule.__init__(schedule, rule.start, rule.end)
    schedule.zone, schedule.maxRuns, schedule.shortMonth = rule.zone, rule.max_runs, rule.short_month
    if rule.kind == "interval":
        schedule.interval, schedule.unit = rule.count * UNITS[rule.unit], _UNIT_NAMES.index(rule.unit)
    elif rule.kind == "weekly":
        schedule.interval = rule.days
    elif rule.kind.startswith("monthly"):
        schedule.interval = rule.day
        schedule.week = rule.week or None
    return schedule


def _epoch(value: Moment) -> Moment:
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value  # freeze says what is wrong with it, also with what is set later
    seconds = value.timestamp()
    return int(seconds) if seconds.is_integer() else seconds


def _instant(name: str, value: object) -> datetime:
    if isinstance(value, datetime):
        return value  # Rule refuses naive ones
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(problems={name: f"The {name} must be a number of seconds since 1970, not {value!r}."})
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidInput(problems={name: f"The {name} {value!r} is outside the calendar."}) from error


def _number(name: str, value: object) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput(problems={name: f"The schedule's {name} must be a whole number, not {value!r}."})
    return value


def _unit_name(unit: object) -> str:
    if isinstance(unit, bool) or not isinstance(unit, int) or not 0 <= unit < len(_UNIT_NAMES):
        raise InvalidInput(problems={"unit": f"There is no unit of intervals {unit!r}."})
    return _UNIT_NAMES[unit]


def _interval(schedule: Schedule) -> tuple[int, str]:
    """Return count and unit; an interval that is no multiple of its unit is counted in the next smaller that fits."""
    seconds, name = _number("interval", schedule.interval), _unit_name(schedule.unit)
    if seconds % UNITS[name] == 0:
        return seconds // UNITS[name], name
    # 36 hours are exact, whatever the unit said: only whole days follow the clock on the wall
    exact = [unit for unit in UNITS if unit not in WALL_UNITS and seconds % UNITS[unit] == 0]
    return seconds // UNITS[exact[-1]], exact[-1]
