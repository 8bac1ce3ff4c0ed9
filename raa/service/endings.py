"""How runs end: in which state, written when, and what follows from it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from raa import values
from raa.db.job import AWAITED, Job
from raa.planning.policy import Policy
from raa.protocols import Values
from raa.rpath_error import RaaError
from raa.service import recovery
from raa.service.outcomes import explain

if TYPE_CHECKING:
    from raa.service.run import Run
    from raa.service.runner import Runner

log = logging.getLogger("raa.service")
Events = Sequence[tuple[float, str, Values]]


class Endings:
    """Writes the ends of a runner's runs: at once, with the next commit, or when the ledger can be written again."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._lock = threading.Lock()
        #: ends of runs that the ledger could not take when they came
        self.unwritten: list[Callable[[], object]] = []

    def ended(self, run: Run, done: dict[str, Any], events: Events) -> None:
        """Write the end of a run by what its worker says, and let the worker go on or go."""
        self._runner.ledger.database.give_way()
        error: Values | None = done.get("error")
        stopping = run.stopping
        if stopping and stopping[0] == "interrupted" and "value" in done:
            stopping = None  # raa is being stopped, and this one has finished within the grace
        if stopping:
            state, reason = stopping
            error = {"class": "OperationFailed", "text": f"The run was ended: {reason}.", "fields": {}}
        elif error is not None or done.get("cancelled"):
            state, reason = "failed", explain(error) or "its process was told to end from outside"
            error = error or {"class": "OperationFailed", "text": reason, "fields": {}}
        else:
            state, reason = ("warnings" if done.get("warned") else "succeeded"), ""
        # ordered before the end is written: what stops us between the two must not forget it
        after = recovery.clean_up(self._runner, run.job) if "lost" in done or stopping else None
        self.finish(run, state, reason, error, done, events)
        if after:
            self._runner.take_in([after])

    def finish(
        self, run: Run, state: str, reason: str = "", error: Values | None = None,
        done: dict[str, Any] | None = None, events: Events = (), *, prompt: bool = False,
    ) -> None:  # fmt: skip
        """Write an end and free the run's place; `prompt` has it on the disk when this returns."""
        runner, done, job, now = self._runner, done or {}, run.job, self._runner.now()
        value = done.get("value")
        message = done.get("text") or (None if state in ("succeeded", "warnings") else (explain(error) or reason))
        if state == "cancelled":
            message = "Cancelled " + reason
        if state in ("failed", "timed_out"):
            log.warning("%s: run %d (%s) %s: %s", job.plugin, job.exec_id, job.method, state, message)
        again = _again(job, state, now) if state in ("failed", "timed_out") and not runner.stopping else None
        if state == "interrupted":
            again = recovery.anew(runner, job, now, ask=False)
        write: dict[str, Any] = {
            "reason": reason or explain(error), "message": None if message is None else str(message),
            "result": values.to_json(value) if value is not None else None, "error": error, "again": again,
            "events": events, "progress": run.progress,
        }  # fmt: skip

        def written(further: int | None, failure: BaseException | None) -> None:
            if failure is not None:
                log.error("%s: the end of run %d cannot be written yet", job.plugin, job.exec_id, exc_info=failure)
                with self._lock:
                    self.unwritten.append(partial(self._finish_late, run, state, now, write))
            run.end(state, value, error)
            runner.forget(run)
            runner.teller.ended(job.exec_id, job.kind)
            if further:
                runner.take_in([job.again(further, again or now)])

        if prompt or job.lane == AWAITED:  # somebody waits for it
            try:
                further = runner.ledger.finish(job.exec_id, state, now, **write)
            except Exception as failure:  # noqa: BLE001 - it is kept and written later
                written(None, failure)
            else:
                written(further, None)
        else:
            runner.ledger.finish_soon(job.exec_id, state, now, written, **write)
        runner.leave(run, bool(done.get("clean")) and not run.stopping)

    def _finish_late(self, run: Run, state: str, now: float, write: dict[str, Any]) -> None:
        further = self._runner.ledger.finish(run.exec_id, state, now, **write)
        if further:
            self._runner.take_in([run.job.again(further, write["again"])])

    def write_late(self) -> None:
        """Write what could not be written when it came, as far as that goes now."""
        with self._lock:
            unwritten, self.unwritten = self.unwritten, []
        while unwritten:
            try:
                unwritten[0]()
            except Exception:  # noqa: BLE001 - it was logged when it came up
                with self._lock:
                    self.unwritten += unwritten
                break
            del unwritten[0]


def _again(job: Job, state: str, now: float) -> float | None:
    try:
        policy = Policy.from_values(job.policy)
    except RaaError:  # the schedule was changed to nonsense; it is shown as broken
        return None
    return policy.again_at(state, job.attempt, now)
