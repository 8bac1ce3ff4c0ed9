"""Plugin data, version 1: properties, and which version each plugin table has."""

from raa.db.connection import Session

STATEMENTS = (
    """CREATE TABLE property (id INTEGER PRIMARY KEY AUTOINCREMENT, plugin TEXT NOT NULL, name TEXT NOT NULL,
       kind INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (plugin, name))""",
    "CREATE TABLE plugin_table (name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE notice (id INTEGER PRIMARY KEY AUTOINCREMENT, plugin TEXT NOT NULL, level TEXT NOT NULL,
       text TEXT NOT NULL, at REAL NOT NULL, exec_id INTEGER NOT NULL, UNIQUE (plugin))""",
)


def upgrade(session: Session) -> None:
    """Make the tables of version 1."""
    for statement in STATEMENTS:
        session.execute(statement)
