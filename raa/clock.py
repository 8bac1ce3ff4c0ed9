"""Time as an argument: the Clock protocol and the machine's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from threading import Condition
from typing import Protocol


class Clock(Protocol):
    """What the engine knows of time. `now` is wall time, aware, UTC; `monotonic` counts seconds and never jumps."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def wait(self, condition: Condition, timeout: float | None) -> None:
        """Wait on a condition that the caller holds, for at most `timeout` seconds of this clock; may wake early."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, condition: Condition, timeout: float | None) -> None:
        condition.wait(timeout)
