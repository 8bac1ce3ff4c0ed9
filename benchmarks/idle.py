"""Idle: what the console process does while nobody asks anything of it and nothing is due."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.common import Row, Size
from benchmarks.console import serve, state_folder

TITLE = "idle: CPU and wake-ups of all threads of the console process"
CPU_BAR, WAKEUPS_BAR = 0.1, 5.0


def run(size: Size, peers: bool) -> Iterator[Row]:
    with state_folder() as state, serve(state) as served:
        time.sleep(min(size.idle, 3))  # what the start has left to do is not idleness
        cpu, wakeups, begun = served.cpu(), served.wakeups(), time.monotonic()
        time.sleep(size.idle)
        seconds = time.monotonic() - begun
        percent = (served.cpu() - cpu) / seconds * 100
        rate = (served.wakeups() - wakeups) / seconds
    yield Row(
        f"{size.idle:g} s idle",
        {"CPU %": round(percent, 3), "wake-ups/s": round(rate, 2)},
        f"CPU < {CPU_BAR:g} %, wake-ups <= {WAKEUPS_BAR:g}/s",
        percent < CPU_BAR and rate <= WAKEUPS_BAR,
    )
