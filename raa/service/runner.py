"""The in-process runner: takes jobs, keeps the limits, drives workers, writes every step into the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from raa import values
from raa.clock import Clock
from raa.db.history import History
from raa.db.job import AWAITED, LONG, Job
from raa.db.ledger import Ledger
from raa.planning.blackout import Blackout, closed_at
from raa.planning.policy import Policy
from raa.planning.queue import Queue
from raa.protocols import Values, WebSide
from raa.rpath_error import OperationFailed, RaaError, to_wire
from raa.service import recovery
from raa.service.begun import Begun
from raa.service.declarations import Declarations
from raa.service.endings import Endings
from raa.service.handle import Worker
from raa.service.inline import InlinePool, InlineWorker
from raa.service.joblog import Logs
from raa.service.outcomes import recorded
from raa.service.pool import Pool
from raa.service.run import Run
from raa.service.teller import Teller

log = logging.getLogger("raa.service")

#: runs that a page waits for have a share of the pool of their own, so they never queue behind long work
IMMEDIATE = 4
#: queued runs taken in one transaction
BATCH = 50


class Runner:
    """Runs jobs in workers: at most `max_runs` long and `IMMEDIATE` awaited ones at once, the rest in due order."""

    def __init__(
        self, ledger: Ledger, history: History, pool: Pool, clock: Clock, *, inline: InlinePool, begun: Begun,
        max_runs: int, timeout: float, call_timeout: float, bind: Any,
        monotonic: Callable[[], float] = time.monotonic, logs: Logs | None = None,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.history = history
        self.pool = pool
        self.inline = inline
        self.begun = begun
        self.clock = clock
        self.monotonic = monotonic
        self.logs = logs or Logs()
        self.web: WebSide | None = None
        #: what service halves declare; None where nothing is asked of any
        self.declared: Declarations | None = None
        self.changed = threading.Condition()
        self.queue = Queue({AWAITED: IMMEDIATE, LONG: max_runs}, self._closed)
        #: the blackouts of all schedules
        self.blackouts: Callable[[], Sequence[Blackout]] = tuple
        self.teller = Teller(history)
        self.endings = Endings(self)
        self.stopping = False
        self._bind = bind
        self._timeouts = {AWAITED: call_timeout, LONG: timeout}
        self._lock = threading.Lock()
        self._open: dict[int, Run] = {}
        self._dispatching = threading.local()

    def now(self) -> float:
        return self.clock.now().timestamp()

    # -- jobs come in

    def reserve(self, lane: str, holds: frozenset[str]) -> bool:
        """Take a place for a run ahead of its ledger row; False when it has to wait its turn."""
        with self._lock:
            free = not self.stopping and self.queue.may_place(lane, holds, self.now())
            if free:
                self.queue.occupy(lane, holds)
            return free

    def release(self, lane: str, holds: frozenset[str]) -> None:
        """Give back what `reserve` took and no run came to use."""
        with self._lock:
            self.queue.vacate(lane, holds)

    def take_in(self, jobs: Sequence[Job]) -> None:
        """Take jobs: those that are claimed have a place and start, the others wait for one, in due order."""
        claimed = []
        with self._lock:
            now = self.now()
            for job in jobs:
                run = Run(self, job, job.timeout or self._timeouts[job.lane])
                self._open[job.exec_id] = run
                if job.claimed:
                    self.queue.adopt(run)
                    claimed.append(run)
                else:
                    self.queue.add(run, now)
        for run in claimed:
            self._launch(run)
        self.notify()
        self.dispatch()

    def dispatch(self) -> None:
        """Start what waits, as far as there are places; whoever frees one or adds a run calls this."""
        here = self._dispatching
        if getattr(here, "on", False):
            here.again = True  # the loop below is at it further up, on this thread
            return
        here.on = here.again = True
        try:
            while here.again:
                batch = self._takeable()
                # no further turn for what others do meanwhile: a worker that is given a run here is to begin it
                here.again = len(batch) == BATCH
                if batch and not self._claim(batch):
                    return
        finally:
            here.on = False

    def _closed(self, run: Run, now: float) -> float | None:
        """Tell until when blackouts keep a run back that has waited; what a person started they do not."""
        job, common = run.job, self.blackouts()
        if job.kind != "scheduled" or not (common or job.policy.get("blackouts")):
            return None
        try:
            own = Policy.from_values(job.policy).closed
        except RaaError:  # the schedule was changed to nonsense; it is shown as broken
            own = ()
        return closed_at((*common, *own), now)

    def _takeable(self) -> list[Run]:
        batch: list[Run] = []
        with self._lock:
            now = self.now()
            while not self.stopping and len(batch) < BATCH and (waiting := self.queue.take(now)) is not None:
                batch.append(self._open[waiting.exec_id])
        return batch

    def _claim(self, batch: list[Run]) -> bool:
        """Claim runs and give them to workers; False if the ledger cannot be written, and they wait on."""
        try:
            taken = self.ledger.claim([run.exec_id for run in batch], self.pool.mark, self.now())
        except Exception:
            log.exception("%d runs cannot begin yet", len(batch))
            with self._lock:
                for run in batch:
                    self.queue.leave(run.exec_id)
                    self.queue.add(run, self.now())
            return False
        for run in batch:
            if run.exec_id in taken:
                self._launch(run)
            else:
                with self._lock:
                    self.queue.leave(run.exec_id)
                self.forget(run)
        return True

    def _launch(self, run: Run) -> None:
        job = run.job
        try:
            bind = self._bind(job.plugin)
            limits = bind.get("limits", self._timeouts)
            run.timeout = job.timeout or limits[job.lane]
            run.log_bytes = limits.get("log_bytes", run.log_bytes)
            inline = self.inline.serves(job.plugin)
            worker = self.inline.take(job.plugin) if inline else self.pool.take(job.plugin, job.method)
            if not run.begin(worker):
                self._give_back(worker, True)
                self.endings.finish(run, *(run.stopping or ("cancelled", "")))
                return
            worker.start(
                run,
                bind,
                {"schedId": job.sched_id, "execId": job.exec_id, "method": job.method, "args": job.args,
                 "optional": job.method == "cleanUp"},
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - whoever pokes the queue is not to blame for this run
            self.endings.finish(run, "interrupted" if self.stopping else "failed", error=to_wire(error))

    def _give_back(self, worker: Worker | InlineWorker, clean: bool) -> None:
        if isinstance(worker, InlineWorker):
            self.inline.give_back(worker)
        else:
            self.pool.give_back(worker, clean)

    def tend(self) -> float | None:
        """Write and start what could not be when its time came; the scheduler calls this at every turn.

        Returns the seconds until a waiting run may begin, None if none waits for a time.
        """
        self.endings.write_late()
        self.inline.tend()
        self.dispatch()
        with self._lock:
            begin = self.queue.next_begin()
        return None if begin is None else begin - self.now()

    # -- runs speak

    def web_call(self, plugin: str, target: str, args: Sequence[Any], kwargs: Values) -> Any:
        """Call the web side for a service half, by the same codec in both directions."""
        if self.web is None:
            raise RaaError("the web side is not there yet")
        answer = self.web.local_call(plugin, target, values.check(list(args)), kwargs)
        return values.crossing(answer, "the answer")

    def record(self, run: Run, events: Sequence[tuple[float, str, Values]]) -> None:
        try:
            self.ledger.record(run.exec_id, events, run.progress)
        except Exception:
            log.exception("%s: run %d: events could not be recorded", run.job.plugin, run.exec_id)
        self.notify(run)

    def leave(self, run: Run, clean: bool) -> None:
        """Free the run's place and worker; what starts in them is claimed after the end that waits to be written."""
        if run.worker:
            self._give_back(run.worker, clean)
        with self._lock:
            self.queue.remove(run.exec_id)
            self.queue.leave(run.exec_id)
        self.dispatch()

    def forget(self, run: Run) -> None:
        """Hold the run open no longer: its end is written, or somebody else has it."""
        with self._lock:
            self._open.pop(run.exec_id, None)
        self.notify(run)

    def log_trace(self, job: Job, text: str) -> None:
        log.warning("%s: run %d (%s) raised:\n%s", job.plugin, job.exec_id, job.method, text)

    def log_failure(self, job: Job, error: BaseException) -> None:
        log.error("%s: the web half failed for run %d", job.plugin, job.exec_id, exc_info=error)

    # -- asking

    def notify(self, run: Run | None = None) -> None:
        """Wake those who wait for news, of this run or of any."""
        with self.changed:
            if run is not None:
                run.changes += 1
            self.changed.notify_all()

    def changes(self, exec_id: int) -> int:
        """Return a number that differs after every change of an open run; -1 for one that has ended."""
        run = self._open.get(exec_id)
        return -1 if run is None else run.changes

    def result(self, exec_id: int, timeout: float) -> Any:
        """Wait for a run and return its value, or raise."""
        run = self._open.get(exec_id)
        if run is not None:
            return run.wait(timeout)
        return recorded(self.history, exec_id)

    def waits_for(self, exec_id: int) -> tuple[str, float | str] | None:
        """Say what a run waits for, as `Queue.reason` does; None for one that does not wait."""
        with self._lock:
            return self.queue.reason(exec_id, self.now()) if exec_id in self.queue else None

    def cancel(self, exec_id: int, who: str) -> bool:
        """Stop a run: one that waits is cancelled at once, one that runs is asked and, after the grace, killed."""
        with self._lock:
            run = self._open.get(exec_id)
            waiting = self.queue.remove(exec_id)
        if run is None or run.stopping:
            return False
        if waiting:
            self.endings.finish(run, "cancelled", f"by {who}", prompt=True)
            return True
        try:
            self.ledger.cancelling(exec_id, who)
        except OperationFailed:  # a run that fills the disk has to be stopped all the more; its end says by whom
            log.exception("%s: run %d is stopped, which cannot be written yet", run.job.plugin, exec_id)
        stopped = run.stop("cancelled", f"by {who}")
        self.notify()
        return stopped

    def recover(self) -> None:
        """At start: end what an earlier process left, write it interrupted, take up again what had not begun."""
        recovery.recover(self)

    def stop(self, grace: float) -> None:
        """Stop taking work, ask every run to end, and write those that ran as interrupted."""
        with self._lock:
            self.stopping = True
            runs = [run for run in self._open.values() if run.exec_id not in self.queue]
        for run in runs:
            run.stop("interrupted", "raa was stopped")
        until = time.monotonic() + grace
        for run in runs:
            run.wait_end(max(0.0, until - time.monotonic()))
        self.pool.stop()
        for run in runs:
            run.wait_end(2.0)
        self.inline.stop()
        self.endings.write_late()
        self.teller.stop()
