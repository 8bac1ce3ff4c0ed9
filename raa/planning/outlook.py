"""What goes into a simulation and what comes out of it, as frozen values, and the sums that people ask for first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from raa.calendar import to_wall
from raa.planning.policy import Policy
from raa.planning.rule import Rule

#: begin (inside) and end (outside)
Stretch = tuple[datetime, datetime]
#: states of rows that stand for a run which began
BEGAN = ("succeeded", "timed_out", "interrupted", "running")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A schedule as the ledger has it; `seconds` is what a run takes, `timeout` the limit after which it is ended."""

    sched_id: int
    plugin: str
    method: str
    rule: Rule
    policy: Policy
    next_due: datetime | None
    runs: int = 0
    resource: str = ""
    seconds: float = 60.0
    timeout: float | None = None


@dataclass(frozen=True, kw_only=True)
class Underway:
    """A run that is at work (`began`) or waits, until `begin` at least; `holds` is what no other may hold then."""

    stored: Stored
    due: datetime
    began: datetime | None = None
    begin: datetime | None = None
    holds: frozenset[str] = frozenset()
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that a run waits for: until a time (`delay`, `blackout`, `pause` between attempts, `off`), or for a
    `place`, for the run before it (`schedule`), for a `resource`.
    """

    kind: str
    until: datetime | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What becomes of a due moment, or of one attempt at it; instants are UTC.

    `state` is one of the ledger's: `succeeded`, `timed_out`, `interrupted`, `missed`, `skipped`, `merged`, and at the
    end of the time `running` or `queued`. `reason` is the planner's; `cause` says in a word what dropped it (`late`,
    `overlap`, `blackout`). `covers` is how many due moments the row stands for, `due` being the first.
    """

    sched_id: int
    due: datetime
    state: str
    reason: str = ""
    cause: str = ""
    covers: int = 1
    began: datetime | None = None
    ended: datetime | None = None
    attempt: int = 1
    waits: tuple[Wait, ...] = ()
    #: what is special about the moment: a time that does not exist, a month that is skipped
    note: str = ""

    @property
    def ran(self) -> bool:
        """Whether a run began."""
        return self.state in BEGAN


@dataclass(frozen=True, slots=True)
class Ended:
    """A schedule that is never due again, since when, and why."""

    sched_id: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """All rows in due order; `cut` is when the limit of rows stopped the simulation before its end."""

    since: datetime
    until: datetime
    rows: tuple[Row, ...]
    ended: tuple[Ended, ...] = ()
    cut: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What an outlook adds up to; due moments without a run are counted by (state, cause)."""

    runs: int
    caught_up: int
    interrupted: int
    timed_out: int
    #: runs that had not ended, or not begun, when the time was over
    unfinished: int
    dropped: dict[tuple[str, str], int]
    #: runs by what they waited for
    waited: dict[str, int]
    moved: int
    #: the first moment of the hour of the appliance in which most runs begin, and their number
    busiest: tuple[datetime, int] | None


def totals(outlook: Outlook, zone: str) -> Totals:
    """Add up an outlook; hours are those of clocks in `zone`."""
    ran = [row for row in outlook.rows if row.ran]
    states = Counter(row.state for row in outlook.rows)
    dropped: Counter[tuple[str, str]] = Counter()
    for row in outlook.rows:
        if row.state in ("missed", "skipped", "merged"):
            dropped[row.state, row.cause] += row.covers
    waited = Counter(kind for row in outlook.rows for kind in {wait.kind for wait in row.waits})
    hours = Counter(_hour(row.began, zone) for row in ran if row.began is not None and row.began >= outlook.since)
    return Totals(
        runs=len(ran),
        caught_up=sum(bool(row.reason) and row.attempt == 1 for row in ran),
        interrupted=states["interrupted"],
        timed_out=states["timed_out"],
        unfinished=states["running"] + states["queued"],
        dropped=dict(dropped),
        waited=dict(waited),
        moved=sum(bool(row.note) for row in outlook.rows),
        busiest=min(hours.items(), key=lambda one: (-one[1], one[0]), default=None),
    )


def idle(outlook: Outlook, schedules: Sequence[Stored]) -> list[tuple[Stored, datetime | None]]:
    """Return the schedules no run of which begins, each with its next due moment if that comes after the time."""
    seen = {row.sched_id for row in outlook.rows if row.ran}
    later = {one.sched_id for one in schedules if one.next_due is not None and one.next_due >= outlook.until}
    return [(one, one.next_due if one.sched_id in later else None) for one in schedules if one.sched_id not in seen]


def _hour(instant: datetime, zone: str) -> datetime:
    wall = to_wall(instant, zone)
    return instant - timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
