"""Schedules that wait in the ledger: fired when due, found overdue at a start, and nothing to do about them at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from raa.bench.box import Box, kill
from raa.bench.measuring import cpu, memory, read_log, summary, wait_until
from raa.db.schedule import INTERVAL_SECONDS, Schedule, ScheduleInterval, ScheduleOnce

#: seconds from one firing of a schedule to its next, so that one in a hundred is due each second
PERIOD = 100
#: what is due in the first second and in the last half one is not counted
WARM, LATEST = 1.0, 0.5


def due(box: Box, count: int, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Let schedules fall due, evenly spread, and compare when each began with when it was due."""
    base = time.time() + 1 + count / 10_000  # by then they are stored
    dues = [base + number * PERIOD / count for number in range(count)]
    box.fill("due", _every(), ((at, [at, str(number)]) for number, at in enumerate(dues)))
    begun = time.time()
    with box.service():
        started = time.time() - begun
        time.sleep(max(0.0, base + WARM - time.time()))
        used, since = cpu(os.getpid()), time.monotonic()
        time.sleep(seconds)
        percent = (cpu(os.getpid()) - used) / (time.monotonic() - since) * 100
        end = time.time() - LATEST
        fired = [(float(words[1]), float(words[2])) for words in read_log(box.log) if words[0] == "D"]
        held = memory(os.getpid())
    lags = [start - at for at, start in fired if base + WARM <= at < end]
    yield (
        f"due {count}",
        {
            "expected": sum(base + WARM <= at < end for at in dues),
            "fired": len(lags),
            "lag_ms": summary(lags),
            "cpu_pct": round(percent, 1),
            **held,
            "start_s": round(started, 3),
            "late_fill": round(max(0.0, begun - base), 1),
        },
    )


def restart(box: Box, count: int, starts: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Time starts of a whole console, from its process to the first line of a run that was overdue."""
    later = time.time() + 3600
    box.fill("due", _every(), ((later + number * 0.01, [0.0, "later"]) for number in range(count - 1)))
    taken: list[float] = []
    for number in range(starts + 1):
        overdue = time.time() - 0.5
        box.fill("due", _once(overdue), [(overdue, [overdue, str(number)])])
        begun = time.time()
        console = box.serve()
        try:
            wait_until(partial(_began, box, number), 60, "the overdue schedule to fire", 0.002)
            held = memory(console.pid)
        finally:
            kill(console)
        if number:  # the first one writes the byte code
            taken.append(round(_began(box, number) - begun, 3))
    yield f"restart {count}", {"first_fire_s": sorted(taken), **held}


def idle(box: Box, count: int, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hold schedules of which none is due, and see what that costs."""
    later = time.time() + 3600
    box.fill("due", _every(), ((later + number * 0.01, [0.0, "later"]) for number in range(count)))
    with box.service():
        time.sleep(min(2.0, seconds))  # what the start has left to do is not idleness
        used, since = cpu(os.getpid()), time.monotonic()
        time.sleep(seconds)
        percent = (cpu(os.getpid()) - used) / (time.monotonic() - since) * 100
        yield f"idle {count}", {**memory(os.getpid()), "cpu_pct": round(percent, 3)}


def _every() -> Schedule:
    return ScheduleInterval(interval=PERIOD, unit=INTERVAL_SECONDS)


def _once(at: float) -> Schedule:
    return ScheduleOnce(start=at)


def _began(box: Box, number: int) -> float:
    """Return when the run of this name began, 0 while it has not."""
    found = [float(words[2]) for words in read_log(box.log) if words[0] == "D" and words[3] == str(number)]
    return found[0] if found else 0.0
