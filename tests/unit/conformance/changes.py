"""When clocks change, found by looking at a zone's offset day by day; nothing of raa is asked."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

FIRST, LAST = datetime(2019, 12, 1, tzinfo=UTC), datetime(2038, 2, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """The offset of a zone becomes another one."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def gap(self) -> bool:
        return self.after > self.before

    @property
    def walls(self) -> tuple[datetime, datetime]:
        """The wall times that do not exist, or come twice: from the first to before the second."""
        naive = self.at.replace(tzinfo=None)
        return naive + min(self.before, self.after), naive + max(self.before, self.after)

    def touches(self, clock: time) -> bool:
        """Whether a time of day is among them, on one date or another."""
        first, end = self.walls
        days = range(first.toordinal(), end.toordinal() + 1)
        return any(first <= datetime.combine(date.fromordinal(day), clock) < end for day in days)


def names() -> list[str]:
    return sorted(zoneinfo.available_timezones())


def offset(instant: datetime, zone: str) -> timedelta:
    return ZoneInfo(zone).fromutc(instant.replace(tzinfo=ZoneInfo(zone))).utcoffset()


def shown(instant: datetime, zone: str) -> datetime:
    """Return what clocks show."""
    return instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def changes(zone: str) -> tuple[Change, ...]:
    """List the changes of 2020 to 2037; other names of a zone cost nothing."""
    for folder in zoneinfo.TZPATH:
        if (file := Path(folder, zone)).is_file():
            return _changes(file.read_bytes(), zone)
    return _changes(zone.encode(), zone)


def by_hours(zone: str) -> bool:
    """Whether clocks change by whole hours alone."""
    return all((change.after - change.before) % timedelta(hours=1) == timedelta(0) for change in changes(zone))


_CACHE: dict[bytes, tuple[Change, ...]] = {}


def _changes(data: bytes, zone: str) -> tuple[Change, ...]:
    if data not in _CACHE:
        _CACHE[data] = tuple(_find(zone))
    return _CACHE[data]


_DAYS = [FIRST.replace(tzinfo=None) + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]


def _find(zone: str) -> list[Change]:
    tz, found = ZoneInfo(zone), []
    # by wall days: looking up a wall time makes no datetime, and there are millions to look up
    offsets = list(map(tz.utcoffset, _DAYS))
    for day, before, after in zip(_DAYS, offsets, offsets[1:], strict=False):
        if before != after:
            low, high = (day + timedelta(hours=hours) for hours in (-15, 39))
            low, high = low.replace(tzinfo=UTC), high.replace(tzinfo=UTC)
            assert (offset(low, zone), offset(high, zone)) == (before, after), f"{zone} changes twice about {day}"
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if offset(middle, zone) == before else (low, middle)
            found.append(Change(high, before, after))
    return found
