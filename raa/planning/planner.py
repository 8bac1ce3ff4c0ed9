"""What the scheduler does about a rule whose time has come: run, merge, skip or miss, each with its reason.

Nothing that was due goes unaccounted for: the `covers` of a plan's fires add up to the occurrences it used up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from raa.planning.blackout import Blackout, closed_until
from raa.planning.occurrences import TICK, last_until, missed_between, next_after, upcoming
from raa.planning.policy import Policy, delayed
from raa.planning.rule import Rule
from raa.planning.words import moment_text

#: a longer row of dropped occurrences is recorded as one, so that ten years of downtime are not a million rows
ROWS = 20


@dataclass(frozen=True, slots=True)
class Fire:
    """One row to write: `state` is queued, missed, skipped or merged; every state but queued has a reason."""

    due: datetime
    state: str
    reason: str = ""
    #: how many occurrences the row stands for, `due` being the earliest
    covers: int = 1
    #: when a queued one may start, where that is later than `due`
    begin: datetime | None = None
    #: what dropped it ("late", "overlap", "blackout"), or has it begin later ("delay", "blackout")
    cause: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows to write, in due order, and when to look again; `next_due` None means the rule is at its end."""

    fire: tuple[Fire, ...]
    next_due: datetime | None


def decide(
    rule: Rule,
    policy: Policy,
    next_due: datetime | None,
    now: datetime,
    unfinished: int,
    runs_so_far: int,
    grace: float = 60.0,
    *,
    sched_id: int = 0,
    blackouts: Sequence[Blackout] = (),
) -> Plan:
    """Decide what becomes of everything due from `next_due` up to `now`.

    `next_due` is taken as it was stored, also when the rule (or its zone's data) has changed since; before it (a clock
    set back) nothing happens. `unfinished` counts the schedule's runs that wait or run, `runs_so_far` all it ever
    queued. Up to `grace` seconds late is on time. Overlap is judged against `unfinished` only: runs that "all" queues
    together are for the caller to run one after the other. `blackouts` are those of all schedules; what is due in one
    waits for its end, unless the schedule does not catch up. `sched_id` seeds the random delay.
    """
    if next_due is None or now < next_due:
        return Plan((), next_due)
    left = rule.max_runs - runs_so_far if rule.max_runs is not None else None
    if left is not None and left <= 0:
        return Plan((), None)

    following = next_after(rule, next_due)
    # the usual case, a single one, needs neither counting nor a second look at the calendar
    single = following is None or following.due > now
    total = 1 if single else 1 + missed_between(rule, next_due, now).count
    latest = next_due if single else _latest(rule, next_due, now)
    too_old = 0
    if policy.window is not None:
        cutoff = _earlier(now, policy.window)
        if next_due < cutoff:
            too_old = 1 if single else 1 + missed_between(rule, next_due, cutoff - TICK).count
    rest = total - too_old
    wanted = min(rest, _wanted(policy, latest, now, grace), rest if left is None else left)
    chosen = _chosen(rule, next_due, now, total, wanted)
    closed = closed_until((*blackouts, *policy.closed), now) if blackouts or policy.blackouts else None
    blocked = _blocked(rule, policy, unfinished, closed) if wanted else None

    fires: list[Fire] = []
    if too_old:
        fires += _dropped(rule, next_due, too_old, "missed", _window_reason(policy, next_due, now), "late")
    if older := rest - wanted:
        begin = _after_old(rule, next_due, now, policy.window) if too_old else next_due
        if policy.catch_up == "one":
            into = f"merged into the run of {moment_text(latest, rule.zone)}"
            state, reason, cause = blocked or ("merged", into, "late")
        else:
            state, reason, cause = "missed", _missed_reason(policy, wanted, begin, now), "late"
        fires += _dropped(rule, begin, older, state, reason, cause)
    if blocked:
        fires += _dropped(rule, chosen[0], wanted, *blocked)
    else:
        for n, due in enumerate(chosen):
            then = chosen[n + 1] if n + 1 < len(chosen) else following.due if following is not None else None
            begin = delayed(sched_id, due, policy.delay, then) if policy.delay else due
            cause = "delay" if begin > due else ""
            if blackouts or policy.blackouts:
                opens = closed_until((*blackouts, *policy.closed), max(begin, now))
                begin, cause = (opens, "blackout") if opens else (begin, cause)
            fires.append(Fire(due, "queued", _late_reason(due, now, grace), 1, begin if begin > due else None, cause))

    if left is not None and not blocked and wanted >= left:
        return Plan(tuple(fires), None)
    if not single:
        following = next_after(rule, now)
    return Plan(tuple(fires), following.due if following else None)


def _earlier(now: datetime, seconds: float) -> datetime:
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:  # a window longer than the calendar
        return datetime.min.replace(tzinfo=now.tzinfo)


def _latest(rule: Rule, next_due: datetime, now: datetime) -> datetime:
    last = last_until(rule, now)
    return last.due if last is not None and last.due > next_due else next_due


def _wanted(policy: Policy, latest: datetime, now: datetime, grace: float) -> int:
    if policy.catch_up == "all":
        return policy.catch_up_max
    on_time = (now - latest).total_seconds() <= grace
    return 1 if policy.catch_up == "one" or on_time else 0


def _chosen(rule: Rule, next_due: datetime, now: datetime, total: int, wanted: int) -> list[datetime]:
    """Return the latest `wanted` of all that is due, oldest first."""
    if wanted == total:
        return [next_due, *(one.due for one in upcoming(rule, next_due, total - 1))]
    found: list[datetime] = []
    until = now
    while len(found) < wanted and (one := last_until(rule, until)):
        found.append(one.due)
        until = one.due - TICK
    return found[::-1]


def _blocked(rule: Rule, policy: Policy, unfinished: int, closed: datetime | None) -> tuple[str, str, str] | None:
    """Return state, reason and cause where nothing of what is due may run."""
    if closed is not None:
        until = f"the blackout until {moment_text(closed, rule.zone)}"
        if policy.catch_up == "none":
            return "skipped", f"it fell into {until}", "blackout"
        if policy.catch_up == "one" and unfinished:
            return "merged", f"merged into the run that {until} holds up", "blackout"
        return None
    if policy.overlap == "skip" and unfinished > 0:
        return "skipped", "the run before had not ended", "overlap"
    if policy.overlap == "queue" and unfinished >= 2:
        return "merged", "merged into the run that was already waiting", "overlap"
    return None


def _after_old(rule: Rule, next_due: datetime, now: datetime, window: float | None) -> datetime:
    first = next_after(rule, max(next_due, _earlier(now, window or 0.0) - TICK))
    return first.due if first is not None else next_due


def _dropped(rule: Rule, begin: datetime, count: int, state: str, reason: str, cause: str) -> list[Fire]:
    """Make the rows for `count` occurrences from `begin` on: one each, or a single one that says how many."""
    if count > ROWS:
        return [Fire(begin, state, f"{reason}, and {count - 1:,} more", count, cause=cause)]
    if not count:
        return []
    dues = (begin, *(one.due for one in upcoming(rule, begin, count - 1)))
    return [Fire(due, state, reason, cause=cause) for due in dues]


def _window_reason(policy: Policy, due: datetime, now: datetime) -> str:
    return f"noticed {_late(due, now)} late, more than the {_length(policy.window or 0)} allowed"


def _missed_reason(policy: Policy, wanted: int, due: datetime, now: datetime) -> str:
    late = f"noticed {_late(due, now)} late"
    if policy.catch_up == "none":
        return f"{late}, and this schedule does not catch up"
    return f"{late}, and only the last {f'{wanted} are' if wanted > 1 else 'is'} caught up"


def _late_reason(due: datetime, now: datetime, grace: float) -> str:
    return f"caught up {_late(due, now)} late" if (now - due).total_seconds() > grace else ""


def _late(due: datetime, now: datetime) -> str:
    return _length((now - due).total_seconds())


def _length(seconds: float) -> str:
    """Write a duration in its largest unit that fits, rounded down: `45 s`, `12 min`, `3 h`, `2 days`."""
    for size, name in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size:
            many = int(seconds // size)
            return f"{many:,} {name}{'s' if name == 'day' and many > 1 else ''}"
    return f"{int(seconds)} s"
