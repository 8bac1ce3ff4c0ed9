"""What a stored schedule will do within a stretch of time, by day; computed from its rule alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from raa.calendar import resolve, to_wall
from raa.lib.policyform import policy_of
from raa.planning.blackout import Blackout, closed_until
from raa.planning.occurrences import TICK, missed_between, next_after
from raa.planning.words import moment_text
from raa.protocols import Values
from raa.web.scheduleview import rule_of


@dataclass(frozen=True, slots=True)
class Planned:
    """The runs of one day: the first of them, how many there are, and what is special about the first."""

    day: date
    due: datetime
    count: int
    note: str


def planned(row: Values, begin: datetime, end: datetime, zone: str, closed: Sequence[Blackout]) -> Iterator[Planned]:
    """Yield the days of `zone` on which an armed schedule is due from `begin` until before `end`.

    The cost grows with the days, not with the runs of a day. The stored next due time is believed; before it there is
    nothing. Later ones than the greatest number of runs allows are left out.
    """
    rule = rule_of(row)
    if rule is None or row["next_due"] is None:
        return
    due: datetime | None = datetime.fromtimestamp(row["next_due"], UTC)
    left = None if rule.max_runs is None else rule.max_runs - row["runs"]
    if due is not None and due < begin:
        # those in between count against the number of runs, too
        if left is not None:
            left -= 1 + missed_between(rule, due, begin - TICK).count
        following = next_after(rule, begin - TICK)
        due = following.due if following else None
    skips = policy_of(row).catch_up == "none"
    while due is not None and due < end and (left is None or left > 0):
        day = to_wall(due, zone).date()
        until = resolve(datetime.combine(day + timedelta(days=1), time()), zone)[0]
        count = 1 + missed_between(rule, due, until - TICK).count if until > due else 1
        if left is not None:
            count = min(count, left)
            left -= count
        opens = closed_until(closed, due) if closed else None
        note = ""
        if opens is not None:
            note = "skipped, blackout" if skips else f"waits until {moment_text(opens, zone)}"
        yield Planned(day, due, count, note)
        following = next_after(rule, max(due, until - TICK))
        due = following.due if following else None
