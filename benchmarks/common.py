"""What every benchmark shares: sizes, rows, percentiles, and facts of the machine."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = ROOT / "benchmarks" / "plugins"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured; figures of `QUICK` are a first look, those of `TINY` only prove that it runs."""

    passes: int
    calls: int
    #: seconds between start and the first look at memory
    settle: float
    requests: int
    logins: int
    starts: int
    stored: int
    idle: float
    megabytes: int
    #: no-op runs submitted in a row
    runs: int
    #: schedules of which one in a hundred is due each second, and for how many seconds
    due: Sequence[int]
    window: float
    #: runs queued at once
    queued: int
    #: HTTP clients and browsers that watch one run, and for how long
    clients: int
    browsers: int
    watch: float


FULL = Size(
    passes=3, calls=300, settle=60, requests=10_000, logins=100, starts=5, stored=100_000, idle=30, megabytes=300,
    runs=3000, due=(10_000, 100_000), window=12,
    queued=10_000, clients=45, browsers=5, watch=30,
)  # fmt: skip
QUICK = Size(
    passes=1, calls=100, settle=10, requests=1_000, logins=20, starts=3, stored=100_000, idle=10, megabytes=64,
    runs=1000, due=(10_000, 100_000), window=6,
    queued=2_000, clients=45, browsers=5, watch=10,
)  # fmt: skip
TINY = Size(
    passes=1, calls=3, settle=0.1, requests=6, logins=1, starts=1, stored=100, idle=0.3, megabytes=1,
    runs=10, due=(500,), window=1,
    queued=20, clients=3, browsers=0, watch=1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what was measured, its figures by column, and whether its bar is held (None: no bar)."""

    name: str
    figures: dict[str, float | int | str | None] = field(default_factory=dict)
    bar: str = ""
    held: bool | None = None
    #: instead of figures, where there are none
    note: str = ""
    #: the heading of a table of its own, of a benchmark that has several
    table: str = ""


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value at this percentile (nearest rank)."""
    ordered = sorted(values)
    return ordered[round(percent / 100 * (len(ordered) - 1))]


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    """Sum up latencies: p50, p99 and the largest, in ms."""
    return {
        "p50 ms": round(percentile(seconds, 50) * 1e3, 3),
        "p99 ms": round(percentile(seconds, 99) * 1e3, 3),
        "max ms": round(max(seconds) * 1e3, 3),
    }


def medians(passes: Sequence[dict[str, float]]) -> dict[str, float | int | str | None]:
    """Return the median of each figure over the passes that have it."""
    names = dict.fromkeys(name for found in passes for name in found)
    return {name: round(statistics.median(found[name] for found in passes if name in found), 3) for name in names}


def latencies(call: Callable[[int], object], count: int, pause: float = 0.005) -> list[float]:
    """Time `call` so often, one after the other with a pause between, after a few that do not count."""
    taken = []
    warm = min(20, count)
    for number in range(count + warm):
        begun = time.perf_counter()
        call(number)
        if number >= warm:
            taken.append(time.perf_counter() - begun)
        time.sleep(pause)
    return taken


def instants(count: int) -> list[datetime]:
    """Spread moments over the year 2026, for what is asked when something is due next; none is a whole minute."""
    first = datetime(2026, 1, 7, 0, 0, 17, tzinfo=UTC)
    return [first + n * timedelta(days=350) / count for n in range(count)]


def microseconds(call: Callable[[datetime], object], moments: Sequence[datetime], rounds: int = 9) -> float:
    """Return what one call takes, in the quickest of some rounds over all moments: the others were interrupted."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for moment in moments:
            call(moment)
        taken.append(time.perf_counter() - begun)
    return min(taken) / len(moments) * 1e6


def load1() -> float:
    return round(os.getloadavg()[0], 2)


def fdatasync() -> float:
    """Return the median time of an fdatasync after 4 KiB in the folder where all state is put, in ms."""
    taken = []
    with tempfile.TemporaryFile() as file:
        for _ in range(200):
            os.write(file.fileno(), bytes(4096))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return round(percentile(taken, 50) * 1e3, 3)


def machine() -> str:
    """Describe the machine in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = os.uname()
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {system.sysname} {system.release.split('-')[0]}, Python {python}"
