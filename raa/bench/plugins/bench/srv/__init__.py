"""The work that is measured: next to nothing, told to a log by one O_APPEND write, which survives kill -9."""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import Any

from raa.modules.raasrvplugin import rAASrvPlugin


@functools.cache
def _open(path: Path) -> int:
    """Open the log, once a process, however many objects it makes of the class."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class Bench(rAASrvPlugin):
    """Methods of the benchmarks; what they write is read by `raa.bench.measuring`."""

    def __init__(self) -> None:
        # here and not at the first write: a run that leaves a descriptor open costs its worker
        self._log = _open(self.stateDir / "bench.log")

    def noop(self, schedId: int, execId: int, number: int) -> Any:
        """Write when and in which process it began, and return what it was given."""
        self._write("S", number, repr(time.time()), os.getpid())
        return number

    def due(self, schedId: int, execId: int, due: float, name: str) -> None:
        """Write when it was due and when it began."""
        self._write("D", repr(due), repr(time.time()), name)

    def crashy(self, schedId: int, execId: int, name: str, seconds: float = 0.05) -> None:
        """Work so long between a mark at the beginning and one at the end."""
        self._write("B", name)
        time.sleep(seconds)
        self._write("E", name)

    def _write(self, *words: object) -> None:
        os.write(self._log, (" ".join(map(str, words)) + "\n").encode())
