"""Many schedules at once, for measuring: copies of one that the ledger stored itself, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable

from raa import values
from raa.db.connection import Database
from raa.protocols import Values


def copy_schedule(database: Database, sched_id: int, copies: Iterable[tuple[list[object], Values, float]]) -> None:
    """Store a copy for each (arguments, rule's values, next due time); the schedule itself stays as it is.

    Every other column is taken over, whatever the migrations make of the table.
    """
    with database.write() as session:
        original = session.row("SELECT * FROM schedule WHERE id=?", sched_id) or {}
        names = [name for name in original if name not in ("id", "args", "rule", "next_due")]
        sql = (
            f"INSERT INTO schedule ({', '.join(names)}, args, rule, next_due) "
            f"SELECT {', '.join(names)}, ?, ?, ? FROM schedule WHERE id=?"
        )
        for args, rule, due in copies:
            session.execute(sql, values.to_json(args), values.to_json(rule), due, sched_id)
