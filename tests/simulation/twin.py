"""The same schedules twice: played by the shipped engine on SQLite, and by `raa.planning.simulate` on numbers.

No faults, no failures, fixed durations. Durations and moments are odd numbers, so that no two things that depend on
each other happen within the milliseconds that a turn of the engine takes.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from raa.db.history import History
from raa.planning import blackout
from raa.planning.outlook import Stored
from raa.planning.policy import Policy
from raa.planning.rule import Rule
from raa.planning.simulate import simulate
from raa.rpath_error import InvalidInput
from simulation.scenario import DAY, blackouts_of, policy_of, rule_of
from simulation.world import World, order, quiet

MAX_RUNS = 3
#: (due, attempt, state, reason, covers), and when it began
Told = tuple[float, int, str, str, int, float | None]


#: what is told last of a schedule that is never due again
OVER: Told = (9e9, 0, "done", "", 0, None)


class Calm(World):
    """A world in which every run takes its schedule's time and nothing fails but what takes too long."""

    seconds: dict[int, float]

    def begins(self, worker: Any, exec_id: int, method: str) -> None:
        self.marks.mark(exec_id)
        run = worker.run
        seconds = self.seconds[run.job.sched_id] if method == "doTask" else 0.01
        limit = run.timeout
        if limit < seconds:  # it is asked to end, and does at once
            self.at(limit, lambda: (run.overdue(), self._over(worker, run)))
        else:
            self.at(seconds, lambda: self._over(worker, run))

    def _over(self, worker: Any, run: Any) -> None:
        if worker.alive and worker.run is run and self.up:
            worker.done({"value": 1, "clean": True})
            self.disk.flush(self.engine.ledger.database)

    def off(self, seconds: float) -> None:
        """Stop the process and start another so many seconds later."""
        self.disk.flush(self.engine.ledger.database)
        dice, self.dice = self.dice, _Fixed(seconds)
        self.crash(power=False)
        self.dice = dice


class _Fixed:
    def __init__(self, value: float) -> None:
        self.value = value

    def choice(self, _among: object) -> float:
        return self.value


class Case:
    """One seed: schedules, blackouts, and when the machine is off."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(f"twin {seed}")
        self.since = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=dice.randrange(8760), seconds=11)
        self.days = dice.choice([2, 7, 20, 60])
        many = dice.randint(8, 30)
        self.schedules = [self._schedule(dice, number, 100 / many) for number in range(1, many + 1)]
        self.blackouts = blackouts_of(dice, self.since, self.days) if dice.random() < 0.5 else []
        self.off: list[tuple[float, float]] = []
        at = 0.0
        self.seconds = self.days * DAY + 0.5
        for _ in range(dice.choice([0, 1, 1, 2, 4])):
            begin = at + 3600 + dice.random() * self.seconds / 3
            at = begin + dice.choice([20.7, 3603.7, 30_003.1, 86_407.3, 172_811.9])
            if at < self.seconds - 3600:
                self.off.append((begin, at))
        self.until = self.since + timedelta(seconds=self.seconds)

    def _schedule(self, dice: random.Random, number: int, wanted: float) -> dict[str, Any]:
        rule = rule_of(dice, self.since, self.days, wanted)
        if number == 1 and self.days <= 7:  # so many that what was missed becomes one row
            rule = {"kind": "interval", "zone": "UTC", "start": self.since.isoformat(), "count": 17, "unit": "minutes"}
        if dice.random() < 0.15 and rule["kind"] != "once":
            rule["max_runs"] = dice.randint(1, 5)
        if dice.random() < 0.1 and rule["kind"] != "once":
            rule["end"] = (datetime.fromisoformat(rule["start"]) + timedelta(days=self.days * 0.6)).isoformat()
        policy = policy_of(dice, self.since, self.days)
        seconds = dice.choice([0.5, 20, 300, 1800, 9000]) + number * 0.173
        if rule.get("unit") == "minutes" and dice.random() < 0.4:  # its runs overlap
            seconds = min(9000.0, rule["count"] * 60 * dice.choice([0.9, 1.4, 2.7])) + number * 0.173
        timeout = dice.choice([20_000] * 5 + [3600] * 2 + [250]) + number * 0.377
        return {"rule": rule, "policy": policy, "seconds": seconds, "timeout": timeout,
                "resource": dice.choice(["", "", "disk"])}  # fmt: skip

    # -- by the shipped engine

    def played(self, folder: Path) -> tuple[dict[int, list[Told]], list[Stored]]:
        """Return each schedule's rows of the ledger, and the schedules as they were stored at the beginning."""
        world = Calm(0, folder, self.since)
        world.seconds = {}
        with quiet(world):
            world.boot()
            world.engine.set_blackouts(self.blackouts, "UTC")
            stored = [self._stored(world, one) for one in self.schedules]
            for begin, end in self.off:
                world.at(begin, lambda seconds=end - begin: world.off(seconds))
            world.run(self.seconds)
            told = _rows(world.engine.history)
            world.disk.close()
        return told, [one for one in stored if one is not None]

    def _stored(self, world: Calm, one: dict[str, Any]) -> Stored | None:
        try:
            added = world.engine.submit(order(one["rule"], one["policy"], one["resource"], one["timeout"]))
        except InvalidInput:
            return None  # never due
        sched_id = added["schedId"]
        world.seconds[sched_id] = one["seconds"]
        row = world.engine.schedule(sched_id)
        return Stored(
            sched_id=sched_id, plugin=row["plugin"], method=row["method"], rule=Rule.from_values(row["rule"]),
            policy=Policy.from_values(row["policy"]), next_due=datetime.fromtimestamp(row["next_due"], UTC),
            runs=row["runs"], resource=row["resource"], seconds=one["seconds"], timeout=row["timeout"],
        )  # fmt: skip

    # -- by simulate

    def simulated(self, stored: list[Stored]) -> dict[int, list[Told]]:
        off = [tuple(self.since + timedelta(seconds=at) for at in stretch) for stretch in self.off]
        outlook = simulate(
            stored, self.since, self.until, max_runs=MAX_RUNS, off=off, limit=10**9,
            blackouts=blackout.from_values(self.blackouts, "UTC"),
        )  # fmt: skip
        told: dict[int, list[Told]] = {}
        for row in outlook.rows:
            began = row.began.timestamp() if row.began else None
            reason = row.reason if row.attempt == 1 or row.state in ("missed", "skipped", "merged") else ""
            told.setdefault(row.sched_id, []).append(
                (row.due.timestamp(), row.attempt, row.state, reason, row.covers, began)
            )
        for one in outlook.ended:
            told[one.sched_id].append(OVER)
        return {sched_id: sorted(rows, key=lambda row: row[:2]) for sched_id, rows in told.items()}


def _rows(history: History) -> dict[int, list[Told]]:
    """Return each schedule's due moments and attempts as the ledger has them."""
    with history.database.read() as session:
        rows = session.rows(
            "SELECT o.schedule_id, o.due, o.state AS fate, o.reason AS why, o.covers, e.attempt, e.state, e.reason, "
            "e.started FROM occurrence o LEFT JOIN execution e ON e.occurrence_id = o.id WHERE o.kind='scheduled' "
            "ORDER BY o.due, e.attempt"
        )
        over = session.rows("SELECT id FROM schedule WHERE state='done' AND kind != 'call'")
    told: dict[int, list[Told]] = {}
    for row in rows:
        state = row["state"] or row["fate"]
        # the end of a run overwrites why it was late
        reason = row["why"] if row["attempt"] is None else row["reason"] if row["attempt"] == 1 else ""
        told.setdefault(row["schedule_id"], []).append(
            (row["due"], row["attempt"] or 1, state, reason, row["covers"], row["started"])
        )
    for row in over:
        told[row["id"]].append(OVER)
    return told


def differences(played: dict[int, list[Told]], simulated: dict[int, list[Told]]) -> list[str]:
    """Name what one says and the other does not; a run may begin the milliseconds later that a turn takes."""
    found = []
    for sched_id in sorted(played.keys() | simulated.keys()):
        there, here = played.get(sched_id, []), simulated.get(sched_id, [])
        for engine, ours in zip([*there, *[None] * (len(here) - len(there))],
                                [*here, *[None] * (len(there) - len(here))], strict=True):  # fmt: skip
            if engine is None or ours is None or not _alike(engine, ours):
                found.append(f"schedule {sched_id}: the engine {_say(engine)}, simulate {_say(ours)}")
                break
    return found


def _alike(engine: Told, ours: Told) -> bool:
    same_time = engine[5] is ours[5] or (engine[5] and ours[5] and abs(engine[5] - ours[5]) < 0.5)
    ended = engine[2] in ("interrupted", "timed_out")  # the ledger's reason is then that of the end
    return bool(engine[:3] == ours[:3] and (ended or engine[3] == ours[3]) and engine[4] == ours[4] and same_time)


def _say(told: Told | None) -> str:
    if told is None:
        return "has no row"
    due, attempt, state, reason, covers, began = told
    when = f", begun {datetime.fromtimestamp(began, UTC):%d %H:%M:%S.%f}" if began else ""
    return f"{datetime.fromtimestamp(due, UTC)} attempt {attempt} {state} ({reason}) x{covers}{when}"


def compare(seed: int, folder: Path) -> list[str]:
    """Play a seed both ways and name the differences."""
    case = Case(seed)
    played, stored = case.played(folder)
    return differences(played, case.simulated(stored))
