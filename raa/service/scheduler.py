"""The scheduler's loop: wait until something is due, let the planner decide, write it in one commit, hand it over."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from raa import values
from raa.clock import Clock
from raa.db.connection import Row
from raa.db.history import History
from raa.db.ledger import Ledger
from raa.planning.planner import Fire, Plan, Policy, decide
from raa.planning.rule import Rule
from raa.service.runner import Runner

log = logging.getLogger("raa.service")

#: the longest wait in one piece, seconds: a wall clock that was set is noticed within this time
SLICE = 5.0
#: schedules handled in one transaction
GROUP = 200


class Scheduler:
    """Fires schedules; `step` is one turn and takes its time from the clock, `run` loops it on a thread."""

    def __init__(self, ledger: Ledger, history: History, runner: Runner, clock: Clock) -> None:
        self.ledger = ledger
        self.history = history
        self.runner = runner
        self.clock = clock
        self._condition = threading.Condition()
        self._poked = False
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._pruned = 0.0

    def step(self) -> float | None:
        """Fire all that is due now; return the seconds until the next one is, None if there is none."""
        now = self.clock.now()
        while rows := self.history.due(now.timestamp(), GROUP):
            plans = []
            for row in rows:
                plans.append((row, _plan(row, now)))
            self.runner.enqueue(self.ledger.fire(plans, now.timestamp()))
            if len(rows) < GROUP:
                break
        if now.timestamp() - self._pruned > 3600:
            self._pruned = now.timestamp()
            self.ledger.prune(now.timestamp() - 86_400)
        due_at = self.history.next_due()
        return None if due_at is None else due_at - self.clock.now().timestamp()

    def start(self) -> None:
        """Loop on a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="raa-scheduler", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Loop until stopped; an error is logged and the loop goes on after a slice."""
        while not self._stopped:
            try:
                self.runner.tend()
                wait = self.step()
            except Exception:
                log.exception("the scheduler could not do its turn; it tries again in %g s", SLICE)
                wait = SLICE
            with self._condition:
                if not self._poked and not self._stopped:
                    self.clock.wait(self._condition, max(0.0, min(SLICE, SLICE if wait is None else wait)))
                self._poked = False

    def poke(self) -> None:
        """Have the loop look again now: a schedule was added, changed or armed."""
        with self._condition:
            self._poked = True
            self._condition.notify_all()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        if self._thread:
            self._thread.join(10)


def _plan(row: Row, now: datetime) -> Plan:
    """Decide about one schedule; one that cannot be read any more ends, and holds up no other."""
    due = datetime.fromtimestamp(row["next_due"], UTC)
    try:
        rule = Rule.from_values(values.from_json(row["rule"]))
        policy = Policy(**values.from_json(row["policy"]))
        return decide(rule, policy, due, now, row["unfinished"], row["runs"])
    except Exception as error:
        log.exception("%s: schedule %d cannot be used any more and ends", row["plugin"], row["id"])
        return Plan((Fire(due, "missed", f"the schedule cannot be used: {error}"),), None)
