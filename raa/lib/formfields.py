"""The fields of the schedule editor while they are read: each problem under its field's name, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from zoneinfo import available_timezones

from raa.calendar import missing_days, resolve, to_wall, zone_info
from raa.planning.words import clock_text, date_text
from raa.rpath_error import InvalidInput

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Form:
    """The fields while they are read; every problem is collected under its field's name."""

    def __init__(self, fields: Mapping[str, object], now: datetime, zone: str) -> None:
        self.fields, self.now = fields, now
        self.problems: dict[str, str] = {}
        self.zone = self._zone(zone)

    def _zone(self, default: str) -> str:
        """Read the zone that the times are in; a name in other letters is taken as the one that is meant."""
        value = str(self._last("zone") or "").strip().replace(" ", "_")
        if not value:
            return default
        try:
            zone_info(value)
        except InvalidInput:
            known = [name for name in available_timezones() if name.casefold() == value.casefold()]
            if not known:
                self.problems["zone"] = f"There is no time zone {value[:60]!r}; use a name such as Europe/Berlin."
            return known[0] if known else default
        return value

    def _last(self, name: str) -> object:
        value = self.fields.get(name)
        if isinstance(value, list | tuple):  # a field sent twice
            return value[-1] if value else None
        return value

    def text(self, name: str) -> str:
        value = self._last(name)
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

    def date(self, name: str = "date") -> date:
        text = self.text(name)
        today = to_wall(self.now, self.zone).date()
        try:
            # the shape is checked too: fromisoformat also reads week dates and compact ones
            day = date.fromisoformat(text) if len(text) == 10 and text[4] == "-" else None
        except ValueError:
            day = None
        if day is None:
            self.problems[name] = "Give the date as year, month and day, such as 2026-11-24."
        elif not 1970 <= day.year <= today.year + 100:
            self.problems[name] = "Choose a date within the next 100 years."
        else:
            return day
        return today

    def moment(self, past: bool = False) -> datetime:
        """Read date and time as one instant, still to come unless the `past` will do as well."""
        day, clock = self.date(), self.time_of_day()
        if self.problems.keys() & {"date", "time"}:
            return self.now
        if day.toordinal() in missing_days(self.zone):
            self.problems["date"] = f"There was no {date_text(day)} in {self.zone}."
            return self.now
        instant, moved = resolve(datetime.combine(day, clock), self.zone)
        if instant <= self.now and not past:
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
