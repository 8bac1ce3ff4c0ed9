"""What stored schedules would do in so many days: the live engine's own decisions, played on a clock of numbers.

`Machine.step` is one turn of the engine over its state at a moment; nothing here reads a clock or a file. What a run
takes, and when the machine is off, is given.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from raa.planning.blackout import Blackout, closed_at
from raa.planning.occurrences import TICK, first_from, missed_between
from raa.planning.outlook import Ended, Outlook, Stored, Stretch, Underway, Wait
from raa.planning.planner import Fire, Plan, decide
from raa.planning.preview import noted
from raa.planning.queue import Queue, held
from raa.planning.simulated import Simulated, moment
from raa.planning.words import moment_text

#: rows after which it stops
LIMIT = 10_000
_LANE = "long"


def simulate(
    schedules: Sequence[Stored], since: datetime, until: datetime, *, max_runs: int, off: Sequence[Stretch] = (),
    blackouts: Sequence[Blackout] = (), underway: Sequence[Underway] = (), limit: int = LIMIT,
) -> Outlook:  # fmt: skip
    """Play the schedules from `since` (inside) to `until` (outside) and return what becomes of each due moment.

    What is due before `since` is late then. `underway` are runs that wait or are at work at `since`. During `off`
    nothing runs: what is at work then is interrupted, what waits goes on waiting. Every run ends well, unless it takes
    longer than its limit. After `limit` rows it stops, and says when that was.
    """
    machine = Machine(schedules, max_runs, blackouts, limit)
    turns = _joined(off, since, until)
    machine.take_over(underway, since)
    if turns[:1] != [since]:
        machine.step(since)
    while machine.cut is None and (at := machine.next_turn(turns)) is not None and at < until:
        if turns and at == turns[0]:
            del turns[0]
            machine.switch(at)
        else:
            machine.step(at)
    rows = sorted(machine.rows[:limit], key=lambda one: one.due)
    return Outlook(since, until, tuple(one.row() for one in rows), tuple(machine.ended), machine.cut)


def advanced(stored: Stored, since: datetime) -> Stored:
    """Return a schedule as it is at a later moment, if everything due before had run on time."""
    if stored.next_due is None or stored.next_due >= since:
        return stored
    rule = stored.rule
    runs = stored.runs + 1 + missed_between(rule, stored.next_due, since - TICK).count
    over = rule.max_runs is not None and runs >= rule.max_runs
    following = None if over else first_from(rule, since)
    return replace(stored, runs=runs, next_due=following.due if following else None)


def _joined(off: Sequence[Stretch], since: datetime, until: datetime) -> list[datetime]:
    """Return the moments at which the machine goes off and on by turns; stretches that touch are one."""
    turns: list[datetime] = []
    for begin, end in sorted(off):
        begin = max(begin, since)
        if end <= begin or begin >= until:
            continue
        if turns and begin <= turns[-1]:
            turns[-1] = max(turns[-1], end)
        else:
            turns += [begin, end]
    return turns


class Machine:
    """The state of the engine; `step` and `switch` are told the moment and go on from there."""

    def __init__(
        self, schedules: Sequence[Stored], max_runs: int, blackouts: Sequence[Blackout] = (), limit: int = LIMIT
    ) -> None:
        self.rows: list[Simulated] = []
        self.ended: list[Ended] = []
        #: when the limit of rows was reached
        self.cut: datetime | None = None
        self._blackouts = blackouts
        self._limit = limit
        self._max_runs = max_runs
        self._queue = Queue({_LANE: max_runs}, self._closed)
        self._on = True
        self._stored = {one.sched_id: one for one in schedules}
        self._dues = [(one.next_due, one.sched_id) for one in schedules if one.next_due is not None]
        heapq.heapify(self._dues)
        self._runs = {one.sched_id: one.runs for one in schedules}
        self._unfinished: dict[int, int] = {}
        self._before: dict[int, datetime] = {}
        self._number = 0
        self._waiting: dict[int, Simulated] = {}
        self._ends: list[tuple[datetime, int, Simulated]] = []
        #: runs that wait for a time: (begin, id)
        self._timed: list[tuple[float, int]] = []

    def take_over(self, underway: Sequence[Underway], now: datetime) -> None:
        """Begin with runs that are at work or wait; one that is over its time ends at once."""
        for one in underway:
            self._number += 1
            run = Simulated(self._number, one.stored, Fire(one.due, "queued", begin=one.begin), one.holds, one.attempt)
            self.rows.append(run)
            self._unfinished[one.stored.sched_id] = self._unfinished.get(one.stored.sched_id, 0) + 1
            if one.began is None:
                self._wait(run, now, "delay" if one.attempt == 1 else "pause")
            else:
                self._queue.place(run)
                heapq.heappush(self._ends, (max(run.begin(one.began), now), run.exec_id, run))

    def next_turn(self, turns: Sequence[datetime]) -> datetime | None:
        """Return when something happens next; `turns` begins with the moment of the next switch, if there is one."""
        moments = list(turns[:1])
        if self._on:
            begin = self._queue.next_begin()
            moments += [moment(begin)] if begin is not None else []
            moments += [heap[0][0] for heap in (self._dues, self._ends) if heap]
        return min(moments, default=None)

    def switch(self, now: datetime) -> None:
        """Go off, which interrupts what is at work, or on again, which takes up what waits."""
        if self._on:
            self._end_runs(now)
            for _, _, run in sorted(self._ends):
                self._leave(run, now, "interrupted")
            self._ends = []
            self._on = False
            return
        self._on, self._queue = True, Queue({_LANE: self._max_runs}, self._closed)
        for run in sorted(self._waiting.values(), key=lambda one: (one.due, one.exec_id)):
            if run.begin_at < now.timestamp():
                run.waits.append(Wait("off", now))
            self._queue.add(run, now.timestamp())
        self.step(now)

    def step(self, now: datetime) -> None:
        """Take one turn: what ends, then what may begin, then what is due."""
        self._end_runs(now)
        self._dispatch(now)
        while self._dues and self._dues[0][0] <= now and self._on:
            if len(self.rows) >= self._limit:
                self.cut = now
                return
            due, sched_id = heapq.heappop(self._dues)
            stored = self._stored[sched_id]
            plan = decide(
                stored.rule, stored.policy, due, now, self._unfinished.get(sched_id, 0), self._runs[sched_id],
                sched_id=sched_id, blackouts=self._blackouts,
            )  # fmt: skip
            self._carry_out(stored, plan, now)

    def _carry_out(self, stored: Stored, plan: Plan, now: datetime) -> None:
        for fire in plan.fire:
            run = self._new(stored, fire)
            if fire.state != "queued":
                continue
            self._runs[stored.sched_id] += 1
            self._unfinished[stored.sched_id] = self._unfinished.get(stored.sched_id, 0) + 1
            if run.begin_at <= now.timestamp() and self._queue.may_place(_LANE, run.holds, now.timestamp()):
                self._queue.place(run)
                self._begin(run, now)
            else:
                self._wait(run, now, fire.cause)
        if plan.next_due is not None:
            heapq.heappush(self._dues, (plan.next_due, stored.sched_id))
        else:
            self.ended.append(Ended(stored.sched_id, now, self._why_ended(stored)))

    def _new(self, stored: Stored, fire: Fire) -> Simulated:
        self._number += 1
        alone = stored.policy.overlap != "allow"
        run = Simulated(self._number, stored, fire, held(stored.resource, stored.sched_id, alone))
        if stored.rule.wall_clock:
            after = self._before.get(stored.sched_id, fire.due - TICK)
            found = noted(stored.rule, after, 1) or noted(stored.rule, fire.due - TICK, 1)
            run.note = found[0].note if found and found[0].due == fire.due else ""
            self._before[stored.sched_id] = fire.due
        self.rows.append(run)
        return run

    def _wait(self, run: Simulated, now: datetime, cause: str) -> None:
        self._waiting[run.exec_id] = run
        self._queue.add(run, now.timestamp())
        kind, what = self._queue.reason(run.exec_id, now.timestamp())
        if kind == "time":
            run.waits.append(Wait(cause, moment(run.begin_at)))
            heapq.heappush(self._timed, (run.begin_at, run.exec_id))
        else:
            run.waits.append(_wait_for(run, kind, what))

    def _dispatch(self, now: datetime) -> None:
        at = now.timestamp()
        while (taken := self._queue.take(at)) is not None:
            self._begin(self._waiting.pop(taken.exec_id), now)
        while self._timed and self._timed[0][0] <= at:  # its time has come, and it goes on waiting
            _, exec_id = heapq.heappop(self._timed)
            if exec_id in self._waiting:
                run = self._waiting[exec_id]
                run.waits.append(_wait_for(run, *self._queue.reason(exec_id, at)))

    def _closed(self, run: Simulated, now: float) -> float | None:
        until = closed_at((*self._blackouts, *run.stored.policy.closed), now)
        if until is not None:
            run.waits.append(Wait("blackout", moment(until)))
        return until

    def _begin(self, run: Simulated, now: datetime) -> None:
        heapq.heappush(self._ends, (run.begin(now), run.exec_id, run))

    def _end_runs(self, now: datetime) -> None:
        while self._ends and self._ends[0][0] <= now:
            at, _, run = heapq.heappop(self._ends)
            self._leave(run, at, run.end_state)
            again = run.stored.policy.again_at(run.state, run.attempt, at.timestamp())
            self._dispatch(now)
            if again is not None:
                self._number += 1
                further = run.again(self._number, moment(again))
                self.rows.append(further)
                self._unfinished[run.stored.sched_id] += 1
                self._wait(further, now, "pause")
                self._dispatch(now)

    def _leave(self, run: Simulated, at: datetime, state: str) -> None:
        run.state, run.ended = state, at
        self._unfinished[run.stored.sched_id] -= 1
        self._queue.leave(run.exec_id)

    def _why_ended(self, stored: Stored) -> str:
        rule = stored.rule
        if rule.max_runs is not None and self._runs[stored.sched_id] >= rule.max_runs:
            return f"it has had its {rule.max_runs} runs" if rule.max_runs > 1 else "it has had its one run"
        if not rule.repeats:
            return "it is due once only"
        return f"its end was set to {moment_text(rule.last, rule.zone)}"


def _wait_for(run: Simulated, kind: str, what: float | str) -> Wait:
    if kind != "hold":
        return Wait("place")
    own = what == f"schedule {run.stored.sched_id}"
    return Wait("schedule") if own else Wait("resource", name=str(what))
