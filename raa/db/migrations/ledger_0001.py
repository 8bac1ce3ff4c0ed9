"""Ledger, version 1: schedules, occurrences, executions, events, users, sessions, audit."""

from raa.db.connection import Session

STATEMENTS = (
    "CREATE TABLE task (id INTEGER PRIMARY KEY AUTOINCREMENT, plugin TEXT NOT NULL UNIQUE)",
    """CREATE TABLE schedule (id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER NOT NULL REFERENCES task(id),
       method TEXT NOT NULL, args TEXT NOT NULL, kind TEXT NOT NULL, rule TEXT NOT NULL, policy TEXT NOT NULL,
       state TEXT NOT NULL, next_due REAL, created REAL NOT NULL, created_by TEXT NOT NULL,
       resource TEXT NOT NULL, timeout REAL)""",
    # the scheduler's only question is min(next_due): the index holds just the rows that can be due
    "CREATE INDEX schedule_due ON schedule (next_due) WHERE next_due IS NOT NULL",
    "CREATE INDEX schedule_task ON schedule (task_id, state)",
    """CREATE TABLE occurrence (id INTEGER PRIMARY KEY AUTOINCREMENT,
       schedule_id INTEGER NOT NULL REFERENCES schedule(id), due REAL NOT NULL, kind TEXT NOT NULL,
       state TEXT NOT NULL, reason TEXT NOT NULL, UNIQUE (schedule_id, due))""",
    """CREATE TABLE execution (id INTEGER PRIMARY KEY AUTOINCREMENT,
       occurrence_id INTEGER NOT NULL REFERENCES occurrence(id),
       schedule_id INTEGER NOT NULL REFERENCES schedule(id), task_id INTEGER NOT NULL REFERENCES task(id),
       attempt INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, queued REAL NOT NULL, started REAL,
       ended REAL, percent INTEGER, message TEXT NOT NULL, result TEXT, error TEXT, started_by TEXT NOT NULL,
       worker TEXT NOT NULL, progress TEXT NOT NULL)""",
    "CREATE INDEX execution_open ON execution (state) WHERE state IN ('queued', 'running', 'cancelling')",
    "CREATE INDEX execution_schedule ON execution (schedule_id)",
    """CREATE TABLE event (execution_id INTEGER NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL,
       body TEXT NOT NULL, PRIMARY KEY (execution_id, seq)) WITHOUT ROWID""",
    """CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
       password_hash TEXT NOT NULL, roles TEXT NOT NULL, generation INTEGER NOT NULL, created REAL NOT NULL)""",
    """CREATE TABLE login_session (id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL UNIQUE,
       user_id INTEGER NOT NULL REFERENCES account(id) ON DELETE CASCADE, generation INTEGER NOT NULL,
       created REAL NOT NULL, seen REAL NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL)""",
    """CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, who TEXT NOT NULL,
       address TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, outcome TEXT NOT NULL)""",
    "CREATE TABLE setting (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
)


def upgrade(session: Session) -> None:
    """Make the tables of version 1."""
    for statement in STATEMENTS:
        session.execute(statement)
