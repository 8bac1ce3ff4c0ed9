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
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC) if self.whole else -1

    def has(self, exec_id: int) -> bool:
        """Tell whether a run has begun, as far as is known."""
        if not self.whole:
            return True
        found = os.pread(self._fd, _NUMBER.size, _place(exec_id))
        return len(found) == _NUMBER.size and _NUMBER.unpack(found)[0] == exec_id

    def keep(self) -> None:
        """Have marks kept from now on; those of earlier boots go. Call it once nothing is left that was not marked.

        The file tells that all marks are in it, so it may not be there before: a start that ends halfway would leave
        one in which the runs of the last boot, which had begun, have no mark.
        """
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for old in self.path.parent.glob("begun.*"):
            if old != self.path:
                old.unlink(missing_ok=True)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def write(fd: int, exec_id: int) -> None:
    """Set the mark of a run in an opened file."""
    os.pwrite(fd, _NUMBER.pack(exec_id), _place(exec_id))


def _place(exec_id: int) -> int:
    return exec_id % _SLOTS * _NUMBER.size
