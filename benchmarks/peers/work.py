"""The work that every peer is given, the log it is told to, and what is read from that log and from /proc.

The same as `raa bench` measures by: one O_APPEND write for each task, so that no peer's own bookkeeping is believed.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import latencies, milliseconds

PERIOD = 100.0
WARM, PATIENCE = 1.0, 120.0
_log: int | None = None


def folder() -> Path:
    """Return the folder that this run may write to; worker processes inherit it."""
    return Path(os.environ["RAA_BENCH_DIR"])


def write(*words: object) -> None:
    global _log
    if _log is None:
        _log = os.open(folder() / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(_log, (" ".join(map(str, words)) + "\n").encode())


def read(mark: str) -> list[list[str]]:
    """Return the words of each line that begins with this mark."""
    try:
        text = (folder() / "log").read_text()
    except FileNotFoundError:
        return []
    return [line.split() for line in text.split("\n")[:-1] if line.startswith(mark)]


def noop(x: int = 0) -> int:
    """Be the task of every peer: write when it began."""
    write("S", x, repr(time.time()))
    return x


def due(at: float, name: str = "") -> None:
    """Be the task of a schedule: write when it was due and when it began."""
    write("D", repr(at), repr(time.time()), name)


def round_trip(ask: Callable[[int], object], calls: int) -> dict[str, float]:
    """Time calls until their result is known, and from the log until they began."""
    begun: dict[int, float] = {}

    def call(number: int) -> None:
        begun[number] = time.time()
        ask(number)

    taken = milliseconds(latencies(call, calls))
    started = {int(words[1]): float(words[2]) for words in read("S")}
    counted = [started[number] - at for number, at in begun.items() if number >= min(20, calls)]
    return {**taken, **{f"start {name}": value for name, value in milliseconds(counted).items() if "max" not in name}}


def throughput(
    submit: Callable[[int], object], calls: int, options: Sequence[str], stored: Callable[[], int]
) -> dict[str, float]:
    """Submit so many from so many threads as `submitters=N` says, until `stored` counts them all as finished."""
    submitters = int(option(options, "submitters", 1))
    before, begun = stored(), time.perf_counter()

    def share(first: int) -> None:
        for number in range(first, calls, submitters):
            submit(number)

    threads = [threading.Thread(target=share, args=(first,)) for first in range(1, submitters)]
    for thread in threads:
        thread.start()
    share(0)
    for thread in threads:
        thread.join()
    handed_in = time.perf_counter() - begun
    wait(lambda: stored() - before >= calls, "the last result")
    return {"runs/s": calls / (time.perf_counter() - begun), "submitted/s": calls / handed_in}


def option(options: Sequence[str], name: str, default: float) -> float:
    """Return the number of an option `name=NUMBER`."""
    return next((float(text.partition("=")[2]) for text in options if text.startswith(f"{name}=")), default)


def spread(count: int) -> list[float]:
    """Return due times of which one in a hundred comes each second, beginning when they can have been stored."""
    base = time.time() + 2 + count / 10_000
    return [base + number * PERIOD / count for number in range(count)]


def watch(dues: Sequence[float], options: Sequence[str], pid: int, latest: float = 0.5) -> dict[str, float]:
    """Look at what falls due for `seconds=S`: how many began, how late, and the CPU and memory that it took."""
    seconds, first = option(options, "seconds", 12), dues[0] + WARM
    time.sleep(max(0.0, first - time.time()))
    used, since = cpu(pid), time.monotonic()
    time.sleep(seconds)
    percent = (cpu(pid) - used) / (time.monotonic() - since) * 100
    end = time.time() - latest
    fired = [(float(words[1]), float(words[2])) for words in read("D")]
    lags = [start - at for at, start in fired if first <= at < end]
    late = milliseconds(lags) if lags else {}
    return {
        "expected": sum(first <= at < end for at in dues),
        "fired": len(lags),
        **{f"lag {name}": value for name, value in late.items()},
        "CPU %": percent,
        "RSS MB": memory(pid),
    }


def first_fires(start: Callable[[], AbstractContextManager[subprocess.Popen[bytes]]], again: Callable[[str], Any],
                options: Sequence[str]) -> dict[str, float]:  # fmt: skip
    """Time starts from the process to the first line of an overdue task; `again` stores one with the given name."""
    taken = []
    for number in range(int(option(options, "starts", 3)) + 1):
        name = f"overdue{number}"
        again(name)
        begun = time.time()
        with start() as process:
            wait(partial(_began, name), name, 0.002)
            held = memory(process.pid)
        if number:  # the first one writes the byte code
            taken.append(_began(name) - begun)
    middle = sorted(taken)[len(taken) // 2]
    return {"median s": middle, "min s": min(taken), "max s": max(taken), "RSS MB": held}


def _began(name: str) -> float:
    """Return when the task of this name began, 0 while it has not."""
    return next((float(words[2]) for words in read("D") if words[3:] == [name]), 0.0)


def rest(options: Sequence[str], pid: int) -> dict[str, float]:
    """See what a process with its children takes while nothing is due."""
    seconds = option(options, "seconds", 10)
    time.sleep(min(2.0, seconds))
    used, since = cpu(pid), time.monotonic()
    time.sleep(seconds)
    return {"RSS MB": memory(pid), "CPU %": (cpu(pid) - used) / (time.monotonic() - since) * 100}


def wait(condition: Callable[[], object], what: str, step: float = 0.01) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"waited {PATIENCE:g} s in vain for {what}")
        time.sleep(step)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def cpu(pid: int) -> float:
    """Return the CPU seconds of a process tree, those of ended and waited-for children with it."""
    used = 0.0
    for one in _tree(pid):
        with contextlib.suppress(OSError):
            # the clock of another process (clock_getcpuclockid)
            used += time.clock_gettime((~one << 3) | 2)
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            used += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return used


def memory(pid: int) -> float:
    """Return the resident MB of a process tree, shared pages counted in each."""
    total = 0
    for one in _tree(pid):
        with contextlib.suppress(OSError):
            match = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{one}/status").read_text(), re.M)
            total += int(match[1]) if match else 0
    return round(total / 1024, 1)
