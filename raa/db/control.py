"""What an administrator does to schedules and runs: again, now, off and on; each one transaction of the ledger."""

from __future__ import annotations

from raa import values
from raa.db.connection import Database, Row, Session
from raa.db.job import Job, job_of
from raa.db.ledger import Ledger
from raa.db.runs import add_execution
from raa.protocols import Values
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
                "AND ended IS NULL) AS open "
                "FROM execution e JOIN occurrence o ON o.id = e.occurrence_id WHERE e.id=?",
                exec_id,
            )
            if old is None:
                raise ItemNotFound(f"There is no run {exec_id}.")
            row = session.row(_ROW, old["schedule_id"]) or {}
            if old["open"]:
                raise InvalidInput("It is being tried at this moment; wait until that has ended.")
            if values.holds_secret(values.stored(row["args"])):
                raise InvalidInput("It was given a secret that raa does not keep; start it from its own page.")
            new = add_execution(
                session, row["id"], row["task_id"], 0, "", who, now,
                occurrence=old["occurrence_id"], attempt=old["attempts"] + 1,
            )  # fmt: skip
        attempt = old["attempts"] + 1
        return job_of({**row, "exec_id": new, "due": old["due"], "run_kind": old["kind"], "attempt": attempt}, who)

    def run_now(self, sched_id: int, who: str, now: float) -> Job:
        """Add a manual occurrence of a schedule; its next due time stays as it is."""
        with self._database.write() as session:
            row = self._live(session, sched_id)
            new = add_execution(session, sched_id, row["task_id"], now, "manual", who, now)
        return job_of({**row, "exec_id": new, "due": now, "run_kind": "manual"}, who)

    def set_enabled(self, sched_id: int, next_due: float | None, note: str = "") -> None:
        """Pause a schedule (`next_due` None) with a note, or arm it again; one that has ended raises `ItemNotFound`."""
        with self._database.write() as session:
            self._live(session, sched_id)
            session.execute(
                "UPDATE schedule SET state=?, next_due=?, note=? WHERE id=?",
                "paused" if next_due is None else "armed",
                next_due,
                note,
                sched_id,
            )

    def edit(self, sched_id: int, next_due: float | None, changes: Values) -> None:
        """Change a live schedule: `rule`, `policy`, `resource`, `timeout` as far as they are given; its id stays.

        `next_due` is when it is due next under the new rule; it is not set on a paused one, which is due when it is
        armed again. A broken one is armed.
        """
        fields: Values = {name: changes[name] for name in ("resource", "timeout") if name in changes}
        for name in ("rule", "policy"):
            if name in changes:
                fields[name] = values.to_json(changes[name])
        if "rule" in changes:
            fields["kind"] = changes["rule"]["kind"]
        with self._database.write() as session:
            row = self._live(session, sched_id)
            if row["state"] == "broken":
                fields["note"] = ""
            if row["state"] != "paused":
                fields["next_due"] = next_due
                fields["state"] = "armed" if next_due is not None else "done"
            assignments = ", ".join(f"{name}=?" for name in fields)
            session.execute(f"UPDATE schedule SET {assignments} WHERE id=?", *fields.values(), sched_id)

    def blackouts(self) -> list[Values]:
        """Return the stored blackouts of all schedules."""
        with self._database.read() as session:
            text = session.value("SELECT text FROM setting WHERE name='blackouts'")
        return values.stored(text) if text else []

    def set_blackouts(self, found: list[Values]) -> None:
        """Store the blackouts of all schedules."""
        with self._database.write() as session:
            session.execute("INSERT OR REPLACE INTO setting VALUES ('blackouts', ?)", values.to_json(found))

    @staticmethod
    def _live(session: Session, sched_id: int) -> Row:
        row = session.row(_ROW + " AND s.state IN ('armed', 'paused', 'broken')", sched_id)
        if row is None:
            raise ItemNotFound(f"There is no schedule {sched_id}, or it has ended.")
        return row
