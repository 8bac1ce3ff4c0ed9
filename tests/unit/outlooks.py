"""Schedules to simulate from a Monday on, and what to look at in what comes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from raa.planning.outlook import Outlook, Row, Stored
from raa.planning.policy import Policy
from raa.planning.rule import Rule
from raa.planning.simulate import simulate

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: Monday
SINCE = datetime(2026, 6, 1, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def at(hours: float, days: float = 0) -> datetime:
    return SINCE + timedelta(hours=hours, days=days)


def every(minutes: int, start: datetime = SINCE, **more: Any) -> Rule:
    return Rule(kind="interval", zone="UTC", start=start, count=minutes, unit="minutes", **more)


def daily(start: datetime, zone: str = "UTC", **more: Any) -> Rule:
    return Rule(kind="weekly", zone=zone, start=start, days=127, **more)


def stored(rule: Rule, sched_id: int = 1, **more: Any) -> Stored:
    policy = Policy(**more.pop("policy", {}))
    values = {"next_due": rule.start, "plugin": "/toy/Toy", "method": "doTask", **more}
    return Stored(sched_id=sched_id, rule=rule, policy=policy, **values)


def played(*schedules: Stored, days: float = 1, since: datetime = SINCE, **more: Any) -> Outlook:
    return simulate(schedules, since, since + timedelta(days=days), **{"max_runs": 4, **more})


def states(outlook: Outlook, sched_id: int = 1) -> list[str]:
    return [row.state for row in outlook.rows if row.sched_id == sched_id]


def of(outlook: Outlook, sched_id: int) -> list[Row]:
    return [row for row in outlook.rows if row.sched_id == sched_id]
