"""How the machine is: load, memory, room on a folder's file system."""

from __future__ import annotations

import os
from pathlib import Path


def health(folder: Path) -> dict[str, float]:
    """Return `load` (1 min), `cores`, `memory_total`, `memory_used`, `disk_total`, `disk_used` (bytes)."""
    memory = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        memory[name] = float(rest.split()[0]) * 1024
    disk = os.statvfs(folder)
    total = float(disk.f_blocks * disk.f_frsize)
    return {
        "load": os.getloadavg()[0],
        "cores": float(os.cpu_count() or 1),
        "memory_total": memory["MemTotal"],
        "memory_used": memory["MemTotal"] - memory["MemAvailable"],
        "disk_total": total,
        "disk_used": total - disk.f_bavail * disk.f_frsize,
    }
