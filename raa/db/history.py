"""The ledger's reads: what is scheduled, what runs, what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from raa import values
from raa.constants import STATES, TASK_SCHEDULED
from raa.db.connection import Database, Row
from raa.planning.policy import Policy
from raa.planning.rule import Rule
from raa.protocols import Values
from raa.rpath_error import ItemNotFound, RaaError

_EXECUTION = (
    "SELECT e.id AS exec_id, e.schedule_id, t.plugin, s.method, s.args, s.kind, s.created_by, o.due, "
    "o.kind AS run_kind, "
    "e.attempt, e.state, e.reason, e.queued, e.started, e.ended, e.percent, e.message, e.error, e.started_by, "
    "e.progress, e.not_before, s.resource "
    "FROM execution e JOIN schedule s ON s.id = e.schedule_id JOIN task t ON t.id = e.task_id "
    "JOIN occurrence o ON o.id = e.occurrence_id "
)
_SCHEDULE = (
    "SELECT s.id, s.task_id, t.plugin, s.method, s.args, s.kind, s.rule, s.policy, s.state, s.next_due, s.created, "
    "s.created_by, s.resource, s.timeout, s.runs, s.note FROM schedule s JOIN task t ON t.id = s.task_id "
)


#: epoch seconds that a datetime can hold, and more than any schedule has
_LATEST = 2.5e11
_DUE = (
    "SELECT s.id, s.task_id, t.plugin, s.method, s.args, s.rule, s.policy, s.next_due, s.resource, s.timeout, s.runs, "
    "(SELECT count(*) FROM execution e WHERE e.schedule_id=s.id AND e.ended IS NULL) AS unfinished "
    "FROM schedule s JOIN task t ON t.id = s.task_id WHERE s.next_due <= ? AND s.state='armed' "
    "ORDER BY s.next_due, s.id LIMIT ?"
)


class History:
    """Reads of ledger.db as plain values; times are epoch seconds."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def schedules(self, plugin: str = "") -> list[Values]:
        """Return the live schedules that will run by time, of one plugin or of all, by id."""
        with self.database.read() as session:
            rows = session.rows(
                _SCHEDULE
                + "WHERE s.state IN ('armed', 'reserved', 'paused', 'broken') AND (?='' OR t.plugin=?) ORDER BY s.id",
                plugin,
                plugin,
            )
        return [_schedule(row) for row in rows]

    def find_schedules(
        self, plugins: Sequence[str] | None = None, *, waiting: bool = False, limit: int, offset: int = 0
    ) -> list[Values]:
        """Return some live schedules by id, of these plugins (None: all); with `waiting` by due time those due next."""
        where, args = "s.state IN ('armed', 'paused', 'broken')", list[Any]()
        if waiting:
            where = "s.state='armed' AND s.next_due IS NOT NULL"
        if plugins is not None:
            where += f" AND t.plugin IN ({','.join('?' * len(plugins))})"
            args += plugins
        order = "s.next_due, s.id" if waiting else "s.id"
        with self.database.read() as session:
            rows = session.rows(f"{_SCHEDULE}WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?", *args, limit, offset)
        return [_schedule(row) for row in rows]

    def schedule(self, sched_id: int) -> Values:
        """Return one schedule, live or not; raises `ItemNotFound`."""
        with self.database.read() as session:
            row = session.row(_SCHEDULE + "WHERE s.id=?", sched_id)
        if row is None:
            raise ItemNotFound(f"There is no schedule {sched_id}.")
        return _schedule(row)

    def due(self, now: float, limit: int = 200) -> list[Row]:
        """Return rows of schedules due by `now`, earliest first, each with its count of `unfinished` runs."""
        with self.database.read() as session:
            return session.rows(_DUE, now, limit)

    def next_due(self) -> float | None:
        """Return the earliest due time of all; a row whose due time is no number is passed over."""
        with self.database.read() as session:
            # numbers sort before everything else but NULL, so the first is one unless there is none
            found = session.value("SELECT next_due FROM schedule WHERE next_due IS NOT NULL ORDER BY next_due LIMIT 1")
        return float(found) if isinstance(found, int | float) else None

    def unusable(self) -> list[int]:
        """Return the armed schedules whose due time is no number, which would otherwise never be looked at again."""
        with self.database.read() as session:
            rows = session.rows(
                "SELECT id FROM schedule WHERE next_due > 9e999 AND next_due IS NOT NULL AND state='armed'"
            )
        return [row["id"] for row in rows]

    def open_executions(self) -> list[Row]:
        """Return schedule rows joined with their unfinished executions, in due order."""
        with self.database.read() as session:
            return session.rows(
                "SELECT s.id, s.task_id, t.plugin, s.method, s.args, s.resource, s.timeout, s.policy, "
                "e.id AS exec_id, o.due, e.attempt, e.not_before, "
                "o.kind AS run_kind, e.state, e.started, e.started_by, e.worker FROM execution e "
                "JOIN schedule s ON s.id = e.schedule_id JOIN task t ON t.id = e.task_id "
                "JOIN occurrence o ON o.id = e.occurrence_id WHERE e.ended IS NULL ORDER BY o.due, e.id"
            )

    def execution(self, exec_id: int) -> Values:
        """Return one execution; raises `ItemNotFound`."""
        with self.database.read() as session:
            row = session.row(_EXECUTION + "WHERE e.id=?", exec_id)
        if row is None:
            raise ItemNotFound(f"There is no run {exec_id}.")
        return _execution(row)

    def executions(
        self,
        *,
        plugin: str = "",
        sched_id: int = 0,
        ids: Sequence[int] = (),
        open_only: bool = False,
        calls: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Values]:
        """Return executions, newest first, of `ids` alone if there are any; calls are left out unless asked for."""
        where, args = ["1=1"], list[Any]()
        if plugin:
            where.append("t.plugin=?")
            args.append(plugin)
        if sched_id:
            where.append("e.schedule_id=?")
            args.append(str(sched_id))
        if ids:
            where.append(f"e.id IN ({','.join('?' * len(ids))})")
            args += ids
        if open_only:
            where.append("e.ended IS NULL")
        if not calls:
            where.append("s.kind != 'call'")
        with self.database.read() as session:
            rows = session.rows(
                _EXECUTION + "WHERE " + " AND ".join(where) + " ORDER BY e.id DESC LIMIT ? OFFSET ?",
                *args,
                limit,
                offset,
            )
        return [_execution(row) for row in rows]

    def outcome(self, exec_id: int) -> Row | None:
        """Return state, result and error text of an execution."""
        with self.database.read() as session:
            return session.row("SELECT state, reason, message, result, error FROM execution WHERE id=?", exec_id)

    def status(self, sched_id: int) -> Values:
        """Return the latest execution of a schedule in the classic form; a schedule that has not run is `queued`."""
        with self.database.read() as session:
            row = session.row(_EXECUTION + "WHERE e.schedule_id=? ORDER BY e.id DESC LIMIT 1", sched_id)
        if row is not None:
            return _execution(row)
        schedule = self.schedule(sched_id)
        return {
            "schedId": sched_id,
            "execId": 0,
            "plugin": schedule["plugin"],
            "state": "queued",
            "status": TASK_SCHEDULED,
            "word": "Waiting",
            "statusmsg": "",
            "percent": 0,
        }

    def events(self, exec_id: int, after: int, limit: int) -> list[Values]:
        """Return events after a sequence number, oldest first: `{"seq", "at", "kind", "body"}`.

        A negative `after` means so many of the last ones.
        """
        with self.database.read() as session:
            if after < 0:
                after += int(session.value("SELECT max(seq) FROM event WHERE execution_id=?", exec_id) or 0)
            rows = session.rows(
                "SELECT seq, at, kind, body FROM event WHERE execution_id=? AND seq>? ORDER BY seq LIMIT ?",
                exec_id,
                after,
                limit,
            )
        return [{**row, "body": values.stored(row["body"])} for row in rows]


def _schedule(row: Row) -> Values:
    found: Values = {
        "schedId": row["id"], "plugin": row["plugin"], "method": row["method"], "kind": row["kind"],
        "state": row["state"], "next_due": row["next_due"], "created": row["created"],
        "created_by": row["created_by"], "resource": row["resource"], "timeout": row["timeout"], "note": row["note"],
        "enabled": row["state"] == "armed", "runs": row["runs"], "broken": "", "rule": {}, "policy": {},
    }  # fmt: skip
    try:
        found["rule"], found["policy"] = values.stored(row["rule"]), values.stored(row["policy"])
        Rule.from_values(found["rule"])
        Policy.from_values(found["policy"])
    except (RaaError, ValueError, TypeError, AttributeError) as error:
        found["broken"] = row["note"] or str(error)
    if not isinstance(row["next_due"], int | float | None) or not abs(row["next_due"] or 0) < _LATEST:
        found["next_due"], found["broken"] = None, row["note"] or "its next due time is no number"
    if not isinstance(row["next_due"], int | float | None):
        found["next_due"], found["broken"] = None, found["broken"] or "its next due time is no number"
    if row["state"] == "broken":
        found["broken"] = row["note"]
    return found


def _execution(row: Row) -> Values:
    status, word = STATES[row["state"]]
    return {
        "schedId": row["schedule_id"], "execId": row["exec_id"], "plugin": row["plugin"], "method": row["method"],
        "args": values.stored(row["args"]),
        "kind": row["run_kind"],
        "scheduled_kind": row["kind"], "state": row["state"], "status": status, "word": word, "reason": row["reason"],
        "statusmsg": row["message"] or row["reason"], "percent": row["percent"] or 0,
        "known_percent": row["percent"], "due": row["due"], "queued": row["queued"], "started": row["started"],
        "ended": row["ended"], "by": row["started_by"], "attempt": row["attempt"], "resource": row["resource"],
        "error": values.stored(row["error"]) if row["error"] else None, "begin": row["not_before"],
        "progress": values.stored(row["progress"]),
    }  # fmt: skip
