"""The scheduler's loop: wait until something is due, let the planner decide, write it in one commit, hand it over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from raa import values
from raa.clock import Clock
from raa.db.history import History
from raa.db.job import Job
from raa.db.ledger import Ledger
from raa.db.session import Row
from raa.planning.blackout import Blackout
from raa.planning.planner import Plan, decide
from raa.planning.policy import Policy
from raa.planning.rule import Rule
from raa.service.runner import Runner

log = logging.getLogger("raa.service")

#: the longest wait in one piece, seconds: a wall clock that was set is noticed within this time
SLICE = 5.0
#: schedules handled in one transaction
GROUP = 200
#: under load, seconds between two turns: what is due within them is written in one commit
GATHER = 0.002
#: seconds between two batches of old history that go
PRUNE = 0.05
#: rules and policies kept read, by their text
_KEPT = 4096


class Scheduler:
    """Fires schedules; `step` is one turn and takes its time from the clock, `run` loops it on a thread."""

    def __init__(
        self, ledger: Ledger, history: History, runner: Runner, clock: Clock,
        blackouts: Callable[[], Sequence[Blackout]] = tuple, prune: Callable[[float], bool] = lambda now: False,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.history = history
        self.runner = runner
        self.clock = clock
        self._blackouts = blackouts
        #: removes some of what history need not keep; False when there is no more
        self._prune = prune
        self._pruning = False
        self._condition = threading.Condition()
        self._poked = False
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._tidied = 0.0
        self._rule = lru_cache(_KEPT)(lambda text: Rule.from_values(values.stored(text)))
        self._policy = lru_cache(_KEPT)(lambda text: Policy.from_values(values.stored(text)))

    def step(self) -> float | None:
        """Fire all that is due now; return the seconds until the next one is, None if there is none."""
        now = self.clock.now()
        while rows := self.history.due(now.timestamp(), GROUP):
            self._fire(rows, now)
            if len(rows) < GROUP:
                break
        if not -3600 < now.timestamp() - self._tidied < 3600:
            self._tidied = now.timestamp()
            self._tidy(now)
            self._pruning = True
        if self._pruning:
            self._pruning = self._pruned(now)
        due_at = self.history.next_due()
        wait = None if due_at is None else due_at - self.clock.now().timestamp()
        return wait if not self._pruning else PRUNE if wait is None else min(PRUNE, wait)

    def _pruned(self, now: datetime) -> bool:
        try:
            return self._prune(now.timestamp())
        except Exception:
            log.exception("old history could not be removed; it is tried again in an hour")
            return False

    def _fire(self, rows: list[Row], now: datetime) -> None:
        blackouts = self._blackouts()
        plans: list[tuple[Row, Plan]] = []
        for row in rows:
            try:
                plans.append((row, self._plan(row, now, blackouts)))
            except Exception as error:
                log.exception("%s: schedule %d cannot be used and is put aside", row["plugin"], row["id"])
                self.ledger.set_broken(row["id"], str(error) or type(error).__name__)
        granted: dict[tuple[int, float], Job | None] = {}

        def grant(job: Job) -> bool:
            """Answer the same when it is asked again: the transaction may be carried out twice."""
            key = job.sched_id, job.due
            if key not in granted:
                granted[key] = job if self.runner.reserve(job.lane, job.holds) else None
            return granted[key] is not None

        try:
            jobs = self.ledger.fire(plans, now.timestamp(), self.runner.pool.mark, grant)
        except BaseException:
            self._release(granted.values())
            raise
        for job in jobs:
            granted.pop((job.sched_id, job.due), None)
        self._release(granted.values())
        self.runner.take_in(jobs)

    def _release(self, granted: Iterable[Job | None]) -> None:
        for job in filter(None, granted):
            self.runner.release(job.lane, job.holds)

    def _plan(self, row: Row, now: datetime, blackouts: Sequence[Blackout]) -> Plan:
        rule, policy = self._rule(row["rule"]), self._policy(row["policy"])
        row["given"] = values.stored(row["args"])  # what cannot be read is no reason to stop the others later
        due = datetime.fromtimestamp(row["next_due"], UTC)
        return decide(rule, policy, due, now, row["unfinished"], row["runs"], sched_id=row["id"], blackouts=blackouts)

    def _tidy(self, now: datetime) -> None:
        for sched_id in self.history.unusable():
            self.ledger.set_broken(sched_id, "its next due time is no number")
        self.ledger.prune((now - timedelta(days=1)).timestamp())

    def start(self) -> None:
        """Loop on a thread of its own."""
        self._thread = threading.Thread(target=self.run, name="raa-scheduler", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Loop until stopped; an error is logged and the loop goes on after a slice."""
        while not self._stopped:
            try:
                waits = [wait for wait in (self.runner.tend(), self.step()) if wait is not None]
            except Exception:
                log.exception("the scheduler could not do its turn; it tries again in %g s", SLICE)
                waits = [SLICE]
            with self._condition:
                if not self._poked and not self._stopped:
                    self.clock.wait(self._condition, max(GATHER, min([SLICE, *waits])))
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
