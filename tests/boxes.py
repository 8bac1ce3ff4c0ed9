"""A console whose scheduler takes its turns by hand, and the times that its tests are about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orders import TOY, ended, order, rule, running_service

from raa.protocols import Values
from raa.service.engine import Engine
from raa.testing.clock import ManualClock

MONDAY, DAY = datetime(2026, 11, 23, 2, 30, tzinfo=UTC), timedelta(days=1)
MONDAYS_AND_THURSDAYS = rule("weekly", start="2026-11-01T02:30:00+00:00", days=0b0001001)
DAILY = rule("weekly", start="2026-11-01T02:30:00+00:00", days=0b1111111)
#: where every test begins
BEGIN = MONDAY - timedelta(hours=1)


class Box:
    """A console whose scheduler takes its turns by hand, at the clock's time."""

    def __init__(self, engine: Engine, clock: ManualClock) -> None:
        self.engine, self.clock = engine, clock

    def schedule(self, when: Values, method: str = "ids", *args: Any, **options: Any) -> int:
        return int(self.engine.submit(order(method, *args, when=when, **options))["schedId"])

    def at(self, now: datetime) -> list[Values]:
        """Set the clock, take a turn, wait for what it started, and return those runs, oldest first."""
        before = self.newest()
        self.clock.set(now)
        self.engine.scheduler.step()
        started = [run["execId"] for run in self.engine.executions(limit=1000) if run["execId"] > before]
        return [ended(self.engine, exec_id) for exec_id in sorted(started)]

    def reset(self) -> None:
        """End every schedule and set the clock to where tests begin."""
        for live in self.engine.schedules():
            self.engine.unschedule(live["schedId"], TOY)
        self.clock.set(BEGIN)

    def newest(self) -> int:
        return max((run["execId"] for run in self.engine.executions(limit=1, calls=True)), default=0)

    def occurrences(self, sched_id: int) -> list[tuple[datetime, str, str]]:
        with self.engine.history.database.read() as session:
            rows = session.rows("SELECT due, state, reason FROM occurrence WHERE schedule_id=? ORDER BY due", sched_id)
        return [(datetime.fromtimestamp(row["due"], UTC), row["state"], row["reason"]) for row in rows]

    def states(self, sched_id: int) -> list[str]:
        return [state for _, state, _ in self.occurrences(sched_id)]

    def accounted(self, sched_id: int) -> int:
        """Count the occurrences that the rows stand for; one row may stand for many and says so."""
        more = [re.search(r", and ([\d,]+) more$", reason) for _, _, reason in self.occurrences(sched_id)]
        return sum(1 + int(found[1].replace(",", "")) if found else 1 for found in more)


@contextmanager
def opened(folder: Path, clock: ManualClock, **options: Any) -> Iterator[Box]:
    with running_service(folder / "state", clock, **options) as engine:
        yield Box(engine, clock)
