"""The list of jobs: every occurrence with its latest attempt, those that never ran included, filtered and paged."""

from __future__ import annotations

from typing import Any

from raa.constants import STATES
from raa.db.connection import Database, Row
from raa.protocols import Values

#: what the page's choice of results means in states
RESULTS = {
    "running": ("queued", "running", "cancelling"),
    "good": ("succeeded", "warnings"),
    "bad": ("failed", "timed_out", "interrupted"),
    "cancelled": ("cancelled",),
    "notrun": ("missed", "skipped", "merged"),
}
#: rows of a month's results at most
MOST_RESULTS = 20_000

_SELECT = (
    "SELECT o.id AS occurrence, o.due, o.kind, o.state AS o_state, o.reason AS o_reason, t.plugin, s.method, "
    "s.id AS sched_id, e.id AS exec_id, e.attempt, e.state, e.reason, e.queued, e.started, e.ended, e.message, "
    "e.started_by FROM occurrence o JOIN schedule s ON s.id = o.schedule_id JOIN task t ON t.id = s.task_id "
    "LEFT JOIN execution e ON e.occurrence_id = o.id WHERE "
)
_ORDER = " ORDER BY COALESCE(e.queued, o.due) DESC, o.id DESC, e.id DESC LIMIT ? OFFSET ?"


class JobList:
    """Reads of ledger.db for lists; calls are left out."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def jobs(self, filters: Values, limit: int, offset: int) -> list[Values]:
        """Return jobs, newest first; filters: `plugins` (list), `plugin`, `result`, `who`, `since`, `until` (epoch)."""
        where, args = ["s.kind != 'call'"], list[Any]()
        plugins = filters.get("plugins")
        if plugins is not None:
            where.append(f"t.plugin IN ({','.join('?' * len(plugins))})")
            args += plugins
        for name, column in (("plugin", "t.plugin"), ("who", "COALESCE(e.started_by, 'schedule')")):
            if filters.get(name):
                where.append(f"{column}=?")
                args.append(filters[name])
        states = RESULTS.get(filters.get("result", ""))
        if states:
            where.append(f"COALESCE(e.state, o.state) IN ({','.join('?' * len(states))})")
            args += states
        for name, sign in (("since", ">="), ("until", "<")):
            if filters.get(name) is not None:
                where.append(f"COALESCE(e.queued, o.due) {sign} ?")
                args.append(filters[name])
        with self._database.read() as session:
            rows = session.rows(
                _SELECT + " AND ".join(where) + _ORDER,
                *args,
                limit,
                offset,
            )  # fmt: skip
        return [_job(row) for row in rows]

    def attempts(self, exec_id: int) -> list[int]:
        """Return the ids of all attempts at the same occurrence, in order."""
        with self._database.read() as session:
            rows = session.rows(
                "SELECT id FROM execution "
                "WHERE occurrence_id=(SELECT occurrence_id FROM execution WHERE id=?) ORDER BY id",
                exec_id,
            )
        return [row["id"] for row in rows]

    def starters(self) -> list[str]:
        """Return who has started runs."""
        with self._database.read() as session:
            rows = session.rows("SELECT DISTINCT started_by FROM execution ORDER BY started_by")
        return [row["started_by"] for row in rows]

    def last_of(self, sched_id: int) -> Values | None:
        """Return the latest occurrence of a schedule, run or not."""
        with self._database.read() as session:
            row = session.row(
                "SELECT o.state, o.reason, o.due, (SELECT max(id) FROM execution WHERE occurrence_id=o.id) AS exec_id "
                "FROM occurrence o WHERE o.schedule_id=? ORDER BY o.due DESC LIMIT 1",
                sched_id,
            )
        if row is None:
            return None
        return {**row, "word": STATES[row["state"]][1], "exec_id": row["exec_id"] or 0}

    def occurrences(self, sched_id: int, limit: int) -> list[Values]:
        """Return a schedule's latest occurrences, run or not, newest first; a row stands for `covers` of them."""
        with self._database.read() as session:
            rows = session.rows(
                "SELECT o.due, o.kind, o.state, o.reason, o.covers, "
                "(SELECT max(id) FROM execution WHERE occurrence_id=o.id) AS exec_id, "
                "(SELECT count(*) FROM execution WHERE occurrence_id=o.id) AS attempts "
                "FROM occurrence o WHERE o.schedule_id=? ORDER BY o.due DESC LIMIT ?",
                sched_id,
                limit,
            )
        return [{**row, "word": STATES[row["state"]][1], "exec_id": row["exec_id"] or 0} for row in rows]

    def results(self, since: float, until: float, plugins: list[str] | None) -> list[Values]:
        """Count the occurrences of a stretch of time by plugin, method, state and quarter of an hour (`slot`).

        Quarters are what days of every zone are made of. Each row names the earliest due time and its schedule.
        """
        where, args = "", list[Any]()
        if plugins is not None:
            where = f"AND t.plugin IN ({','.join('?' * len(plugins))}) "
            args = list(plugins)
        with self._database.read() as session:
            return session.rows(
                "SELECT t.plugin, s.method, o.state, CAST(o.due / 900 AS INTEGER) AS slot, sum(o.covers) AS count, "
                "min(o.due) AS due, min(o.schedule_id) AS sched_id, "
                "(SELECT max(id) FROM execution WHERE occurrence_id=max(o.id)) AS exec_id "
                "FROM occurrence o JOIN schedule s ON s.id = o.schedule_id JOIN task t ON t.id = s.task_id "
                f"WHERE o.due >= ? AND o.due < ? AND s.kind != 'call' {where}"
                "GROUP BY t.plugin, s.method, o.state, slot ORDER BY slot LIMIT ?",
                since,
                until,
                *args,
                MOST_RESULTS,
            )


def _job(row: Row) -> Values:
    ran = row["exec_id"] is not None
    state = row["state"] if ran else row["o_state"]
    return {
        "execId": row["exec_id"] or 0, "schedId": row["sched_id"], "plugin": row["plugin"], "method": row["method"],
        "kind": row["kind"], "state": state, "word": STATES[state][1], "due": row["due"],
        "queued": row["queued"] if ran else row["due"], "started": row["started"], "ended": row["ended"],
        "by": row["started_by"] if ran else "schedule", "attempt": row["attempt"] or 0,
        "statusmsg": (row["message"] or row["reason"]) if ran else row["o_reason"],
    }  # fmt: skip
