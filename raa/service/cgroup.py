"""A control group for each worker that holds the number of its processes, where the kernel lets us make one.

Groups are folders named after the spawner's mark, so those of a console that was killed are found, emptied and removed.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "raa-"


def base() -> Path | None:
    """Return the folder below which groups can be made that limit processes, None where there is none."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, names, path = line.split(":", 2)
        if "pids" in names.split(","):
            return _usable(_ROOT / "pids" / path.strip("/"))
    own = next((line.split(":", 2)[2] for line in lines if line.startswith("0::")), None)
    if own is None:
        return None
    folder = _ROOT / own.strip("/")
    with contextlib.suppress(OSError):  # refused where processes stand in the group itself
        (folder / "cgroup.subtree_control").write_text("+pids")
    return _usable(folder)


def _usable(folder: Path) -> Path | None:
    probe = folder / f"{_PREFIX}probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError:
        return None
    try:
        return folder if (probe / "pids.max").exists() else None
    finally:
        probe.rmdir()


def enter(folder: Path, mark: str) -> Path | None:
    """Put this process into a new group of its own and return that; None where it cannot be."""
    group = folder / f"{_PREFIX}{mark}-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cgroup.procs").write_text(str(os.getpid()))
    except OSError:
        return None
    return group


def leave(folder: Path | None, mark: str, pid: int) -> bool:
    """Remove a worker's group; False while something in it has not ended."""
    if folder is None:
        return True
    try:
        (folder / f"{_PREFIX}{mark}-{pid}").rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def limit(group: Path | None, processes: int) -> None:
    """Let at most so many processes and threads be in a group; 0 is no limit."""
    if group is not None:
        with contextlib.suppress(OSError):  # the watch is there as well
            (group / "pids.max").write_text(str(processes) if processes else "max")


def refused(group: Path | None) -> int:
    """Return how often a process was refused in a group."""
    if group is not None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((group / "pids.events").read_text().split()[1])
    return 0


def members(folder: Path | None, mark: str) -> list[int]:
    """Return the processes in all groups of a mark."""
    found: list[int] = []
    for group in _groups(folder, mark):
        with contextlib.suppress(OSError):
            found += map(int, (group / "cgroup.procs").read_text().split())
    return found


def remove(folder: Path | None, mark: str) -> None:
    """Remove the groups of a mark that are empty."""
    for group in _groups(folder, mark):
        with contextlib.suppress(OSError):
            group.rmdir()


def _groups(folder: Path | None, mark: str) -> list[Path]:
    if folder is None or not mark:
        return []
    try:
        return sorted(folder.glob(f"{_PREFIX}{mark}-*"))
    except OSError:
        return []
