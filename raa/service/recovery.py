"""What a runner finds at its start, and what a run leaves behind that did not end by itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from raa import values
from raa.db.job import LONG, Job, job_of
from raa.protocols import Order, Values
from raa.rpath_error import RaaError
from raa.service import kernel

if TYPE_CHECKING:
    from raa.db.session import Row
    from raa.service.runner import Runner

log = logging.getLogger("raa.service")

#: an idempotent run that is interrupted is begun anew at most so often
ANEW = 3


def recover(runner: Runner) -> None:
    """End what an earlier process left, write it interrupted, take up again what had not begun."""
    rows = runner.history.open_executions()
    for mark in {row["worker"] for row in rows if row["worker"]}:
        if ended := kernel.end_marked(mark):
            log.warning("ended %d processes that an earlier raa had left", ended)
    queued: list[Job] = []
    for row in rows:
        try:
            job = job_of(row, row["started_by"])
        except (RaaError, ValueError, TypeError) as error:
            _interrupt(runner, row, f"what is stored of it cannot be used: {error}")
            continue
        secret = values.holds_secret(job.args)
        if not secret and row["state"] == "running" and not runner.begun.has(job.exec_id):
            runner.ledger.requeue(job.exec_id)  # it was taken, and the method was never called
            queued.append(job)
        elif not secret and row["state"] == "queued":
            queued.append(job)
        else:
            if after := clean_up(runner, job, again=True):
                queued.append(after)
            begun = row["state"] != "queued"
            why = "raa ended while it ran" if begun else "raa ended before it began, and its secret is not stored"
            # one that was asked to stop is not wanted any more
            again = anew(runner, job, runner.now()) if row["state"] == "running" else None
            if further := _interrupt(runner, row, why, again):
                queued.append(job.again(further, again or 0))
    runner.begun.keep()
    runner.take_in(queued)


def anew(runner: Runner, job: Job, now: float, *, ask: bool = True) -> float | None:
    """Return when an interrupted run is run again, None if it is not: its method has to be declared idempotent.

    A run that may be what ends raa each time is not begun without end.
    """
    if runner.declared is None or job.lane != LONG or job.attempt > ANEW or values.holds_secret(job.args):
        return None
    return now if runner.declared.of(job.plugin, job.method, ask=ask).idempotent else None


def _interrupt(runner: Runner, row: Row, reason: str, again: float | None = None) -> int | None:
    error: Values = {"class": "OperationFailed", "text": f"The run was interrupted: {reason}.", "fields": {}}
    further = runner.ledger.finish(
        row["exec_id"], "interrupted", runner.now(), reason=reason, message=error["text"], error=error, again=again
    )
    log.warning("%s: run %d was interrupted: %s", row["plugin"], row["exec_id"], reason)
    runner.teller.ended(row["exec_id"], row["run_kind"])
    return further


def clean_up(runner: Runner, job: Job, again: bool = False) -> Job | None:
    """Order the plugin's clean-up of what a run that did not end by itself left behind.

    A clean-up that fails is not repeated, but one that was interrupted is, with `again`.
    """
    if job.method == "cleanUp" and not again:
        return None
    args = job.args if job.method == "cleanUp" else [job.exec_id]
    order = Order(plugin=job.plugin, rule={"kind": "now"}, method="cleanUp", call=True, args=args)
    try:
        added = runner.ledger.add(order, "now", runner.now(), None)
    except Exception:
        log.exception("%s: the clean-up after run %d cannot be ordered", job.plugin, job.exec_id)
        return None
    return added if isinstance(added, Job) else None
