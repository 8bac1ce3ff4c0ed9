"""What an administrator does to schedules and runs: again, now, off and on; each one transaction of the ledger."""

from __future__ import annotations

from raa import values
from raa.db.connection import Database, Session
from raa.db.ledger import Job, Ledger, job_of
from raa.rpath_error import InvalidInput, ItemNotFound

_ROW = (
    "SELECT s.id, s.task_id, t.plugin, s.method, s.args, s.kind, s.state, s.rule, s.policy, s.resource, s.timeout "
    "FROM schedule s JOIN task t ON t.id = s.task_id WHERE s.id=?"
)


class Control:
    """Beside `Ledger`, whose rows it makes."""

    def __init__(self, ledger: Ledger, database: Database) -> None:
        self._ledger = ledger
        self._database = database

    def retry(self, exec_id: int, who: str, now: float) -> Job:
        """Add a further attempt at an ended run's occurrence; raises `InvalidInput` where that cannot be."""
        with self._database.write() as session:
            old = session.row(
                "SELECT e.schedule_id, e.occurrence_id, e.state, o.due, o.kind, "
                "(SELECT max(attempt) FROM execution WHERE occurrence_id=e.occurrence_id) AS attempts, "
                "(SELECT count(*) FROM execution WHERE occurrence_id=e.occurrence_id "
                "AND state IN ('queued', 'running', 'cancelling')) AS open "
                "FROM execution e JOIN occurrence o ON o.id = e.occurrence_id WHERE e.id=?",
                exec_id,
            )
            if old is None:
                raise ItemNotFound(f"There is no run {exec_id}.")
            row = session.row(_ROW, old["schedule_id"]) or {}
            if old["open"]:
                raise InvalidInput("It is being tried at this moment; wait until that has ended.")
            if values.holds_secret(values.from_json(row["args"])):
                raise InvalidInput("It was given a secret that raa does not keep; start it from its own page.")
            new = session.insert(
                "INSERT INTO execution (occurrence_id, schedule_id, task_id, attempt, state, reason, queued, message, "
                "started_by, worker, progress) VALUES (?,?,?,?,'queued','',?,'',?,'','{}')",
                old["occurrence_id"],
                row["id"],
                row["task_id"],
                old["attempts"] + 1,
                now,
                who,
            )
            session.execute("UPDATE occurrence SET state='queued', reason='' WHERE id=?", old["occurrence_id"])
        return job_of({**row, "exec_id": new, "due": old["due"], "run_kind": old["kind"]}, who)

    def run_now(self, sched_id: int, who: str, now: float) -> Job:
        """Add a manual occurrence of a schedule; its next due time stays as it is."""
        with self._database.write() as session:
            row = self._live(session, sched_id)
            occurrence = session.insert(
                "INSERT INTO occurrence (schedule_id, due, kind, state, reason) VALUES (?,?,'manual','queued','')",
                sched_id,
                now,
            )
            new = session.insert(
                "INSERT INTO execution (occurrence_id, schedule_id, task_id, attempt, state, reason, queued, message, "
                "started_by, worker, progress) VALUES (?,?,?,1,'queued','',?,'',?,'','{}')",
                occurrence,
                sched_id,
                row["task_id"],
                now,
                who,
            )
        return job_of({**row, "exec_id": new, "due": now, "run_kind": "manual"}, who)

    def set_enabled(self, sched_id: int, next_due: float | None) -> None:
        """Pause a schedule (`next_due` None) or arm it again; raises `ItemNotFound` for one that has ended."""
        with self._database.write() as session:
            self._live(session, sched_id)
            session.execute(
                "UPDATE schedule SET state=?, next_due=? WHERE id=?",
                "paused" if next_due is None else "armed",
                next_due,
                sched_id,
            )

    @staticmethod
    def _live(session: Session, sched_id: int) -> dict[str, object]:
        row = session.row(_ROW + " AND s.state IN ('armed', 'paused')", sched_id)
        if row is None:
            raise ItemNotFound(f"There is no schedule {sched_id}, or it has ended.")
        return row
