"""The lines of a day: what becomes of each due moment in words, and many alike of one schedule as one line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from raa.calendar import to_wall
from raa.db.stored import Aside
from raa.planning.outlook import Row, Stored, Wait
from raa.planning.words import DAY_NAMES, clock_text, day_text
from raa.values import printable

WIDTH = 80
#: more of one schedule on one day that fare alike are one line
ALIKE = 3
_TIME, _NAME = 13, 20


class Names:
    """How schedules are called: their number, plugin and, unless it is doTask, method."""

    def __init__(self, known: Mapping[int, Stored], aside: Iterable[Aside] = ()) -> None:
        self._names = {one.sched_id: (one.plugin, one.method) for one in known.values()}
        self._names |= {one.sched_id: (one.plugin, one.method) for one in aside}

    def of(self, sched_id: int) -> str:
        plugin, method = self._names[sched_id]
        name = plugin.strip("/").partition("/")[0]
        return printable(f"#{sched_id} {name}" if method == "doTask" else f"#{sched_id} {name}.{method}")


@dataclass(frozen=True)
class Group:
    """Rows of one schedule on one day that fare alike, or an event (a text without rows)."""

    at: datetime
    rows: Sequence[Row] = ()
    text: str = ""
    sched_id: int = 0

    @classmethod
    def event(cls, at: datetime, text: str, sched_id: int = 0) -> Group:
        """Make the line of something that is no run."""
        return cls(at, (), text, sched_id)

    def lines(self, names: Names, zone: str) -> list[str]:
        """Return the group's line, wrapped."""
        first = clock_text(to_wall(self.at, zone).replace(microsecond=0))
        name = names.of(self.rows[0].sched_id) if self.rows else names.of(self.sched_id) if self.sched_id else ""
        if len(self.rows) > 1:
            first = f"{first[:5]}-{clock_text(to_wall(self.rows[-1].due, zone))[:5]}"
        text = self.text or (_many(self.rows) if len(self.rows) > 1 else _one(self.rows[0], zone))
        if not name:
            return wrapped(f"  {first:<{_TIME}}", text, WIDTH)
        return wrapped(f"  {first:<{_TIME}}{name:<{_NAME}} ", text, WIDTH, 3 + _TIME + _NAME)


def wrapped(begin: str, text: str, width: int, indent: int = 0) -> list[str]:
    """Set a text behind its beginning, in lines of so many columns."""
    return textwrap.wrap(
        text, width, initial_indent=begin, subsequent_indent=" " * (indent or len(begin)), break_on_hyphens=False
    ) or [begin.rstrip()]  # fmt: skip


def grouped(rows: Iterable[Row], zone: str) -> list[Group]:
    """Gather what is alike, by schedule and day; up to three of a kind stay by themselves."""
    kinds: dict[tuple[date, int, str], list[Row]] = {}
    for row in rows:
        kinds.setdefault((to_wall(row.due, zone).date(), row.sched_id, _kind(row)), []).append(row)
    found = []
    for alike in kinds.values():
        if len(alike) > ALIKE:
            found.append(Group(alike[0].due, alike))
        else:
            found += [Group(row.due, [row]) for row in alike]
    return found


def _kind(row: Row) -> str:
    if row.note:
        return f"{row.due}"
    waits = ",".join(f"{wait.kind} {wait.name}" for wait in row.waits)
    return f"{row.state} {row.cause} {bool(row.reason)} {waits} {row.attempt > 1}"


def _many(rows: Sequence[Row]) -> str:
    row, count = rows[0], sum(row.covers for row in rows)
    if row.state in ("missed", "skipped", "merged"):
        return f"{count:,} {row.state}, the first: {row.reason}"
    ends = {"interrupted": "cut off", "timed_out": "ended by their time limit", "queued": "not begun at the end"}
    parts = [ends[row.state]] if row.state in ends else []
    if row.attempt > 1:
        parts.append("further attempts")
    parts += [f"{_WAITING[wait.kind]}{wait.name}" for wait in row.waits]
    if row.began is not None and not row.waits:
        parts.append("caught up" if row.reason else "on time")
    late = max((one.began - one.due).total_seconds() if one.began else 0.0 for one in rows)
    most = f", up to {_length(late)} late" if late >= 1 else ""
    return f"{count:,} runs, {', '.join(parts)}{most}"


_WAITING = {
    "place": "waiting for a place", "resource": "waiting for ", "schedule": "waiting for the run before",
    "delay": "after a random delay", "pause": "after a pause", "blackout": "held up by a blackout",
    "off": "waiting while the machine is off",
}  # fmt: skip


def _one(row: Row, zone: str) -> str:
    day = to_wall(row.due, zone).date()
    dropped = row.state in ("missed", "skipped", "merged")
    repeated = row.reason.startswith(row.state)
    text = (row.reason if repeated else f"{row.state}: {row.reason}") if dropped else _run(row, day, zone)
    return f"{text}; {row.note}" if row.note else text


def _run(row: Row, day: date, zone: str) -> str:
    parts = [f"attempt {row.attempt}"] if row.attempt > 1 else []
    parts += [_wait(wait, day, zone) for wait in row.waits]
    if row.began is not None:
        on_time = (row.began - row.due).total_seconds() < 1 and not row.waits
        parts.append("on time" if on_time else f"begins {_clock(row.began, day, zone)}")
    if row.reason:
        parts.append(row.reason)
    if row.ended is not None:
        ends = {"interrupted": "cut off", "timed_out": "ended by its time limit"}
        parts.append(f"{ends.get(row.state, 'ends')} {_clock(row.ended, day, zone)}")
    elif row.state in ("running", "queued"):
        parts.append("still at work at the end" if row.state == "running" else "not begun at the end")
    return ", ".join(parts)


def _wait(wait: Wait, day: date, zone: str) -> str:
    if wait.until is None:
        return f"{'waits for ' if wait.kind == 'resource' else ''}{_ALONE[wait.kind]}{wait.name}"
    return f"{_ALONE[wait.kind]} until {_clock(wait.until, day, zone)}"


_ALONE = {
    "place": "waits for a place", "resource": "", "schedule": "waits for the run before", "delay": "random delay",
    "pause": "pause", "blackout": "blackout", "off": "machine off",
}  # fmt: skip


def _clock(instant: datetime, day: date, zone: str) -> str:
    wall = to_wall(instant, zone).replace(microsecond=0)
    other = "" if wall.date() == day else f"{DAY_NAMES[wall.weekday()][:3]} {day_text(wall)} "
    return f"{other}{clock_text(wall)}"


def _length(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}".replace(".0 ", " ")
    return f"{seconds:.0f} s"
