"""One due moment while a simulation plays it: what `Queue` wants of a run, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from raa.planning.outlook import Row, Stored, Wait
from raa.planning.planner import Fire


class Simulated:
    """A row in the making; implements `queue.Waiting`."""

    lane = "long"

    def __init__(self, exec_id: int, stored: Stored, fire: Fire, holds: frozenset[str], attempt: int = 1) -> None:
        self.exec_id = exec_id
        self.stored = stored
        self.fire = fire
        self.holds = holds
        self.attempt = attempt
        self.state = fire.state
        self.began: datetime | None = None
        self.ended: datetime | None = None
        self.waits: list[Wait] = []
        self.note = ""
        self.begin_at = (fire.begin or fire.due).timestamp()

    @property
    def due(self) -> float:
        return self.fire.due.timestamp()

    @property
    def end_state(self) -> str:
        """The state in which it ends by itself."""
        limit = self.stored.timeout
        return "timed_out" if limit is not None and limit < self.stored.seconds else "succeeded"

    def begin(self, now: datetime) -> datetime:
        """Begin, and return when it ends by itself."""
        self.state, self.began = "running", now
        limit = self.stored.timeout
        seconds = self.stored.seconds if limit is None else min(limit, self.stored.seconds)
        return now + timedelta(seconds=seconds)

    def again(self, exec_id: int, begin: datetime) -> Simulated:
        """Return the further attempt at its occurrence."""
        fire = replace(self.fire, begin=begin, reason="", cause="")
        return Simulated(exec_id, self.stored, fire, self.holds, self.attempt + 1)

    def row(self) -> Row:
        """Return what has become of it."""
        fire = self.fire
        return Row(
            sched_id=self.stored.sched_id, due=fire.due, state=self.state, reason=fire.reason,
            cause="" if fire.state == "queued" else fire.cause, covers=fire.covers, began=self.began,
            ended=self.ended, attempt=self.attempt, waits=tuple(self.waits), note=self.note,
        )  # fmt: skip


def moment(epoch: float) -> datetime:
    """Return epoch seconds as an instant."""
    return datetime.fromtimestamp(epoch, UTC)
