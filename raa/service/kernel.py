"""The few Linux calls that Python does not offer, for spawner and worker: prctl, and who descends from whom."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from raa.service import cgroup

_PDEATHSIG, _SUBREAPER = 1, 36
#: the environment variable by which leftovers of an ended console are found again
MARK = "RAA_SPAWNER"
_PAGE = os.sysconf("SC_PAGE_SIZE")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent (the thread that forked it) ends."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that daemons cannot slip away."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)


def children(pid: int) -> list[int]:
    """Return the direct children of a process, [] if it is gone."""
    found: list[int] = []
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
    for thread in threads:
        with contextlib.suppress(OSError):  # this thread has ended, which says nothing of the others
            found += map(int, (thread / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """Return everything below a process."""
    found, todo = [], children(pid)
    while todo:
        child = todo.pop()
        found.append(child)
        todo += children(child)
    return found


def send(pid: int, number: int) -> None:
    """Send a signal; a process that has gone is none of our business."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def kill_tree(pid: int, *, itself: bool = True) -> None:
    """Kill everything below a process, then it: stopped first so that nothing forks on, repeated until none is left."""
    if itself:
        send(pid, signal.SIGSTOP)
    for _ in range(500):
        below = [child for child in descendants(pid) if not is_zombie(child)]
        if not below:
            break
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for child in below:
                send(child, number)
        time.sleep(0.001)
    if itself:
        send(pid, signal.SIGKILL)


def is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and only waits to be reaped, or is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def resident(pids: Sequence[int]) -> int:
    """Return the memory that processes hold, in bytes; what they share counts for each."""
    found = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            found += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return found * _PAGE


def proportional(pids: Sequence[int]) -> int:
    """Return the memory that processes hold together, in bytes; takes a millisecond for each."""
    found = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            found += int(Path(f"/proc/{pid}/smaps_rollup").read_text().partition("\nPss:")[2].split()[0])
    return found * 1024


def marked(mark: str) -> list[int]:
    """Return the processes that were started under this spawner mark, ourselves not among them."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in [entry.name for entry in Path("/proc").iterdir()]:
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{name}/environ").read_bytes()
        except OSError:
            continue  # not ours, or gone
        if wanted in environment.split(b"\0") and not is_zombie(int(name)):
            found.append(int(name))
    return found


def end_marked(mark: str, deadline: float = 10.0) -> int:
    """Kill all processes of a spawner mark and return how many there were."""
    ended: set[int] = set()
    groups = cgroup.base()
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        # a program that has cleared its environment bears no mark, but is still in its group
        left = [pid for pid in {*marked(mark), *cgroup.members(groups, mark)} if not is_zombie(pid)]
        if not left:
            break
        ended.update(left)
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in left:
                send(pid, number)
        time.sleep(0.005)
    cgroup.remove(groups, mark)
    return len(ended)
