"""The ledger's writes: schedules, occurrences, executions and events, each change one transaction.

Plain SQL on SQLObject's connection: an ORM object costs more than the whole commit here. States change only by a
conditional UPDATE, so two who want the same run cannot both get it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from raa import values
from raa.constants import UNFINISHED
from raa.db.connection import Database, Row, Session
from raa.planning.planner import Plan
from raa.protocols import Order, Values

_OPEN = "('" + "', '".join(UNFINISHED) + "')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An execution as the runner carries it."""

    exec_id: int
    sched_id: int
    plugin: str
    method: str
    args: list[Any]
    due: float
    resource: str
    timeout: float | None
    kind: str
    who: str
    #: runs of its schedule may be at work at the same time
    parallel: bool = False

    @property
    def holds(self) -> frozenset[str]:
        """What no other run may hold meanwhile: its resource, and its schedule unless that allows overlap."""
        schedule = f"schedule {self.sched_id}" if self.kind == "scheduled" and not self.parallel else ""
        return frozenset(filter(None, (self.resource, schedule)))


class Ledger:
    """Writes to ledger.db; `now` is epoch seconds, given by the caller."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._tasks: dict[str, int] = {}

    def task_id(self, plugin: str) -> int:
        """Return the persistent number of a plugin, making one at first use."""
        found = self._tasks.get(plugin)
        if found is None:
            with self.database.write() as session:
                session.execute("INSERT OR IGNORE INTO task (plugin) VALUES (?)", plugin)
                found = int(session.value("SELECT id FROM task WHERE plugin=?", plugin))
            self._tasks[plugin] = found
        return found

    def add(self, order: Order, kind: str, now: float, next_due: float | None, claim: str = "") -> Job | int:
        """Store a schedule; for kinds that start at once also its occurrence and execution, all in one transaction.

        `claim` names the worker slot that takes it right away (state running), "" leaves it queued. Returns a Job, or
        the schedule id when nothing starts now. With `order.single` an unfinished run is returned as its ids.
        """
        task = self.task_id(order.plugin)
        starts_now = kind in ("immed", "now")
        state = "reserved" if not order.armed else "done" if starts_now else "armed"
        args = values.to_json(values.masked(list(order.args)))
        with self.database.write() as session:
            if order.single:
                found = session.row(
                    "SELECT e.id, e.schedule_id FROM execution e JOIN schedule s ON s.id = e.schedule_id "
                    f"WHERE e.state IN {_OPEN} AND e.task_id=? AND s.method=? ORDER BY e.id LIMIT 1",
                    task,
                    order.method,
                )
                if found:
                    return _job(found["id"], found["schedule_id"], order, now, "running")
            sched_id = session.insert(
                "INSERT INTO schedule (task_id, method, args, kind, rule, policy, state, next_due, created, "
                "created_by, resource, timeout) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                task,
                order.method,
                args,
                "call" if order.call else kind,
                values.to_json(order.rule),
                values.to_json(order.policy),
                state,
                next_due if order.armed else None,
                now,
                order.who,
                order.resource,
                order.timeout,
            )
            if not starts_now or not order.armed:
                return sched_id
            exec_id = self._execution(
                session, sched_id, task, now, "call" if order.call else kind, order.who, claim, now
            )
            return _job(exec_id, sched_id, order, now, "call" if order.call else kind)

    @staticmethod
    def _execution(
        session: Session, sched_id: int, task: int, due: float, kind: str, who: str, claim: str, now: float
    ) -> int:
        state = "running" if claim else "queued"
        occurrence = session.insert(
            "INSERT INTO occurrence (schedule_id, due, kind, state, reason) VALUES (?,?,?,?,'')",
            sched_id,
            due,
            kind,
            state,
        )
        return session.insert(
            "INSERT INTO execution (occurrence_id, schedule_id, task_id, attempt, state, reason, queued, started, "
            "message, started_by, worker, progress) VALUES (?,?,?,1,?,'',?,?,'',?,?,'{}')",
            occurrence,
            sched_id,
            task,
            state,
            now,
            now if claim else None,
            who,
            claim,
        )

    def arm(self, sched_ids: Sequence[int], next_dues: Sequence[float | None]) -> None:
        """Make reserved schedules due."""
        with self.database.write() as session:
            for sched_id, due in zip(sched_ids, next_dues, strict=True):
                session.execute(
                    "UPDATE schedule SET state=?, next_due=? WHERE id=? AND state='reserved'",
                    "done" if due is None else "armed",  # its end came before it was armed
                    due,
                    sched_id,
                )

    def unschedule(self, sched_id: int, plugin: str) -> bool:
        """End a schedule of this plugin; what has run and what runs stays as it is."""
        with self.database.write() as session:
            return bool(
                session.changed(
                    "UPDATE schedule SET state='ended', next_due=NULL WHERE id=? "
                    "AND state IN ('armed', 'reserved', 'paused') AND task_id=(SELECT id FROM task WHERE plugin=?)",
                    sched_id,
                    plugin,
                )
            )

    def fire(self, rows: Sequence[tuple[Row, Plan]], now: float) -> list[Job]:
        """Write what the planner decided: occurrences, executions and each schedule's next due time, in one commit."""
        jobs = []
        with self.database.write() as session:
            for row, plan in rows:
                next_due = plan.next_due.timestamp() if plan.next_due else None
                # another engine on the same file may have been here: only the one that moves next_due goes on
                if not session.changed(
                    "UPDATE schedule SET next_due=?, state=? WHERE id=? AND next_due=? AND state='armed'",
                    next_due,
                    "armed" if next_due is not None else "done",
                    row["id"],
                    row["next_due"],
                ):
                    continue
                for fire in plan.fire:
                    due = fire.due.timestamp()
                    if session.value("SELECT 1 FROM occurrence WHERE schedule_id=? AND due=?", row["id"], due):
                        continue  # this one has been accounted for
                    if fire.state == "queued":
                        who = "schedule"
                        exec_id = self._execution(session, row["id"], row["task_id"], due, "scheduled", who, "", now)
                        jobs.append(job_of({**row, "exec_id": exec_id, "due": due, "run_kind": "scheduled"}, who))
                    else:
                        session.execute(
                            "INSERT INTO occurrence (schedule_id, due, kind, state, reason) "
                            "VALUES (?,?,'scheduled',?,?)",
                            row["id"],
                            due,
                            fire.state,
                            fire.reason,
                        )
        return jobs

    def claim(self, exec_id: int, worker: str, now: float) -> bool:
        """Take a queued execution for a worker; False if it is no longer queued."""
        with self.database.write() as session:
            taken = session.changed(
                "UPDATE execution SET state='running', started=?, worker=? WHERE id=? AND state='queued'",
                now,
                worker,
                exec_id,
            )
            if taken:
                self._mirror(session, exec_id)
            return bool(taken)

    def cancelling(self, exec_id: int, who: str) -> bool:
        """Note that a running execution is being stopped."""
        with self.database.write() as session:
            return bool(
                session.changed(
                    "UPDATE execution SET state='cancelling', reason=? WHERE id=? AND state='running'",
                    f"by {who}",
                    exec_id,
                )
            )

    def finish(
        self,
        exec_id: int,
        state: str,
        now: float,
        *,
        reason: str = "",
        message: str | None = None,
        result: str | None = None,
        error: Values | None = None,
        events: Sequence[tuple[float, str, Values]] = (),
    ) -> bool:
        """End an execution in exactly one final state; False if it had ended before."""
        with self.database.write() as session:
            ended = session.changed(
                "UPDATE execution SET state=?, ended=?, reason=CASE WHEN ?='' THEN reason ELSE ? END, "
                "message=COALESCE(?, message), result=?, error=?, "
                "percent=CASE WHEN ? IN ('succeeded', 'warnings') THEN 100 ELSE percent END "
                f"WHERE id=? AND state IN {_OPEN}",
                state,
                now,
                reason,
                reason,
                message,
                result,
                values.to_json(error) if error else None,
                state,
                exec_id,
            )
            if ended:
                self._mirror(session, exec_id)
                add_events(session, exec_id, (*events, (now, "state", {"state": state, "reason": reason})))
            return bool(ended)

    @staticmethod
    def _mirror(session: Session, exec_id: int) -> None:
        session.execute(
            "UPDATE occurrence SET (state, reason) = (SELECT state, reason FROM execution WHERE id=?) "
            "WHERE id=(SELECT occurrence_id FROM execution WHERE id=?)",
            exec_id,
            exec_id,
        )

    def record(self, exec_id: int, events: Sequence[tuple[float, str, Values]], progress: Values) -> None:
        """Add events of a running execution; `progress` is its merged state (percent, message, step ...)."""
        with self.database.write() as session:
            add_events(session, exec_id, events)
            session.execute(
                "UPDATE execution SET percent=?, message=?, progress=? WHERE id=?",
                progress.get("percent"),
                progress.get("message", ""),
                values.to_json(progress),
                exec_id,
            )

    def prune(self, before: float) -> int:
        """Forget calls that ended before this time; ids are not used again."""
        old = "SELECT e.id FROM execution e JOIN schedule s ON s.id = e.schedule_id WHERE s.kind='call' AND e.ended < ?"
        with self.database.write() as session:
            session.execute(f"DELETE FROM event WHERE execution_id IN ({old})", before)
            gone = session.changed(f"DELETE FROM execution WHERE id IN ({old})", before)
            session.execute(
                "DELETE FROM occurrence WHERE kind='call' AND id NOT IN (SELECT occurrence_id FROM execution) "
                "AND due < ?",
                before,
            )
            session.execute(
                "DELETE FROM schedule WHERE kind='call' AND created < ? "
                "AND id NOT IN (SELECT schedule_id FROM occurrence)",
                before,
            )
            return gone


def add_events(session: Session, exec_id: int, events: Sequence[tuple[float, str, Values]]) -> None:
    """Append events with the next sequence numbers of their execution."""
    if not events:
        return
    seq = int(session.value("SELECT max(seq) FROM event WHERE execution_id=?", exec_id) or 0)
    for at, kind, body in events:
        seq += 1
        session.execute("INSERT INTO event VALUES (?,?,?,?,?)", exec_id, seq, at, kind, values.to_json(body))


def job_of(row: Row, who: str) -> Job:
    """Build a Job from a schedule's row joined with `exec_id`, `due` and `run_kind`."""
    return Job(
        exec_id=row["exec_id"],
        sched_id=row["id"],
        plugin=row["plugin"],
        method=row["method"],
        args=values.from_json(row["args"]),
        due=row["due"],
        resource=row["resource"],
        timeout=row["timeout"],
        kind=row["run_kind"],
        who=who,
        parallel=values.from_json(row["policy"]).get("overlap") == "allow",
    )


def _job(exec_id: int, sched_id: int, order: Order, due: float, kind: str) -> Job:
    return Job(
        exec_id=exec_id,
        sched_id=sched_id,
        plugin=order.plugin,
        method=order.method,
        args=list(order.args),
        due=due,
        resource=order.resource,
        timeout=order.timeout,
        kind=kind,
        who=order.who,
    )
