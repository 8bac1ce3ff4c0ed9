"""What a worker prints: read off its pipe as lines."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence

#: a line that is longer is taken in pieces
LONGEST = 10_000
Say = Callable[[Sequence[bytes]], None]


class Output:
    """The reading end of a worker's pipe."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._partial = b""

    def read(self, say: Say) -> bool:
        """Read what is there and say its lines; False at the end."""
        data = os.read(self.descriptor, 65_536)
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        if len(self._partial) > LONGEST or not data:
            lines, self._partial = [*lines, self._partial], b""
        say(lines)
        return bool(data)

    def drain(self, say: Say) -> None:
        """Take what is in the pipe; a process left behind may fill it for ever, so no more than a pipe can hold."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        for _ in range(16):
            if not poll.poll(0) or not self.read(say):
                return
