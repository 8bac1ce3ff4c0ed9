"""Ledger, version 2: when a queued run may begin, how many occurrences a row stands for, counted runs, notes."""

from raa.db.connection import Session

STATEMENTS = (
    # counted when they are queued: a schedule with a maximum must not count years of executions at every firing
    "ALTER TABLE schedule ADD COLUMN runs INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE schedule ADD COLUMN note TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE occurrence ADD COLUMN covers INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE execution ADD COLUMN not_before REAL NOT NULL DEFAULT 0",
    """UPDATE schedule SET runs = (SELECT count(*) FROM occurrence o WHERE o.schedule_id = schedule.id
       AND o.kind = 'scheduled' AND o.state NOT IN ('missed', 'skipped', 'merged'))""",
    """CREATE INDEX execution_unfinished ON execution (schedule_id)
       WHERE state IN ('queued', 'running', 'cancelling')""",
    "CREATE INDEX execution_occurrence ON execution (occurrence_id)",
)


def upgrade(session: Session) -> None:
    """Bring the tables of version 1 to version 2."""
    for statement in STATEMENTS:
        session.execute(statement)
