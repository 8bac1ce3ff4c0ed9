"""Blackouts: stretches of time in which nothing starts by itself, every week or once. Pure, times are arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from raa.calendar import resolve, to_wall, zone_info
from raa.planning.words import DAY_NAMES, date_text, join
from raa.rpath_error import InvalidInput

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
DAYS = tuple(name[:3].lower() for name in DAY_NAMES)
#: windows that follow each other without a gap are followed this far; blackouts that never end are refused before
_LINKS = 500
#: blackouts that leave no time within so many days are refused
_LONGEST = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """A weekly window (`begin` and `end` are times of day, `days` the mask of the days it begins on) or one stretch.

    An `end` at or before `begin` lies on the next day. For one stretch `begin` and `end` are dates with times. Wall
    times are those of `zone`; the begin is inside, the end is not.
    """

    begin: str
    end: str
    zone: str
    days: int = 127
    name: str = ""

    def __post_init__(self) -> None:
        problems: dict[str, str] = {}
        zone_info(self.zone)
        if self.weekly != bool(_CLOCK.fullmatch(self.end)):
            problems["end"] = "Give begin and end both as times (22:00) or both as dates with times (2026-12-24T18:00)."
        elif self.weekly and self.begin == self.end:
            problems["end"] = "A blackout of a whole day leaves no time to run; end it before it begins again."
        elif not self.weekly and _moment("begin", self.begin) >= _moment("end", self.end):
            problems["end"] = "The blackout ends before it begins."
        if isinstance(self.days, bool) or not isinstance(self.days, int) or not 0 < self.days < 128:
            problems["days"] = "Choose at least one day of the week."
        if not isinstance(self.name, str) or len(self.name) > 80 or not self.name.isprintable():
            problems["name"] = "The name of a blackout is a line of at most 80 characters."
        if problems:
            raise InvalidInput(problems=problems)

    @property
    def weekly(self) -> bool:
        """Whether it comes every week."""
        return bool(_CLOCK.fullmatch(self.begin))

    @property
    def words(self) -> str:
        """The blackout as a phrase: `every Saturday and Sunday 22:00 to 06:00`."""
        if not self.weekly:
            begin, end = _moment("begin", self.begin), _moment("end", self.end)
            return f"{date_text(begin)}, {begin:%H:%M} to {date_text(end)}, {end:%H:%M}"
        days = [name for bit, name in enumerate(DAY_NAMES) if self.days >> bit & 1]
        return f"every {'day' if len(days) == 7 else join(days)} {self.begin} to {self.end}"

    def until(self, instant: datetime) -> datetime | None:
        """Return when the blackout that lies over `instant` ends, None if none does."""
        if not self.weekly:
            begin, end = (resolve(_moment("begin", text), self.zone)[0] for text in (self.begin, self.end))
            return end if begin <= instant < end else None
        wall = to_wall(instant, self.zone)
        for back in (0, 1):  # it may have begun yesterday
            day = wall.date() - timedelta(days=back)
            if not self.days >> day.weekday() & 1:
                continue
            over = timedelta(days=1 if self.end <= self.begin else 0)
            begin, _ = resolve(datetime.combine(day, time.fromisoformat(self.begin)), self.zone)
            end, _ = resolve(datetime.combine(day + over, time.fromisoformat(self.end)), self.zone)
            if begin <= instant < end:
                return end
        return None

    def to_values(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"begin": self.begin, "end": self.end, "zone": self.zone, "days": self.days, "name": self.name}


def from_values(found: Sequence[Mapping[str, Any]], zone: str) -> tuple[Blackout, ...]:
    """Read blackouts from plain values; `zone` is for those without one, `days` may be a mask or names (mon, tue).

    Raises `InvalidInput` for nonsense, and for blackouts that together leave no time at all.
    """
    made = []
    for values in found:
        if not isinstance(values, Mapping):
            raise InvalidInput("A blackout is a dict with begin and end.")
        unknown = sorted(set(values) - {"begin", "end", "zone", "days", "name"})
        if unknown:
            raise InvalidInput(f"A blackout has no field {unknown[0]!r}.")
        begin, end = str(values.get("begin", "")), str(values.get("end", ""))
        made.append(
            Blackout(
                begin=begin, end=end, zone=str(values.get("zone") or zone), days=_days(values.get("days", 127)),
                name=values.get("name", ""),
            )
        )  # fmt: skip
    return tuple(made)


def check_open(blackouts: Sequence[Blackout], now: datetime) -> None:
    """Raise `InvalidInput` when the blackouts leave no time for more than a year."""
    if (end := closed_until(blackouts, now)) is not None and end - now > _LONGEST:
        raise InvalidInput("These blackouts leave no time at all in which anything could run.")
    weekly = [one for one in blackouts if one.weekly]
    probe = now
    for _ in range(8):  # a week without a gap is one for ever
        end = closed_until(weekly, probe)
        if end is None:
            return
        if end - probe > timedelta(days=8):
            raise InvalidInput("These blackouts leave no time at all in which anything could run.")
        probe = end


def closed_until(blackouts: Sequence[Blackout], instant: datetime) -> datetime | None:
    """Return when something may start again, None when it may at `instant`; touching blackouts count as one."""
    at = instant
    for _ in range(_LINKS):
        ends = [end for one in blackouts if (end := one.until(at)) is not None]
        if not ends:
            break
        at = max(ends)
    return at if at > instant else None


def closed_at(blackouts: Sequence[Blackout], epoch: float) -> float | None:
    """Tell the same in epoch seconds."""
    end = closed_until(blackouts, datetime.fromtimestamp(epoch, UTC)) if blackouts else None
    return None if end is None else end.timestamp()


def _days(found: Any) -> int:
    if isinstance(found, int):
        return found
    mask = 0
    for name in found if isinstance(found, list | tuple) else [found]:
        if name not in DAYS:
            raise InvalidInput(problems={"days": f"{name!r} is no day; there are {', '.join(DAYS)}."})
        mask |= 1 << DAYS.index(name)
    return mask


def _moment(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise InvalidInput(problems={name: f"{text!r} is no time of day (22:00) and no date with time."})
    return found
