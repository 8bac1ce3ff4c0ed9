"""What the benchmarks share: percentiles, the log of the work, CPU and memory of a process tree."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from raa.rpath_error import OperationFailed
from raa.service import kernel

_TICK = os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value at this percentile (nearest rank)."""
    ordered = sorted(values)
    return ordered[round(percent / 100 * (len(ordered) - 1))]


def summary(seconds: Sequence[float]) -> dict[str, float]:
    """Sum up durations in ms: how many, p50, p99 and the largest."""
    if not seconds:
        return {"n": 0}
    figures = {"p50": percentile(seconds, 50), "p99": percentile(seconds, 99), "max": max(seconds)}
    return {"n": len(seconds), **{name: round(value * 1e3, 3) for name, value in figures.items()}}


def read_log(path: Path) -> list[list[str]]:
    """Return the words of each whole line that the work has written."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    return [line.split() for line in text.split("\n")[:-1]]


def wait_until(condition: Callable[[], object], seconds: float, what: str, step: float = 0.01) -> None:
    """Poll for a condition; raises `OperationFailed` after the deadline."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise OperationFailed(f"waited {seconds:g} s in vain for {what}")
        time.sleep(step)


def _tree(pid: int) -> list[int]:
    return [pid, *kernel.descendants(pid)]


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process, of all that live below it and of those that they have waited for."""
    used = 0.0
    for one in _tree(pid):
        with contextlib.suppress(OSError):  # a worker that has just been replaced
            # the process's own clock (clock_getcpuclockid) counts nanoseconds and threads that have ended
            used += time.clock_gettime((~one << 3) | 2)
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            used += (int(fields[13]) + int(fields[14])) / _TICK
    return used


def memory(pid: int) -> dict[str, float]:
    """Return MB of a process tree: `rss` counts shared pages in each process, `pss` once."""
    found = {"Rss": 0, "Pss": 0}
    for one in _tree(pid):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
            for name in found:
                match = re.search(rf"^{name}:\s+(\d+) kB", text, re.M)
                found[name] += int(match[1]) if match else 0
    return {name.lower(): round(size / 1024, 1) for name, size in found.items()}
