"""What must hold of a seed, looked up in the ledger and in what the tasks saw; the arithmetic here is its own."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from raa.constants import UNFINISHED
from raa.planning.occurrences import missed_between, upcoming
from raa.planning.rule import Rule

if TYPE_CHECKING:
    from simulation.world import World

#: seconds between the limit of a run and its written end: asked, then killed
GRACE = 10.0


@dataclass
class Life:
    """When a schedule had which rule: stretches `(rule, after, until)`, until None for the last."""

    policy: dict[str, Any]
    timeout: float | None
    stretches: list[list[Any]] = field(default_factory=list)
    alive: bool = True
    paused: bool = False

    def begins(self, rule: Rule, now: datetime) -> None:
        self.stretches.append([rule, now - timedelta(microseconds=1), None])

    def ends(self, now: datetime, for_good: bool = False) -> None:
        if self.stretches[-1][2] is None:
            self.stretches[-1][2] = now
        self.alive = not for_good

    def pause(self, now: datetime) -> None:
        self.ends(now)
        self.paused = True

    def resume(self, now: datetime) -> None:
        self.paused = False
        self.begins(self.stretches[-1][0], now)


class Kept:
    """What a played seed has left."""

    def __init__(self, world: World, lives: dict[int, Life]) -> None:
        assert world.engine is not None
        self.lives, self.world, self.now = lives, world, world.clock.now()
        self.latest = max(world.latest, self.now)
        with world.engine.ledger.database.read() as session:
            self.occurrences = session.rows("SELECT * FROM occurrence ORDER BY schedule_id, due")
            self.executions = session.rows("SELECT * FROM execution ORDER BY id")
            self.schedules = {row["id"]: row for row in session.rows("SELECT * FROM schedule")}
        world.disk.close()

    def problems(self) -> list[str]:
        """Name everything that is not as promised."""
        return [*self._final(), *self._effects(), *self._accounted(), *self._attempts(), *self._limits()]

    def _final(self) -> list[str]:
        left = [row for row in (*self.occurrences, *self.executions) if row["state"] in UNFINISHED]
        silent = [
            row for row in self.occurrences if row["state"] in ("missed", "skipped", "merged") and not row["reason"]
        ]
        return [f"without a final state: {row}" for row in left] + [f"without a reason: {row}" for row in silent]

    def _effects(self) -> list[str]:
        found = []
        begun = Counter(exec_id for exec_id, _ in self.world.begun)
        found += [f"run {exec_id} began {times} times" for exec_id, times in begun.items() if times > 1]
        completed = Counter(self.world.completed)
        known = {
            row["id"]: row for row in self.executions
            if row["schedule_id"] not in self.schedules or self.schedules[row["schedule_id"]]["method"] == "doTask"
        }  # fmt: skip
        for exec_id in begun:
            if exec_id not in known and self.schedules:
                found.append(f"run {exec_id} began and is not in the ledger")
        ends: Counter[int] = Counter()
        for exec_id, row in known.items():
            ends[row["occurrence_id"]] += completed[exec_id]
            if row["state"] == "succeeded" and not completed[exec_id]:
                found.append(f"run {exec_id} is said to have succeeded and did not")
            # after a power cut every run that was taken counts as begun, so interrupted ones may not have
            if row["state"] in ("failed", "timed_out") and not begun[exec_id]:
                found.append(f"run {exec_id} is {row['state']} and never began: {row['reason']}")
        found += [f"occurrence {number} was completed {times} times" for number, times in ends.items() if times > 1]
        return found

    def _accounted(self) -> list[str]:
        """Compare what was due, by arithmetic of our own, with the rows: each due moment once, none else."""
        found = []
        by_schedule: dict[int, list[dict[str, Any]]] = {}
        for row in self.occurrences:
            if row["kind"] == "scheduled":
                by_schedule.setdefault(row["schedule_id"], []).append(row)
        for sched_id, life in self.lives.items():
            rows = by_schedule.get(sched_id, [])
            runs = sum(row["state"] not in ("missed", "skipped", "merged") for row in rows)
            most = life.stretches[-1][0].max_runs
            if most is not None and len(life.stretches) == 1:
                if runs > most:
                    found.append(f"schedule {sched_id} ran {runs} times, at most {most} were allowed")
                if self.schedules[sched_id]["state"] == "done" and runs < most and life.stretches[0][0].kind != "once":
                    found.append(f"schedule {sched_id} ended after {runs} of {most} runs")
                continue
            if any(stretch[0].max_runs is not None for stretch in life.stretches):
                continue
            found += self._stretches(sched_id, life, rows)
        return found

    def _stretches(self, sched_id: int, life: Life, rows: list[dict[str, Any]]) -> list[str]:
        expected: set[float] = set()
        counted = 0
        for rule, after, until in life.stretches:
            last = until if until is not None else self.world.judged
            total = missed_between(rule, after, last).count if rule.kind != "once" else 1
            if total > 3000:
                counted += total
                continue
            for due in dues(rule, after, last):
                expected.add(due.timestamp())
        if counted:
            covered = sum(row["covers"] for row in rows)
            total = counted + len(expected)
            return [] if covered == total else [f"schedule {sched_id}: {covered} of {total} due moments have a row"]
        accounted: set[float] = set()
        for row in rows:
            if row["covers"] == 1:
                accounted.add(row["due"])
                continue
            ahead = sorted(due for due in expected if due >= row["due"])[: row["covers"]]
            accounted.update(ahead)
        lost, extra = sorted(expected - accounted), sorted(accounted - expected)
        found = [
            f"schedule {sched_id} ({life.stretches[0][0].kind}): nothing of what was due at {_say(due)}"
            for due in lost[:3]
        ]
        return found + [f"schedule {sched_id}: a row for {_say(due)}, when nothing was due" for due in extra[:3]]

    def _attempts(self) -> list[str]:
        """Check numbers of attempts, and that catching up took as many as the policy says."""
        found = []
        by_occurrence: dict[int, list[dict[str, Any]]] = {}
        for row in self.executions:
            by_occurrence.setdefault(row["occurrence_id"], []).append(row)
        for number, rows in by_occurrence.items():
            if [row["attempt"] for row in rows] != list(range(1, len(rows) + 1)):
                found.append(f"occurrence {number} has attempts {[row['attempt'] for row in rows]}")
            sched_id = rows[0]["schedule_id"]
            # one whose answer a crash swallowed has no life that is known, and was never edited
            stored = json.loads(self.schedules[sched_id]["policy"]) if sched_id in self.schedules else {}
            policy = self.lives[sched_id].policy if sched_id in self.lives else stored
            failed = rows[-1]["state"] in ("failed", "timed_out")
            if len(rows) > 1 + policy.get("retries", 0) or (failed and len(rows) < 1 + policy.get("retries", 0)):
                found.append(f"occurrence {number} was tried {len(rows)} times under {policy}")
        for sched_id, life in self.lives.items():
            found += self._caught_up(sched_id, life)
        return found

    def _caught_up(self, sched_id: int, life: Life) -> list[str]:
        if life.policy.get("window") or any(stretch[0].max_runs for stretch in life.stretches):
            return []
        rows = [row for row in self.occurrences if row["schedule_id"] == sched_id and row["kind"] == "scheduled"]
        mode, found = life.policy["catch_up"], []
        for row, after in zip(rows, [*rows, None][1:], strict=True):
            if mode == "one" and row["state"] == "missed":
                found.append(f"schedule {sched_id} misses {_say(row['due'])} and catches up one")
            if (
                mode == "one"
                and row["state"] == "merged"
                and "merged into the run of" in row["reason"]
                and after is None
            ):
                found.append(f"schedule {sched_id}: {_say(row['due'])} is merged into nothing")
        if mode == "all" and life.policy["overlap"] == "allow":
            queued = {row["occurrence_id"]: row["queued"] for row in reversed(self.executions)}
            for index, row in enumerate(rows):
                if row["state"] == "missed" and (index + 1 == len(rows) or rows[index + 1]["state"] != "missed"):
                    batch = [r for r in rows[index + 1 :] if r["id"] in queued]
                    first = queued[batch[0]["id"]] if batch else None
                    took = sum(queued[r["id"]] == first for r in batch)
                    if took != life.policy.get("catch_up_max", 10):
                        found.append(f"schedule {sched_id} caught up {took} of {life.policy}")
        return found

    def _limits(self) -> list[str]:
        """Check that a run ends by its limit, by a clock that is not set."""
        begun = dict(self.world.begun)
        found = []
        for row in self.executions:
            if row["state"] == "timed_out" and row["id"] in self.world.ends and row["id"] in begun:
                limit = self.schedules[row["schedule_id"]]["timeout"] or 3600.0
                took = self.world.ends[row["id"]] - begun[row["id"]]
                if not limit - 0.01 <= took <= limit + GRACE:
                    found.append(f"run {row['id']} was ended after {took:g} s, its limit is {limit:g} s")
        return found


def dues(rule: Rule, after: datetime, until: datetime) -> list[datetime]:
    """Return what is due later than `after` and not later than `until`; daily rules by arithmetic of our own."""
    if rule.kind == "weekly":
        return [due for due in _daily(rule, after, until) if due > after]
    if rule.kind == "once":
        return [rule.start] if rule.start <= until else []  # one that was paused at its time is due when it goes on
    found, instant = [], after
    while one := upcoming(rule, instant, 1):
        if one[0].due > until:
            break
        found.append(one[0].due)
        instant = one[0].due
    return found


def _daily(rule: Rule, after: datetime, until: datetime) -> list[datetime]:
    """Walk the days: a time left out comes later by the gap, one that comes twice means the first (PEP 495)."""
    zone = ZoneInfo(rule.zone)
    clock = rule.start.astimezone(zone).time().replace(fold=0)  # it may be the second of two
    day: date = max(after, rule.start).astimezone(zone).date() - timedelta(days=2)
    found = []
    while True:
        due = datetime.combine(day, clock, zone).astimezone(UTC)
        if due > until:
            return found
        if rule.days >> day.weekday() & 1 and due >= rule.start and due > after:
            found.append(due)
        day += timedelta(days=1)


def _say(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat()
