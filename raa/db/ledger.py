"""The ledger's writes about schedules: stored, armed, fired, ended; each change one transaction.

Plain SQL on SQLObject's connection: an ORM object costs more than the whole commit here. States change only by a
conditional UPDATE, so two who want the same run cannot both get it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from raa import values
from raa.db.connection import Database, Row, Session
from raa.db.job import Job, job_of, job_of_order
from raa.db.runs import Runs, add_execution
from raa.planning.planner import Fire, Plan
from raa.protocols import Order

_END = (
    "UPDATE schedule SET state='ended', next_due=NULL WHERE id=? AND state IN ('armed', 'reserved', 'paused', 'broken')"
)
#: gives a job a place if there is one for it this moment
Grant = Callable[[Job], bool]


class Ledger(Runs):
    """Writes to ledger.db; `now` is epoch seconds, given by the caller."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._tasks: dict[str, int] = {}

    def task_id(self, plugin: str) -> int:
        """Return the persistent number of a plugin, making one at first use."""
        found = self._tasks.get(plugin)
        if found is None:
            with self.database.write() as session:
                session.execute("INSERT OR IGNORE INTO task (plugin) VALUES (?)", plugin)
                found = int(session.value("SELECT id FROM task WHERE plugin=?", plugin))
            if not self.database.writing:  # else it is not committed yet, and may never be
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
        rule, policy = values.to_json(order.rule), values.to_json(order.policy) if order.policy else "{}"
        run_kind = "call" if order.call else kind

        def work(session: Session) -> Job | int:
            if order.single:
                found = session.row(
                    "SELECT e.id, e.schedule_id FROM execution e JOIN schedule s ON s.id = e.schedule_id "
                    "WHERE e.ended IS NULL AND e.task_id=? AND s.method=? ORDER BY e.id LIMIT 1",
                    task,
                    order.method,
                )
                if found:
                    return job_of_order(found["id"], found["schedule_id"], order, now, "running")
            sched_id = session.insert(
                "INSERT INTO schedule (task_id, method, args, kind, rule, policy, state, next_due, created, "
                "created_by, resource, timeout) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                task, order.method, args, run_kind, rule, policy, state, next_due if order.armed else None, now,
                order.who, order.resource, order.timeout,
            )  # fmt: skip
            if not starts_now or not order.armed:
                return sched_id
            exec_id = add_execution(session, sched_id, task, now, run_kind, order.who, now, claim=claim)
            return job_of_order(exec_id, sched_id, order, now, run_kind, bool(claim))

        return self.database.run(work)

    def arm(self, sched_ids: Sequence[int], next_dues: Sequence[float | None], instead_of: Sequence[int] = ()) -> None:
        """Make reserved schedules due and end those that they stand in for, in one transaction."""
        with self.database.write() as session:
            for sched_id, due in zip(sched_ids, next_dues, strict=True):
                session.execute(
                    "UPDATE schedule SET state=?, next_due=? WHERE id=? AND state='reserved'",
                    "done" if due is None else "armed",  # its end came before it was armed
                    due,
                    sched_id,
                )
            for sched_id in instead_of:
                session.execute(_END, sched_id)

    def unschedule(self, sched_id: int, plugin: str) -> bool:
        """End a schedule of this plugin; what has run and what runs stays as it is."""
        with self.database.write() as session:
            return bool(session.changed(_END + " AND task_id=(SELECT id FROM task WHERE plugin=?)", sched_id, plugin))

    def set_broken(self, sched_id: int, cause: str) -> None:
        """Put a schedule that cannot be used aside, with the cause that its page shows."""
        with self.database.write() as session:
            session.execute(
                "UPDATE schedule SET state='broken', note=?, next_due=NULL WHERE id=? AND state='armed'",
                cause,
                sched_id,
            )

    def fire(
        self, rows: Sequence[tuple[Row, Plan]], now: float, claim: str = "", grant: Grant | None = None
    ) -> list[Job]:
        """Write what the planner decided: occurrences, executions and each schedule's next due time, in one commit.

        A job that `grant` has a place for is written as running in `claim` right away. The caller takes the places back
        when this raises.
        """

        def work(session: Session) -> list[Job]:
            jobs: list[Job] = []
            for row, plan in rows:
                next_due = plan.next_due.timestamp() if plan.next_due else None
                fresh = sum(fire.state == "queued" for fire in plan.fire)
                # another engine on the same file may have been here: only the one that moves next_due goes on
                if not session.changed(
                    "UPDATE schedule SET next_due=?, state=?, runs=runs+? WHERE id=? AND next_due=? AND state='armed'",
                    next_due,
                    "armed" if next_due is not None else "done",
                    fresh,
                    row["id"],
                    row["next_due"],
                ):
                    continue
                for fire in plan.fire:
                    job = self._fire(session, row, fire, now, claim, grant)
                    if job is not None:
                        jobs.append(job)
            return jobs

        return self.database.run(work)

    @staticmethod
    def _fire(session: Session, row: Row, fire: Fire, now: float, claim: str, grant: Grant | None) -> Job | None:
        due = fire.due.timestamp()
        state, covers = fire.state, fire.covers
        begin = fire.begin.timestamp() if fire.begin is not None else due
        job = None
        if state == "queued":
            job = job_of({**row, "exec_id": 0, "due": due, "run_kind": "scheduled", "not_before": begin}, "schedule")
        claimed = job is not None and grant is not None and begin <= now and grant(job)
        occurrence = session.insert_new(
            "INSERT OR IGNORE INTO occurrence (schedule_id, due, kind, state, reason, covers) "
            "VALUES (?,?,'scheduled',?,?,?)",
            row["id"], due, "running" if claimed else state, fire.reason, covers,
        )  # fmt: skip
        if job is None or not occurrence:  # without an id this one has been accounted for
            return None
        exec_id = add_execution(
            session, row["id"], row["task_id"], due, "scheduled", "schedule", now, claim=claim if claimed else "",
            occurrence=occurrence, begin=begin, reason=fire.reason,
        )  # fmt: skip
        return replace(job, exec_id=exec_id, claimed=claimed)
