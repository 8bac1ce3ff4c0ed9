"""What a worker prints: read off its pipe as lines, cut where a run prints too much."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

#: bytes of a run that are kept where nothing else is said
LIMIT = 1_000_000
#: a line counts for at least so many bytes: the ledger keeps a row for each
LINE = 100
#: a line that is longer is taken in pieces
LONGEST = 10_000


class Output:
    """The reading end of a worker's pipe; what a run has printed counts from `begin` on."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._limit = LIMIT
        self._printed = 0
        self._partial = b""

    def begin(self, limit: int) -> None:
        """Count anew for the next run."""
        self._limit, self._printed = limit, 0

    def allow(self, size: int) -> str | None:
        """Count a line of this size: "" while it may be kept, the sentence for the first that may not, then None."""
        cut = self._printed > self._limit
        self._printed += max(size, LINE)
        if self._printed <= self._limit:
            return ""
        return None if cut else f"(output cut after {self._limit / 1_000_000:g} MB)"

    def read(self, say: Callable[[str], None]) -> bool:
        """Read what is there and say its lines; False at the end."""
        data = os.read(self.descriptor, 65_536)
        if self._printed > self._limit:  # a flood: nobody reads it, so it is not even split
            self._partial = b""
            return bool(data)
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if len(self._partial) > LONGEST or not data:
            lines, self._partial = [*lines, self._partial], b""
        for line in lines:
            cut = self.allow(len(line) + 1)
            if cut is None:
                break
            say(cut or line.decode("utf-8", "backslashreplace"))
        return bool(data)

    def drain(self, say: Callable[[str], None]) -> None:
        """Take what is in the pipe; a process left behind may fill it for ever, so no more than a pipe can hold."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        for _ in range(16):
            if not poll.poll(0) or not self.read(say):
                return
