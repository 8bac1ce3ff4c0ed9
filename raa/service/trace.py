"""What a run leaves changed in its worker: a worker that is not as it was is not used again."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading

from raa.service import kernel

#: a worker that has grown by more than this is not used again, in bytes
MEMORY = 100_000_000
_PAGE = os.sysconf("SC_PAGE_SIZE")
#: of the signals that Python may catch already, which function does; SIGTERM is ours, set before each run
_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM)
_OURS = ~(1 << signal.SIGTERM - 1)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIMITS = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
#: where they stand in /proc/self/stat after the name
_NICE, _THREADS, _RESIDENT, _BLOCKED, _IGNORED, _CAUGHT = 16, 17, 21, 29, 30, 31


def trace() -> tuple[tuple[object, ...], int]:
    """Return everything that two runs of a worker must find alike, and the memory it holds in bytes.

    This takes a tenth of a millisecond after every run.
    """
    mask = os.umask(0o22)
    os.umask(mask)
    facts = _facts()
    found = (
        os.readlink("/proc/self/cwd"),  # Path.cwd() fails once it has been deleted  # noqa: PTH115
        os.readlink("/proc/self/root"),  # noqa: PTH115
        mask,
        (facts[_NICE], facts[_THREADS], threading.active_count()),
        (facts[_BLOCKED], facts[_IGNORED] & _OURS, facts[_CAUGHT] & _OURS),
        tuple(map(signal.getsignal, _SIGNALS)),
        tuple(signal.getitimer(timer)[0] > 0 for timer in _TIMERS),
        _descriptors(),
        _children(),
        dict(vars(os.environ)["_data"]),  # as it is kept: to decode it would take longer than all the rest
        tuple(sys.path),
        (os.getresuid(), os.getresgid()),
        tuple(map(resource.getrlimit, _LIMITS)),
    )
    return found, facts[_RESIDENT] * _PAGE


def _facts() -> list[int]:
    with open("/proc/self/stat", "rb", buffering=0) as file:  # noqa: PTH123 - a Path takes longer than the reading
        return [int(word) if word.isdigit() else 0 for word in file.read(2000).rpartition(b")")[2].split()]


def _descriptors() -> frozenset[tuple[int, int, int]]:
    """Return the open descriptors with what they lead to: one that was closed and opened anew is another."""
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            status = os.fstat(int(name))
        except OSError:
            continue  # the one that listed them
        found.add((int(name), status.st_dev, status.st_ino))
    return frozenset(found)


def _children() -> int:
    """Count the child processes; that there are none is asked of the kernel in one call, after every run."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return len(kernel.children(os.getpid()))
