"""The fields of a spec, read one by one: text and numbers as people write them, wall times of the spec's zone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, time
from typing import NoReturn

from raa.calendar import resolve, to_wall, zone_info
from raa.planning.rule import HORIZON
from raa.rpath_error import InvalidInput

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def refuse(name: str, sentence: str) -> NoReturn:
    """Raise `InvalidInput` for one field."""
    raise InvalidInput(problems={name: sentence})


class Fields:
    """A spec's fields as values of their types; unknown names are refused at once."""

    def __init__(self, spec: Mapping[str, object], names: Collection[str], zone: str) -> None:
        self._fields: dict[str, object] = {}
        for written, value in spec.items():
            name = str(written).replace("-", "_")
            if name not in names:
                refuse(str(written), f"There is no field {str(written)!r}; there are {', '.join(names)}.")
            if name in self._fields:
                refuse(name, f"{name!r} is given twice.")
            self._fields[name] = value
        self.zone = self._text("zone") or zone
        zone_info(self.zone)

    def given(self, name: str) -> bool:
        """Tell whether the field has a value."""
        return self._fields.get(name) not in (None, "")

    def _text(self, name: str) -> str:
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            refuse(name, f"{name!r} must be text or a whole number.")
        return "" if value is None else str(value).strip()

    def text(self, name: str) -> str:
        """Return a field in lower case, empty where it is not given."""
        return self._text(name).lower()

    def number(self, name: str, low: int, high: int, sentence: str, default: int | None = None) -> int:
        """Return a whole number; `sentence` says what is wrong with any other."""
        if default is not None and not self.given(name):
            return default
        text = self._text(name)
        # not int() alone: it takes underscores, signs and the digits of every script
        if text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high:
            return int(text)
        refuse(name, sentence)

    def days(self, name: str) -> list[str]:
        """Return the days of the week that are named, in a list or with commas between."""
        value = self._fields.get(name)
        items = value if isinstance(value, list | tuple) else self._text(name).split(",")
        days = [str(item).strip().lower() for item in items if str(item).strip()]
        if not days:
            refuse(name, "Choose at least one day of the week, such as mon,thu.")
        for day in days:
            if day not in DAYS:
                refuse(name, f"{day!r} is no day of the week; use {', '.join(DAYS[:-1])} or {DAYS[-1]}.")
        return days

    def clock(self, name: str) -> time:
        """Return a time of day."""
        parts = self._text(name).split(":")
        plain = len(parts) in (2, 3) and all(len(part) <= 2 and part.isascii() and part.isdigit() for part in parts)
        if plain and int(parts[0]) < 24 and all(int(part) < 60 for part in parts[1:]):
            hour, minute, second = (int(part) for part in [*parts, "0"][:3])
            return time(hour, minute, second)
        refuse(name, "Give the time of day (at) as hours and minutes, such as 02:30.")

    def wall(self, name: str) -> datetime:
        """Return the wall time of a field, as it is written where it has no offset."""
        moment = self._moment(name)
        return to_wall(moment, self.zone) if moment.tzinfo else moment

    def moment(self, name: str) -> datetime | None:
        """Return the instant of a field, None where it is not given."""
        if not self.given(name):
            return None
        moment = self._moment(name)
        return moment.astimezone(UTC) if moment.tzinfo else resolve(moment, self.zone)[0]

    def _moment(self, name: str) -> datetime:
        text = self._text(name)
        try:
            # the shape is checked too: fromisoformat also takes week dates
            moment = datetime.fromisoformat(text) if "W" not in text else None
        except ValueError:
            moment = None
        if moment is None:
            refuse(name, f"Give {name!r} as a date and time of the zone, such as 2026-12-01T03:00.")
        if not 1900 < moment.year < HORIZON.year:
            refuse(name, f"{name!r} must lie between the years 1900 and {HORIZON.year}.")
        return moment
