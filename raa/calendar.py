"""Wall time and IANA zones to instants, and month arithmetic.

One policy for the whole product: a wall time that does not exist moves forward by the length of the gap, a wall time
that comes twice means the first one, and a date that a zone left out (`missing_days`) has no wall times at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from raa.rpath_error import InvalidInput

#: the years in which zones moved across the date line: before 1900 clocks ran on local mean time, later is not decided
_FIRST_YEAR, _LAST_YEAR = 1900, 2040
_MONTH_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: None is for other kinds of tzinfo
_offset: Callable[[ZoneInfo, datetime], timedelta] = ZoneInfo.utcoffset  # type: ignore[assignment]


@lru_cache(maxsize=1024)
def zone_info(zone: str) -> ZoneInfo:
    """Return the zone of that IANA name; an unknown name raises `InvalidInput`."""
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, TypeError, OSError) as error:
        # a folder of the zone database ("Europe") and a name with "../" end up here as well
        sentence = f"There is no time zone {str(zone)!r}; use a name such as Europe/Berlin or UTC."
        raise InvalidInput(problems={"zone": sentence}) from error


def resolve(local: datetime, zone: str) -> tuple[datetime, bool]:
    """Turn a naive wall time into `(instant in UTC, moved)`.

    `moved` is true when the wall time lies in a gap: the instant is then later by the length of the gap, which may be
    on the next date. Dates left out altogether are moved too; ask `missing_days` about those.
    """
    if local.tzinfo is not None:
        raise InvalidInput("A wall time has no offset of its own; give a naive datetime.")
    return resolve_day(local.toordinal(), local.time().replace(fold=0), zone_info(zone))


def resolve_day(day: int, clock: time, tz: ZoneInfo) -> tuple[datetime, bool]:
    """Do what `resolve` does, for a date by its ordinal and a time of day, without looking up the zone."""
    wall = datetime.combine(date.fromordinal(day), clock, UTC)
    # the zone looks at date, time and fold alone. fold=0 takes the offset before the change: the first of two, and
    # forward out of a gap; only there the offset after it, fold=1, is the larger one (PEP 495)
    before = _offset(tz, wall)
    try:
        return wall - before, before < _offset(tz, wall.replace(fold=1))
    except OverflowError as error:
        raise InvalidInput(f"The year {wall.year} is outside the calendar.") from error


def to_wall(instant: datetime, zone: str) -> datetime:
    """Return the naive wall time that clocks in `zone` show at an aware instant."""
    local = instant.astimezone(zone_info(zone))
    return local.replace(tzinfo=None, fold=0) if local.fold else datetime.combine(local, local.time())


@lru_cache(maxsize=1024)
def missing_days(zone: str) -> tuple[int, ...]:
    """Return the ordinals of the dates that never happened in `zone` (Pacific/Apia: 30 Dec 2011); mostly none."""
    tz = zone_info(zone)
    offsets = {year: _hours(datetime(year, 1, 1, tzinfo=UTC), tz) for year in range(_FIRST_YEAR, _LAST_YEAR + 1)}
    found: list[int] = []
    for year in range(_FIRST_YEAR, _LAST_YEAR):
        # only a move across the date line makes this large a step, and it is for good: no need to look at every day
        if offsets[year + 1] - offsets[year] > 12:
            first, last = date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()
            found += [day for day in range(first, last + 1) if not _happens(date.fromordinal(day), zone)]
    return tuple(found)


def clock_changes(zone: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime, datetime]]:
    """Return when clocks in `zone` are set within a stretch of time: `(instant, wall time before, wall time after)`.

    Two changes within a day may pass unnoticed where the second takes back the first.
    """
    tz, found, at = zone_info(zone), [], since.astimezone(UTC)
    while at < until:
        then = min(at + timedelta(days=1), until)
        before, after = _hours(at, tz), _hours(then, tz)
        if before != after:
            low, high = at, then
            while high - low > timedelta(seconds=1):
                middle = (low + (high - low) / 2).replace(microsecond=0)
                middle = middle if middle > low else high
                low, high = (middle, high) if _hours(middle, tz) == before else (low, middle)
            wall = high.replace(tzinfo=None)
            found.append((high, wall + timedelta(hours=before), wall + timedelta(hours=after)))
        at = then
    return found


def _hours(instant: datetime, tz: ZoneInfo) -> float:
    offset = instant.astimezone(tz).utcoffset()
    return offset.total_seconds() / 3600 if offset is not None else 0.0


def _happens(day: date, zone: str) -> bool:
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall time
    return not (resolve(midnight, zone)[1] and resolve(midnight.replace(hour=23, minute=59, second=59), zone)[1])


def days_in_month(year: int, month: int) -> int:
    """Return the number of the month's last day."""
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        return 29
    return _MONTH_LENGTHS[month]


def nth_weekday(year: int, month: int, weekday: int, week: int) -> int | None:
    """Return the day of month of the `week`-th `weekday` (Monday is 0); week 1 to 5, or -1 for the last.

    None when the month has no fifth one.
    """
    first = 1 + (weekday - date(year, month, 1).weekday()) % 7
    length = days_in_month(year, month)
    if week == -1:
        return first + (length - first) // 7 * 7
    day = first + (week - 1) * 7
    return day if day <= length else None


def next_month(year: int, month: int, step: int = 1) -> tuple[int, int]:
    """Return the `(year, month)` that lies `step` months on."""
    years, index = divmod(month - 1 + step, 12)
    return year + years, index + 1
