"""APScheduler 3's triggers, asked for the next run after a moment; none is told the run before, as ours is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from benchmarks.common import instants, microseconds

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 5, 4, 30, tzinfo=BERLIN)


def _cron(**fields: Any) -> CronTrigger:
    return CronTrigger(hour=4, minute=30, timezone=BERLIN, start_date=START, **fields)


TRIGGERS = {
    "interval, 15 minutes": IntervalTrigger(minutes=15, start_date=START, timezone=BERLIN),
    "interval, 3 days": CalendarIntervalTrigger(
        days=3, hour=4, minute=30, start_date=START.date(), timezone=BERLIN
    ),
    "interval, 1 day": _cron(),
    "weekly, 3 days": _cron(day_of_week="mon,wed,fri"),
    "monthly, third Tuesday": _cron(day="3rd tue"),
    "monthly, last Friday": _cron(day="last fri"),
    "monthly, day 31": _cron(day=31),
    "monthly, last day": _cron(day="last"),
    "once": DateTrigger(run_date=datetime(2027, 6, 1, 4, 30, tzinfo=BERLIN), timezone=BERLIN),
}  # fmt: skip


def measure(calls: int, options: Sequence[str]) -> dict[str, Any]:
    """Return by class what a call takes in µs, the same with the run before told, and the answers."""
    moments = instants(calls)
    return {name: _measured(trigger, moments) for name, trigger in TRIGGERS.items()}


def _measured(trigger: Any, moments: Sequence[datetime]) -> dict[str, Any]:
    ask = trigger.get_next_fire_time

    def after(moment: datetime) -> Any:
        """Step from the start: that trigger alone does not look at the moment."""
        due = ask(None, moment)
        while due <= moment:
            due = ask(due, moment)
        return due

    walks = isinstance(trigger, CalendarIntervalTrigger)
    answers = [after(moment) for moment in moments]
    told = answers[0]
    return {
        "us": microseconds(after if walks else lambda moment: ask(None, moment), moments),
        "told us": microseconds(lambda moment: ask(told, moment), moments),
        "answers": [due.astimezone(UTC).isoformat() for due in answers],
    }
