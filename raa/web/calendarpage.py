"""The month at `/schedule/calendar`: what happened by day, from the ledger, and what is planned, from the rules."""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from raa.calendar import next_month, resolve, to_wall
from raa.constants import STATES
from raa.planning.blackout import Blackout
from raa.planning.words import DAY_NAMES, clock_text, date_text
from raa.protocols import Values
from raa.rpath_error import InvalidInput
from raa.web.answers import Answer
from raa.web.frame import Frame, required
from raa.web.gate import Visitor
from raa.web.planned import Planned, planned
from raa.web.request import Request
from raa.web.scheduleview import ScheduleViews

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
#: lines of a day; the rest is counted
LINES = 8
#: schedules whose runs are worked out, those due next; with more, the page says so
MOST = 500


class CalendarPage:
    """One page: a month as a table, a list by day where it is narrow."""

    def __init__(self, frame: Frame, views: ScheduleViews) -> None:
        self._frame = frame
        self._views = views

    def page(self, request: Request, visitor: Visitor) -> Answer:
        """Show a month (`month=2026-11`), this one where none is named."""
        frame, identity, zone = self._frame, required(visitor), self._views.zone
        now = frame.chrome.clock.now()
        today = to_wall(now, zone).date()
        year, month = _month(str(request.params.get("month", "")), today)
        days = [day for week in calendar.Calendar().monthdatescalendar(year, month) for day in week]
        begin, end = _midnight(days[0], zone), _midnight(days[-1] + timedelta(days=1), zone)
        lines: dict[date, list[Values]] = defaultdict(list)
        plugins = frame.visible(identity)
        for row in _by_day(frame.service.results(begin.timestamp(), end.timestamp(), plugins), zone):
            lines[row["day"]].append(self._past(row))
        rows = frame.service.find_schedules(plugins, waiting=True, limit=MOST + 1)
        common = self._views.common()
        for row in [row for row in rows[:MOST] if not row["broken"]] if end > now else []:
            closed = self._views.blackouts(row)
            for one in planned(row, max(now, begin), end, zone, closed):
                lines[one.day].append(self._coming(row, one))
        weeks = [
            [self._day(day, month, today, lines[day], common) for day in days[at : at + 7]]
            for at in range(0, len(days), 7)
        ]
        data = {
            "caption": f"{MONTHS[month - 1]} {year}", "weeks": weeks, "day_names": DAY_NAMES,
            "before": _link(*next_month(year, month, -1)), "after": _link(*next_month(year, month)),
            "here": (year, month) == (today.year, today.month), "most": MOST if len(rows) > MOST else None,
            "nothing": not any(day["lines"] for week in weeks for day in week),
        }  # fmt: skip
        trail = [{"label": "Schedule", "href": "/schedule"}, {"label": "Calendar", "href": None}]
        purpose = "What ran and what did not, and what is planned, by day."
        ui = frame.pages.ui(request, visitor, "Calendar", "/schedule", purpose=purpose, crumbs=trail)
        return frame.pages.show("calendar.html", ui, data)

    def _past(self, row: Values) -> Values:
        word = STATES[row["state"]][1]
        count = row["count"]
        href = f"/schedule/{row['sched_id']}"
        if count == 1 and row["exec_id"]:
            href = f"/jobs/{row['exec_id']}"
        return {
            "at": row["due"], "time": clock_text(to_wall(_instant(row["due"]), self._views.zone).replace(second=0)),
            "title": self._frame.chrome.name(row["plugin"], row["method"]), "state": row["state"],
            "word": word, "many": f"×{count:,}" if count > 1 else "", "note": "", "href": href,
        }  # fmt: skip

    def _coming(self, row: Values, one: Planned) -> Values:
        return {
            "at": one.due.timestamp(), "time": clock_text(to_wall(one.due, self._views.zone).replace(second=0)),
            "title": self._frame.chrome.name(row["plugin"], row["method"]), "state": "planned", "word": "planned",
            "many": f"×{one.count:,}" if one.count > 1 else "", "note": one.note, "href": f"/schedule/{row['schedId']}",
        }  # fmt: skip

    def _day(self, day: date, month: int, today: date, lines: list[Values], closed: Any) -> Values:
        inside = day.month == month
        ordered = sorted(lines, key=lambda line: float(line["at"]))
        return {
            "day": day.day, "label": f"{DAY_NAMES[day.weekday()]} {date_text(day)}", "inside": inside,
            "today": day == today, "iso": day.isoformat(), "lines": ordered[:LINES],
            "more": max(0, len(ordered) - LINES), "blackouts": [_closed_words(one) for one in closed if _on(one, day)],
        }  # fmt: skip


def _by_day(results: list[Values], zone: str) -> list[Values]:
    """Sum up quarters of hours to days of the zone, by plugin, method and state."""
    found: dict[tuple[Any, ...], Values] = {}
    days: dict[int, date] = {}
    for row in results:
        slot = row["slot"]
        if slot not in days:
            days[slot] = to_wall(_instant(slot * 900), zone).date()
        key = (days[slot], row["plugin"], row["method"], row["state"])
        known = found.setdefault(key, {**row, "day": days[slot], "count": 0})
        known["count"] += row["count"]
    return list(found.values())


def _on(one: Blackout, day: date) -> bool:
    """Tell whether a blackout lies over some of a day, by the dates of its own zone."""
    if not one.weekly:
        return datetime.fromisoformat(one.begin).date() <= day <= datetime.fromisoformat(one.end).date()
    return bool(one.days >> day.weekday() & 1)


def _closed_words(one: Blackout) -> str:
    hours = f"{one.begin}–{one.end}" if one.weekly else ""
    return " ".join(filter(None, (one.name or "Blackout", hours)))


def _instant(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _midnight(day: date, zone: str) -> datetime:
    return resolve(datetime.combine(day, time()), zone)[0]


def _month(text: str, today: date) -> tuple[int, int]:
    if not text:
        return today.year, today.month
    match = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
    if match is None or not 1971 <= int(match[1]) <= today.year + 100:
        raise InvalidInput("Name a month as year and month, such as 2026-11.")
    return int(match[1]), int(match[2])


def _link(year: int, month: int) -> Values:
    name = f"{MONTHS[month - 1]} {year}"
    return {"href": f"/schedule/calendar?month={year:04}-{month:02}", "label": name}
