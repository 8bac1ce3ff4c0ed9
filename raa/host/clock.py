"""The machine's time zone and name."""

from __future__ import annotations

import os
import socket
import zoneinfo
from pathlib import Path


def zone_name(root: Path = Path("/")) -> str:
    """Return the IANA name of the machine's zone, "UTC" where none is set or it is not known."""
    candidates = [os.environ.get("TZ", "").lstrip(":")]
    timezone = root / "etc/timezone"
    if timezone.is_file():
        candidates.append(timezone.read_text("utf-8", "replace").strip())
    localtime = root / "etc/localtime"
    if localtime.is_symlink():
        candidates.append(str(localtime.readlink()).partition("zoneinfo/")[2])
    for name in candidates:
        if name and not name.startswith("/"):
            try:
                zoneinfo.ZoneInfo(name)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                continue
            return "UTC" if name == "Etc/UTC" else name
    return "UTC"


def host_name() -> str:
    """Return the machine's name."""
    return socket.gethostname() or "localhost"


def uptime() -> float:
    """Return seconds since the machine was started."""
    return float(Path("/proc/uptime").read_text().split()[0])
