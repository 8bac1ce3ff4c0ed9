"""The in-process runner: takes jobs, keeps the limits, drives workers, writes every step into the ledger."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from raa import values
from raa.clock import Clock
from raa.constants import UNFINISHED
from raa.db.history import History
from raa.db.ledger import Job, Ledger, job_of
from raa.protocols import Order, Values, WebSide
from raa.rpath_error import DeadlineExceeded, RaaError, to_wire
from raa.service import kernel
from raa.service.pool import Pool
from raa.service.run import Run, explain, outcome

log = logging.getLogger("raa.service")

#: runs that a page waits for have a share of the pool of their own, so they never queue behind long work
IMMEDIATE = 4


class Runner:
    """Runs jobs in workers: at most `max_runs` long and `IMMEDIATE` awaited ones at once, the rest in due order."""

    def __init__(
        self, ledger: Ledger, history: History, pool: Pool, clock: Clock, *, max_runs: int, timeout: float,
        call_timeout: float, bind: Any,
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.history = history
        self.pool = pool
        self.clock = clock
        self.web: WebSide | None = None
        self.changed = threading.Condition()
        self._bind = bind
        self._timeouts = {True: call_timeout, False: timeout}
        self._limits = {True: IMMEDIATE, False: max_runs}
        self._lock = threading.Lock()
        self._open: dict[int, Run] = {}
        self._waiting: list[Run] = []
        self._active: dict[bool, int] = {True: 0, False: 0}
        #: resources, and schedules whose runs go one after the other, that are in use
        self._held: set[str] = set()
        #: ends of runs that the ledger could not take when they came
        self._unwritten: list[Callable[[], object]] = []
        self._stopping = False

    def now(self) -> float:
        return self.clock.now().timestamp()

    @staticmethod
    def immediate(job_kind: str) -> bool:
        return job_kind in ("immed", "call")

    # -- jobs come in

    def reserve(self, resource: str) -> bool:
        """Take a slot for an awaited run ahead of its ledger row; False when it has to wait its turn."""
        with self._lock:
            if self._active[True] >= self._limits[True] or resource in self._held or self._stopping:
                return False
            self._active[True] += 1
            if resource:
                self._held.add(resource)
            return True

    def release(self, resource: str) -> None:
        """Give back what `reserve` took and no run came to use."""
        with self._lock:
            self._free(True, frozenset(filter(None, [resource])))

    def run_now(self, job: Job) -> Run:
        """Start a job whose slot is reserved and whose row says running."""
        run = self._admit(job)
        run.holds = True
        self._start(run, claimed=True)
        return run

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Take queued jobs; they start as slots and resources come free, in due order."""
        with self._lock:
            for job in jobs:
                self._waiting.append(self._admit(job, locked=True))
            self._waiting.sort(key=_in_due_order)
        self.notify()
        self._dispatch()

    def _admit(self, job: Job, locked: bool = False) -> Run:
        run = Run(self, job, job.timeout or self._timeouts[self.immediate(job.kind)])
        if locked:
            self._open[job.exec_id] = run
        else:
            with self._lock:
                self._open[job.exec_id] = run
        return run

    def _dispatch(self) -> None:
        while True:
            with self._lock:
                run = None if self._stopping else next(filter(self._may_start, self._waiting), None)
                if run is None:
                    return
                self._waiting.remove(run)
                run.holds = True
                self._active[self.immediate(run.job.kind)] += 1
                self._held |= run.job.holds
            if not self._start(run, claimed=False):
                return

    def _may_start(self, run: Run) -> bool:
        lane = self.immediate(run.job.kind)
        return self._active[lane] < self._limits[lane] and not run.job.holds & self._held

    def _free(self, lane: bool, held: frozenset[str]) -> None:
        self._active[lane] -= 1
        self._held -= held

    def _start(self, run: Run, claimed: bool) -> bool:
        """Claim a run and give it to a worker; False if the ledger cannot be written, and the run waits on."""
        job = run.job
        if self._stopping and not claimed:  # it stays queued, for the next start
            run.end("queued")
            return False
        try:
            if not claimed and not self.ledger.claim(job.exec_id, self.pool.mark, self.now()):
                self._forget(run)
                return True
        except Exception:
            log.exception("%s: run %d cannot begin yet", job.plugin, job.exec_id)
            with self._lock:
                self._free(self.immediate(job.kind), job.holds)
                run.holds = False
                self._waiting.append(run)
                self._waiting.sort(key=_in_due_order)
            return False
        try:
            bind = self._bind(job.plugin)
            worker = self.pool.take(job.plugin)
            if not run.begin(worker):
                self.pool.give_back(worker, True)
                self._finish(run, *(run.stopping or ("cancelled", "")))
                return True
            self.notify()
            worker.start(
                run,
                bind,
                {"schedId": job.sched_id, "execId": job.exec_id, "method": job.method, "args": job.args,
                 "optional": job.method == "cleanUp"},
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - whoever pokes the queue is not to blame for this run
            self._finish(run, "interrupted" if self._stopping else "failed", error=to_wire(error))
        return True

    def tend(self) -> None:
        """Write and start what could not be when its time came; the scheduler calls this at every turn."""
        with self._lock:
            unwritten, self._unwritten = self._unwritten, []
        while unwritten:
            try:
                unwritten[0]()
            except Exception:  # noqa: BLE001 - it was logged when it came up
                with self._lock:
                    self._unwritten += unwritten
                return
            del unwritten[0]
        self._dispatch()

    # -- runs speak

    def web_call(self, plugin: str, target: str, args: Sequence[Any], kwargs: Values) -> Any:
        """Call the web side for a service half, by the same codec in both directions."""
        if self.web is None:
            raise RaaError("the web side is not there yet")
        answer = self.web.local_call(plugin, target, values.check(list(args)), kwargs)
        values.to_json(answer, "the answer")  # for its size
        return values.check(answer)

    def record(self, run: Run, events: Sequence[tuple[float, str, Values]]) -> None:
        try:
            self.ledger.record(run.job.exec_id, events, run.progress)
        except Exception:
            log.exception("%s: run %d: events could not be recorded", run.job.plugin, run.job.exec_id)
        self.notify()

    def ended(self, run: Run, done: dict[str, Any], events: Sequence[tuple[float, str, Values]]) -> None:
        """Write the end of a run and let its worker go on or go."""
        error: Values | None = done.get("error")
        if run.stopping:
            state, reason = run.stopping
            error = {"class": "OperationFailed", "text": f"The run was ended: {reason}.", "fields": {}}
        elif error is not None or done.get("cancelled"):
            state, reason = "failed", explain(error) or "its process was told to end from outside"
            error = error or {"class": "OperationFailed", "text": reason, "fields": {}}
        else:
            state, reason = ("warnings" if done.get("warned") else "succeeded"), ""
        # ordered before the end is written: what stops us between the two must not forget it
        after = self._clean_up(run.job) if "lost" in done or run.stopping else None
        self._finish(run, state, reason, error, done, events)
        if after:
            self.enqueue([after])

    def _finish(
        self,
        run: Run,
        state: str,
        reason: str = "",
        error: Values | None = None,
        done: dict[str, Any] | None = None,
        events: Sequence[tuple[float, str, Values]] = (),
    ) -> None:
        done = done or {}
        value = done.get("value")
        message = done.get("text") or (None if state in ("succeeded", "warnings") else (explain(error) or reason))
        if state == "cancelled":
            message = "Cancelled " + reason
        write = partial(
            self.ledger.finish,
            run.job.exec_id,
            state,
            self.now(),
            reason=reason or explain(error),
            message=None if message is None else str(message),
            result=values.to_json(value) if value is not None else None,
            error=error,
        )
        try:
            write(events=events)
        except Exception:
            log.exception("%s: the end of run %d cannot be written yet", run.job.plugin, run.job.exec_id)
            with self._lock:
                self._unwritten.append(write)
        if state in ("failed", "timed_out"):
            log.warning("%s: run %d (%s) %s: %s", run.job.plugin, run.job.exec_id, run.job.method, state, message)
        run.end(state, value, error)
        if run.worker:
            self.pool.give_back(run.worker, bool(done.get("clean")) and not run.stopping)
        self._forget(run)
        self._tell(run.job.exec_id)

    def _forget(self, run: Run) -> None:
        with self._lock:
            if self._open.pop(run.job.exec_id, None) is not None and run.holds:
                self._free(self.immediate(run.job.kind), run.job.holds)
        self.notify()
        self._dispatch()

    def _clean_up(self, job: Job, again: bool = False) -> Job | None:
        """Order the plugin's clean-up of what a run that did not end by itself left behind.

        A clean-up that fails is not repeated, but one that was interrupted is, with `again`.
        """
        if job.method == "cleanUp" and not again:
            return None
        args = job.args if job.method == "cleanUp" else [job.exec_id]
        order = Order(plugin=job.plugin, rule={"kind": "now"}, method="cleanUp", call=True, args=args)
        try:
            added = self.ledger.add(order, "now", self.now(), None)
        except Exception:
            log.exception("%s: the clean-up after run %d cannot be ordered", job.plugin, job.exec_id)
            return None
        return added if isinstance(added, Job) else None

    def _tell(self, exec_id: int) -> None:
        """Let the web side's plugins hear of the end; what they make of it cannot change it."""
        if self.web is None or self._stopping:
            return
        try:
            status = self.history.execution(exec_id)
            if status["scheduled_kind"] != "call":
                self.web.job_ended(status)
        except Exception:
            log.exception("run %d has ended, and a plugin failed to hear of it", exec_id)

    def log_trace(self, job: Job, text: str) -> None:
        log.warning("%s: run %d (%s) raised:\n%s", job.plugin, job.exec_id, job.method, text)

    def log_failure(self, job: Job, error: BaseException) -> None:
        log.error("%s: the web half failed for run %d", job.plugin, job.exec_id, exc_info=error)

    # -- asking

    def notify(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def result(self, exec_id: int, timeout: float) -> Any:
        """Wait for a run and return its value, or raise."""
        run = self._open.get(exec_id)
        if run is not None:
            return run.wait(timeout)
        return self.recorded(exec_id)

    def recorded(self, exec_id: int) -> Any:
        """Return a finished run's value as the ledger has it, or raise."""
        row = self.history.outcome(exec_id)
        if row is None:
            return self.history.execution(exec_id)  # raises that there is none
        if row["state"] in UNFINISHED:
            raise DeadlineExceeded(f"Run {exec_id} has not ended.")
        return outcome(
            row["state"],
            values.from_json(row["result"]) if row["result"] else None,
            values.from_json(row["error"]) if row["error"] else None,
        )

    def cancel(self, exec_id: int, who: str) -> bool:
        """Stop a run: one that waits is cancelled at once, one that runs is asked and, after the grace, killed."""
        with self._lock:
            run = self._open.get(exec_id)
            waiting = run in self._waiting
            if run is not None and waiting:
                self._waiting.remove(run)
        if run is None or run.stopping:
            return False
        if waiting:
            self._finish(run, "cancelled", f"by {who}")
            return True
        self.ledger.cancelling(exec_id, who)
        stopped = run.stop("cancelled", f"by {who}")
        self.notify()
        return stopped

    def recover(self) -> None:
        """At start: end what an earlier process left, write it interrupted, take up again what had not begun."""
        rows = self.history.open_executions()
        for mark in {row["worker"] for row in rows if row["worker"]}:
            if ended := kernel.end_marked(mark):
                log.warning("ended %d processes that an earlier raa had left", ended)
        queued, broken = [], list[int]()
        for row in rows:
            job = job_of(row, row["started_by"])
            if row["state"] == "queued" and not values.holds_secret(job.args):
                queued.append(job)
                continue
            if after := self._clean_up(job, again=True):
                queued.append(after)
            begun = row["state"] != "queued"
            reason = "raa ended while it ran" if begun else "raa ended before it began, and its secret is not stored"
            error: Values = {"class": "OperationFailed", "text": f"The run was interrupted: {reason}.", "fields": {}}
            self.ledger.finish(
                job.exec_id, "interrupted", self.now(), reason=reason, message=error["text"], error=error
            )
            log.warning("%s: run %d was interrupted: %s", job.plugin, job.exec_id, reason)
            broken.append(job.exec_id)
        self.enqueue(queued)
        for exec_id in broken:
            self._tell(exec_id)

    def stop(self, grace: float) -> None:
        """Stop taking work, ask every run to end, and write those that ran as interrupted."""
        with self._lock:
            self._stopping = True
            runs = [run for run in self._open.values() if run.holds]
        for run in runs:
            run.stop("interrupted", "raa was stopped")
        until = time.monotonic() + grace
        for run in runs:
            run._done.wait(max(0.0, until - time.monotonic()))
        self.pool.stop()
        for run in runs:
            run._done.wait(2.0)


def _in_due_order(run: Run) -> tuple[float, int]:
    return run.job.due, run.job.exec_id
