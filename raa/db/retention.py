"""How long history lasts: the oldest occurrences go, with their runs and events, by age, by count and by bytes.

What is unfinished stays, and so does the latest occurrence of every live schedule. Numbers are not used again: SQLite
keeps the highest one of each table apart from its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from raa.constants import UNFINISHED
from raa.db.connection import Database, Session

_OPEN = "('" + "', '".join(UNFINISHED) + "')"
_LIVE = "('armed', 'reserved', 'paused', 'broken')"
#: occurrences, and roughly the events, removed in one transaction: nobody who writes waits long for it
BATCH, EVENTS = 100, 5000
#: the newest ones stay however many bytes there are: something else must be filling the ledger
LEAST = 100
_ENDED = (
    f"o.state NOT IN {_OPEN} AND NOT EXISTS (SELECT 1 FROM execution e WHERE e.occurrence_id=o.id AND e.ended IS NULL) "
)
_OLDEST = (
    "SELECT o.id, (SELECT COALESCE(sum((SELECT COALESCE(max(seq), 0) FROM event WHERE execution_id=e.id)), 0) "
    "FROM execution e WHERE e.occurrence_id=o.id) AS events "
    "FROM occurrence o JOIN schedule s ON s.id = o.schedule_id "
    f"WHERE s.kind != 'call' AND {_ENDED} AND (s.state NOT IN {_LIVE} "
    "OR o.due < (SELECT max(due) FROM occurrence WHERE schedule_id=o.schedule_id)) "
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What history may come to; 0 is no limit."""

    days: float = 0
    count: int = 0
    bytes: int = 0


class Retention:
    """Prunes one ledger; `now` is epoch seconds, given by the caller."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self.database = database
        self.limits = limits

    def prune(self, now: float) -> tuple[int, list[int]]:
        """Remove one batch of the oldest; returns how many occurrences went, and their runs.

        It is 0 when all limits are kept. Call it until it returns 0; between two calls others get their turn to write.
        """
        limits = self.limits
        chosen: list[int] = []
        if limits.days:
            before = now - limits.days * 86_400
            chosen = self._oldest(
                "AND o.due < ? AND NOT EXISTS "
                "(SELECT 1 FROM execution e WHERE e.occurrence_id=o.id AND e.ended >= ?) ",
                BATCH, before, before,
            )  # fmt: skip
        if not chosen and limits.count and (over := self.count() - limits.count) > 0:
            chosen = self._oldest("", min(over, BATCH))
        if not chosen and limits.bytes and self.used() > limits.bytes:
            newest = "(SELECT id FROM occurrence ORDER BY id DESC LIMIT 1 OFFSET ?) "
            chosen = self._oldest(f"AND o.id <= {newest}", BATCH, LEAST)
        return self.database.run(lambda session: _remove(session, chosen)) if chosen else (0, [])

    def count(self) -> int:
        """Count the occurrences, calls left out."""
        with self.database.read() as session:
            return int(
                session.value(
                    "SELECT count(*) FROM occurrence o JOIN schedule s ON s.id = o.schedule_id WHERE s.kind != 'call'"
                )
            )

    def used(self) -> int:
        """Return the bytes of the ledger that are in use; the file may be larger, and what is free is used again."""
        with self.database.read() as session:
            pages = session.value("PRAGMA page_count") - session.value("PRAGMA freelist_count")
            return int(pages * session.value("PRAGMA page_size"))

    def _oldest(self, condition: str, most: int, *args: Any) -> list[int]:
        with self.database.read() as session:
            rows = session.rows(f"{_OLDEST}{condition}ORDER BY o.id LIMIT ?", *args, most)
        chosen, events = list[int](), 0
        for row in rows:
            events += row["events"]
            if chosen and events > EVENTS:
                break
            chosen.append(row["id"])
        return chosen


def _remove(session: Session, chosen: list[int]) -> tuple[int, list[int]]:
    """Remove occurrences with all that belongs to them, but none that is being tried again meanwhile."""
    gone, removed = list[int](), 0
    for occurrence in chosen:
        row = session.row(f"SELECT o.schedule_id FROM occurrence o WHERE o.id=? AND {_ENDED}", occurrence)
        if row is None:
            continue
        runs = [one["id"] for one in session.rows("SELECT id FROM execution WHERE occurrence_id=?", occurrence)]
        for exec_id in runs:
            session.execute("DELETE FROM event WHERE execution_id=?", exec_id)
        session.execute("DELETE FROM execution WHERE occurrence_id=?", occurrence)
        session.execute("DELETE FROM occurrence WHERE id=?", occurrence)
        session.execute(
            f"DELETE FROM schedule WHERE id=? AND state NOT IN {_LIVE} "
            "AND NOT EXISTS (SELECT 1 FROM occurrence WHERE schedule_id=schedule.id)",
            row["schedule_id"],
        )
        gone += runs
        removed += 1
    return removed, gone
