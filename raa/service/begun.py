"""Which runs have begun: a mark that the worker sets just before it calls the method.

A run that was taken and never begun may be given to another worker after a crash; one that has begun may not. The mark
outlives every process but not the machine: the file carries the boot's id in its name, and after a boot every run that
was taken counts as begun.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
#: a run's mark is overwritten by that of the run so many numbers later, 8 MB at most on the disk
_SLOTS = 1 << 20
_NUMBER = struct.Struct("<Q")


class Begun:
    """The marks in one state folder; `whole` tells whether they were kept before this process began."""

    def __init__(self, state: Path) -> None:
        self.path = state / f"begun.{_BOOT.read_text().strip()}"
        self.whole = self.path.exists()
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def has(self, exec_id: int) -> bool:
        """Tell whether a run has begun, as far as is known."""
        if not self.whole:
            return True
        found = os.pread(self._fd, _NUMBER.size, _place(exec_id))
        return len(found) == _NUMBER.size and _NUMBER.unpack(found)[0] == exec_id

    def forget_others(self) -> None:
        """Remove the marks of earlier boots, once they have been asked."""
        for old in self.path.parent.glob("begun.*"):
            if old != self.path:
                old.unlink(missing_ok=True)

    def mark(self, exec_id: int) -> None:
        """Note that a run begins now."""
        write(self._fd, exec_id)

    def close(self) -> None:
        os.close(self._fd)


def write(fd: int, exec_id: int) -> None:
    """Set the mark of a run in an opened file."""
    os.pwrite(fd, _NUMBER.pack(exec_id), _place(exec_id))


def _place(exec_id: int) -> int:
    return exec_id % _SLOTS * _NUMBER.size
