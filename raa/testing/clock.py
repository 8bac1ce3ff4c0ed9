"""A clock that stands still until it is told otherwise."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Implements `raa.clock.Clock`; `set` and `advance` move it and wake everybody who waits on it."""

    def __init__(self, now: datetime = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)) -> None:
        self._now = now.astimezone(UTC)
        self._monotonic = 1000.0
        self._lock = threading.Lock()
        self._waiting: list[threading.Condition] = []

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        with self._lock:
            return self._monotonic

    def wait(self, condition: threading.Condition, timeout: float | None) -> None:
        if timeout is not None and timeout <= 0:
            return
        with self._lock:
            self._waiting.append(condition)
        try:
            condition.wait()
        finally:
            with self._lock:
                self._waiting.remove(condition)

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
            self._monotonic += seconds
        self._wake()

    def set(self, now: datetime) -> None:
        """Set the wall clock, forward or back; the monotonic clock stays."""
        with self._lock:
            self._now = now.astimezone(UTC)
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for condition in waiting:
            with condition:
                condition.notify_all()
