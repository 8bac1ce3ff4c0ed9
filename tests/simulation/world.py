"""The world of one seed: it owns clocks, storage, crashes and what tasks do; everything that decides is the product's.

One thread, no real time. The scheduler, the runner, the ledger and the planner are those that ship, on a real SQLite
file; only the worker processes are played.
"""

from __future__ import annotations

import heapq
import logging
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from raa.config import Config
from raa.db.history import History
from raa.db.ledger import Ledger
from raa.protocols import Order
from raa.rpath_error import RaaError
from raa.service import recovery
from raa.service.engine import Engine
from raa.service.inline import InlinePool
from raa.service.runner import Runner
from raa.service.scheduler import SLICE, Scheduler
from simulation.storage import Crash, Disk


class SimClock:
    """A wall clock that can be set, over one that only goes on."""

    def __init__(self, start: datetime) -> None:
        self._start, self.elapsed, self.offset = start, 0.0, 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed + self.offset)

    def monotonic(self) -> float:
        return self.elapsed

    def wait(self, condition: object, timeout: float | None) -> None:
        raise AssertionError("nobody waits in a simulation")


class Marks:
    """The marks of begun runs, which outlive processes and not the machine."""

    def __init__(self) -> None:
        self.whole = True
        self._begun: set[int] = set()

    def has(self, exec_id: int) -> bool:
        return not self.whole or exec_id in self._begun

    def mark(self, exec_id: int) -> None:
        self._begun.add(exec_id)

    def keep(self) -> None:
        self.whole = True

    def close(self) -> None: ...


class SimWorker:
    """A worker process: it begins, and ends as the world's dice say, unless it is killed."""

    def __init__(self, pool: SimPool) -> None:
        self.pool, self.run, self.alive, self.asked = pool, None, True, False

    def start(self, run: Any, bind: Any, message: dict[str, Any]) -> None:
        self.run, self.asked = run, False
        self.pool.busy.add(self)
        self.pool.world.begins(self, message["execId"], message["method"])

    def reply(self, message: Any) -> None: ...

    def terminate(self) -> None:
        self.asked = True

    def kill(self) -> None:
        run, self.run, self.alive = self.run, None, False
        self.pool.busy.discard(self)
        if run is not None:
            self.pool.world.ends[run.exec_id] = self.pool.world.clock.elapsed
            run.lost("its process was ended by signal 9 (SIGKILL)")

    def done(self, outcome: dict[str, Any]) -> None:
        run, self.run = self.run, None
        self.pool.busy.discard(self)
        if run is not None and self.alive:
            run.message({"done": outcome})


class SimPool:
    """The pool of one incarnation."""

    def __init__(self, world: World, mark: str) -> None:
        self.world, self.mark, self.busy = world, mark, set()

    def take(self, plugin: str, method: str) -> SimWorker:
        return SimWorker(self)

    def give_back(self, worker: SimWorker, clean: bool) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class World:
    """One seed's machine; `events` are (elapsed, number, what to do), in that order."""

    def __init__(self, seed: int, folder: Path, start: datetime) -> None:
        self.dice = random.Random(seed)
        self.clock = SimClock(start)
        self.disk = Disk(folder)
        self.marks = Marks()
        self.events: list[tuple[float, int, Any]] = []
        self.begun: list[tuple[int, float]] = []
        self.completed: list[int] = []
        self.ended_early: list[str] = []
        self.pools: dict[str, SimPool] = {}
        self.engine: Engine | None = None
        self.up = False
        self.full = False
        self._failed = False
        self.crashing: list[tuple[str, int]] = []
        #: freeze the process at the next turn at which runs wait
        self.to_freeze = False
        self.jumps: list[tuple[float, float]] = []
        self.latest = start
        #: the latest time up to which the scheduler has judged what was due
        self.judged = start
        self.ends: dict[int, float] = {}
        self._number = 0
        self._incarnation = 0
        self.disk.fault = self._fault

    # -- faults

    def _fault(self, point: str) -> None:
        if self.full and point != "committed":
            raise sqlite3.OperationalError("database or disk is full")
        if self.crashing and self.crashing[0][0] == point:
            left = self.crashing[0][1] - 1
            self.crashing[0] = (point, left)
            if left <= 0:
                del self.crashing[0]
                raise Crash

    # -- time

    def jumped_back(self) -> bool:
        """Tell whether the wall clock shows a time that it has shown before."""
        return self.clock.now() < self.latest

    def at(self, seconds: float, what: Any) -> None:
        self._number += 1
        heapq.heappush(self.events, (self.clock.elapsed + seconds, self._number, what))

    def boot(self) -> None:
        """Start a process on the ledger, with what earlier ones have left."""
        self._incarnation += 1
        mark = f"mark-{self._incarnation}"
        pool = self.pools[mark] = SimPool(self, mark)
        try:
            database = self.disk.open()
            ledger, history = Ledger(database), History(database)
            runner = Runner(
                ledger, history, pool, self.clock, inline=InlinePool(frozenset()), begun=self.marks, max_runs=3,
                timeout=3600.0, call_timeout=60.0, bind=lambda plugin: {"plugin": plugin},
                monotonic=self.clock.monotonic,
            )  # fmt: skip
            scheduler = Scheduler(ledger, history, runner, self.clock, lambda: engine.current_blackouts())
            self.engine = engine = Engine(
                ledger=ledger, history=history, runner=runner, scheduler=scheduler, pool=pool, accounts=None,
                clock=self.clock, config=Config(),
            )  # fmt: skip
            self.up = True
            runner.recover()
        except Crash:
            self.crash(power=False)
        except (sqlite3.Error, RaaError):
            self.up = False
            self.at(30, self.boot)  # the disk is full: whoever starts it tries again

    def crash(self, power: bool) -> None:
        """End the process at once; its workers end with it, or within two seconds."""
        self.up = False
        for pool in self.pools.values():
            for worker in pool.busy:
                worker.alive, worker.run = False, None
            pool.busy.clear()
        if power:
            self.marks.whole = False
        self.disk.crash(power)
        self.at(self.dice.choice([1, 5, 60, 3600, 90_000]), self.boot)

    def freeze(self) -> None:
        """Stop the process where it is, start another on the same ledger, and thaw the first for one turn, later."""
        frozen, database = self.engine, self.disk.database
        assert frozen is not None
        assert database is not None
        gone = [worker.run for worker in frozen.pool.busy if worker.run is not None]
        for worker in frozen.pool.busy:
            worker.alive, worker.run = False, None
        frozen.pool.busy.clear()

        def thaw() -> None:
            try:
                for run in gone:
                    run.lost("its process was ended by signal 9 (SIGKILL)")
                frozen.runner.tend()
                frozen.scheduler.step()
                self.disk.flush(frozen.ledger.database)
            except (sqlite3.Error, Crash):
                pass  # it is ended now in any case
            for worker in frozen.pool.busy:
                worker.alive, worker.run = False, None
            database._drop_writer()
            database._orm.close()

        self.at(self.dice.choice([5, 600, 40_000]), thaw)
        self.boot()

    def turn(self) -> None:
        """Do one turn of the scheduler's loop, and commit what lies."""
        assert self.engine is not None
        engine = self.engine
        try:
            engine.runner.tend()
            now = self.clock.now()
            engine.scheduler.step()
            self.judged = max(self.judged, now)
            if self.to_freeze and len(engine.runner.queue):
                self.to_freeze = False
                self.freeze()
                return
            self.disk.flush(engine.ledger.database)
            self._failed = False
        except sqlite3.Error:
            self._failed = True  # the loop logs it and tries again after a slice
        except Crash:
            self.crash(power=self.dice.random() < 0.5)

    def guarded(self, what: Any) -> None:
        """Do something in the process, which may crash of it; what is refused is refused."""
        try:
            what()
        except (sqlite3.Error, RaaError):
            return
        except Crash:
            self.crash(power=self.dice.random() < 0.5)

    def run(self, until: float) -> None:
        """Let time pass, from one moment at which something can happen to the next."""
        while True:
            wake = self._wake()
            ahead = self.events[0][0] if self.events else until
            then = min(until, ahead, wake)
            self.clock.elapsed = max(self.clock.elapsed, then)
            if self.clock.elapsed >= until:
                return
            while self.events and self.events[0][0] <= self.clock.elapsed:
                _, _, what = heapq.heappop(self.events)
                what()
            if self.up:
                self.turn()
            for worker in [worker for pool in self.pools.values() for worker in pool.busy]:
                # whatever becomes of the scheduler's turn: each worker is looked after by a thread of its own
                self.guarded(lambda run=worker.run: run and run.overdue())

    def _wake(self) -> float:
        if not self.up or self.engine is None:
            return float("inf")
        if self._failed:
            return self.clock.elapsed + SLICE
        now, waits = self.clock.now().timestamp(), [float("inf")]
        due, begin = self.engine.history.next_due(), self.engine.runner.queue.next_begin()
        waits += [at - now for at in (due, begin) if at is not None]
        for worker in self.pools[self.engine.pool.mark].busy:
            left = worker.run.overdue() if worker.run is not None else None
            if left is not None:
                waits.append(left)
        if self.full or self.engine.runner.endings.unwritten:
            waits.append(SLICE)
        return self.clock.elapsed + max(0.002, min(waits))

    # -- what tasks do

    def begins(self, worker: SimWorker, exec_id: int, method: str) -> None:
        self.marks.mark(exec_id)
        if method == "cleanUp":
            run = worker.run
            self.at(0.01, lambda: self._ends(worker, run, "clean"))
            return
        self.begun.append((exec_id, self.clock.elapsed))
        kind = self.dice.choices(["good", "bad", "dies", "hangs"], [80, 12, 4, 4])[0]
        seconds = self.dice.choice([0.01, 1, 20, 300, 1800])
        if kind == "hangs":
            return  # until its time is over
        run = worker.run
        self.at(seconds, lambda: self._ends(worker, run, kind))

    def _ends(self, worker: SimWorker, run: Any, kind: str) -> None:
        if not worker.alive or run is None or worker.run is not run or not self.up:
            return
        error = {"class": "OperationFailed", "text": "no luck", "fields": {}}
        if kind == "good":
            self.completed.append(run.exec_id)
        good = {"value": 1, "clean": True}
        answers = {"good": good, "clean": good, "bad": {"error": error, "clean": True}}
        self.guarded(worker.kill if kind == "dies" else lambda: worker.done(answers[kind]))


@contextmanager
def quiet(world: World) -> Iterator[None]:
    """Have recovery end the world's workers, not the machine's, and the log be silent."""
    shipped = recovery.kernel.end_marked
    recovery.kernel.end_marked = lambda mark: len(world.pools[mark].busy) if mark in world.pools else 0
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        recovery.kernel.end_marked = shipped
        logging.disable(logging.NOTSET)


def order(rule: dict[str, Any], policy: dict[str, Any], resource: str, timeout: float | None) -> Order:
    return Order(plugin="/sim/Sim", rule=rule, policy=policy, resource=resource, timeout=timeout)


def utc(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
