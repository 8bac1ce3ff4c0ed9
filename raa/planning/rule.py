"""Rule: when something happens, as one frozen value that the engine stores and every page is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import NoReturn
from zoneinfo import ZoneInfo

from raa.calendar import to_wall, zone_info
from raa.rpath_error import InvalidInput

KINDS = ("immed", "now", "once", "interval", "weekly", "monthly_relative", "monthly_absolute")
ONE_SHOT = ("immed", "now", "once")
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "weeks": 7 * 86400}
WALL_UNITS = ("days", "weeks")
SHORT_MONTH = ("skip", "last")

#: no occurrence is later than this: arithmetic stays inside what datetime can hold
HORIZON = datetime(9000, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
#: the longest interval, in seconds
LONGEST = 100 * 366 * 86400

#: which of the optional fields a kind uses; the others stay at their defaults
_USES = {
    "interval": ("count", "unit"),
    "weekly": ("days",),
    "monthly_relative": ("day", "week", "short_month"),
    "monthly_absolute": ("day", "short_month"),
}
_DEFAULTS: dict[str, object] = {"count": 0, "unit": "", "days": 0, "day": 0, "week": 0, "short_month": "skip"}
_NAMES = ("kind", "zone", "start", "end", *_DEFAULTS, "max_runs")
_KNOWN = frozenset(_NAMES)

_set = object.__setattr__


def _refuse(name: str, sentence: str) -> NoReturn:
    raise InvalidInput(problems={name: sentence})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When something happens. Nonsense raises `InvalidInput` at construction; instants are kept in UTC.

    `start` is the first moment that counts and the anchor of intervals. For wall-clock kinds (weekly, monthly,
    intervals of days and weeks) its wall time in `zone` is the time of day of every occurrence.
    """

    kind: str
    zone: str
    start: datetime
    #: the last moment that counts, None for no end
    end: datetime | None = None
    #: interval: so many of `unit` (see `UNITS`)
    count: int = 0
    unit: str = ""
    #: weekly: bit mask, Monday is 1 << 0
    days: int = 0
    #: monthly_absolute: day 1 to 31; monthly_relative: weekday, Monday is 0
    day: int = 0
    #: monthly_relative: 1 to 5, or -1 for the last
    week: int = 0
    #: what a month without that day does: "skip" it, or take the "last" day (the last such weekday)
    short_month: str = "skip"
    max_runs: int | None = None
    #: the wall time of `start` in `zone`
    local_start: datetime = field(init=False, repr=False, compare=False)
    #: intervals: their length
    step: timedelta = field(init=False, repr=False, compare=False)
    #: whether it can be due more than once
    repeats: bool = field(init=False, repr=False, compare=False)
    #: whether it follows the clock on the wall, through changes to and from summer time
    wall_clock: bool = field(init=False, repr=False, compare=False)
    # below: what `next_after` would otherwise work out at every call
    tz: ZoneInfo = field(init=False, repr=False, compare=False)
    #: the time of day of wall-clock kinds, and the ordinal of the date they start on
    clock: time = field(init=False, repr=False, compare=False)
    first_day: int = field(init=False, repr=False, compare=False)
    #: the end or the horizon
    last: datetime = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            _refuse("kind", f"{self.kind!r} is no kind of rule; there are {', '.join(KINDS)}.")
        for name in ("zone", "unit"):
            if not isinstance(getattr(self, name), str):
                _refuse(name, f"{name!r} must be a name.")
        _set(self, "start", _instant("start", self.start))
        _set(self, "local_start", to_wall(self.start, self.zone))
        if self.end is not None:
            _set(self, "end", _instant("end", self.end))
            if self.end < self.start:
                _refuse("end", "The end lies before the start.")
        for name in ("count", "days", "day", "week", "max_runs"):
            _whole(name, getattr(self, name))
        if self.max_runs is not None and self.max_runs < 1:
            _refuse("max_runs", "The greatest number of runs must be 1 or more.")
        used = _USES.get(self.kind, ())
        for name, default in _DEFAULTS.items():
            if name not in used and getattr(self, name) != default:
                _refuse(name, f"A rule of kind {self.kind} has no {name!r}.")
        if self.kind in _CHECKS:
            _CHECKS[self.kind](self)
        counted = self.kind == "interval"
        repeats = self.kind not in ONE_SHOT
        _set(self, "step", timedelta(seconds=self.count * UNITS[self.unit] if counted else 0))
        _set(self, "repeats", repeats)
        _set(self, "wall_clock", repeats and (not counted or self.unit in WALL_UNITS))
        _set(self, "tz", zone_info(self.zone))
        _set(self, "clock", self.local_start.time())
        _set(self, "first_day", self.local_start.toordinal())
        _set(self, "last", self.end or HORIZON)

    def to_values(self) -> dict[str, object]:
        """Return plain JSON values; datetimes become ISO strings with their offset."""
        values: dict[str, object] = {name: getattr(self, name) for name in _NAMES}
        values["start"] = self.start.isoformat()
        values["end"] = self.end.isoformat() if self.end else None
        return values

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> Rule:
        """Build the rule that `to_values` described; optional fields may be absent, unknown ones are refused."""
        if not _KNOWN.issuperset(values):
            unknown = min(set(values) - _KNOWN)
            _refuse(unknown, f"A rule has no field {unknown!r}.")
        for name in ("kind", "zone", "start"):
            if name not in values:
                _refuse(name, f"A rule needs {name!r}.")
        known: dict[str, object] = dict(values)
        for name in ("start", "end"):
            known[name] = _parsed(name, values.get(name))
        return cls(**known)  # type: ignore[arg-type]  # the constructor judges every value


def _instant(name: str, value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None or value.utcoffset() is None:
        _refuse(name, f"The {name} must be a date and time with its offset from UTC.")
    if not _EARLIEST <= value < HORIZON:
        _refuse(name, f"The {name} must lie between the years 1900 and 9000.")
    return value.astimezone(UTC)


def _parsed(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        _refuse(name, f"{value!r} is no date and time in ISO form.")


def _whole(name: str, value: object) -> None:
    if isinstance(value, bool) or not (isinstance(value, int) or (value is None and name == "max_runs")):
        _refuse(name, f"{name!r} must be a whole number.")


def _check_interval(rule: Rule) -> None:
    if rule.unit not in UNITS:
        _refuse("unit", f"An interval is counted in {', '.join(UNITS)}, not in {rule.unit!r}.")
    if rule.count < 1:
        _refuse("count", f"An interval must be at least 1 of its unit ({rule.unit}).")
    if rule.count * UNITS[rule.unit] > LONGEST:
        _refuse("count", "An interval can be 100 years at most.")


def _check_weekly(rule: Rule) -> None:
    if not 0 < rule.days < 1 << 7:
        _refuse("days", "Choose at least one day of the week.")


def _check_short_month(rule: Rule) -> None:
    if rule.short_month not in SHORT_MONTH:
        _refuse("short_month", "A month that is too short is either skipped (skip) or uses its last day (last).")


def _check_relative(rule: Rule) -> None:
    if not 0 <= rule.day <= 6:
        _refuse("day", "The day of the week must be 0 (Monday) to 6 (Sunday).")
    if rule.week not in (1, 2, 3, 4, 5, -1):
        _refuse("week", "The week must be 1 to 5, or -1 for the last.")
    _check_short_month(rule)


def _check_absolute(rule: Rule) -> None:
    if not 1 <= rule.day <= 31:
        _refuse("day", "The day of the month must be 1 to 31.")
    _check_short_month(rule)


_CHECKS = {
    "interval": _check_interval,
    "weekly": _check_weekly,
    "monthly_relative": _check_relative,
    "monthly_absolute": _check_absolute,
}
