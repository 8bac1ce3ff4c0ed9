"""Start: from the process's start to its first answer at /healthz, with few and with many schedules stored."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.common import Row, Size
from benchmarks.console import serve, state_folder
from raa.app import load_settings, open_ledger
from raa.db.ledger import Ledger
from raa.db.schedule import ScheduleInterval, freeze
from raa.values import to_json

TITLE = "start: process start to the first /healthz, byte code present, median"
BAR, RATIO_BAR, FEW = 0.8, 1.1, 10


def run(size: Size, peers: bool) -> Iterator[Row]:
    with state_folder() as few, state_folder() as many:
        store(few, FEW)
        store(many, size.stored)
        if size.starts > 1:
            with serve(few):  # not counted: it writes the byte code
                pass
        taken: dict[Path, list[float]] = {few: [], many: []}
        for _ in range(size.starts):
            for state, times in taken.items():
                with serve(state) as served:
                    times.append(served.started)
        first = statistics.median(taken[few])
        for state, count in ((few, FEW), (many, size.stored)):
            median = statistics.median(taken[state])
            yield Row(
                f"{count:,} schedules stored",
                {
                    "median s": round(median, 3),
                    "min s": round(min(taken[state]), 3),
                    "max s": round(max(taken[state]), 3),
                    "x few": round(median / first, 2),
                },
                f"<= {BAR:g} s" if state is few else f"<= {RATIO_BAR:g} x few",
                median <= BAR if state is few else median <= RATIO_BAR * first,
            )


def store(state: Path, count: int) -> None:
    """Put schedules that are due in an hour and later into a ledger, by SQL in one transaction."""
    now = time.time()
    rule = to_json(freeze(ScheduleInterval(interval=60), datetime.now(UTC), "UTC").to_values())
    database = open_ledger(load_settings(state))
    task = Ledger(database).task_id("/echo/Echo")
    with database.write() as session:
        for number in range(count):
            session.execute(
                "INSERT INTO schedule (task_id, method, args, kind, rule, policy, state, next_due, created, "
                "created_by, resource, timeout) VALUES (?, 'doTask', '[]', 'interval', ?, '{}', 'armed', ?, ?, "
                "'admin', '', NULL)",
                task,
                rule,
                now + 3600 + number * 0.01,
                now,
            )
    database.close()
