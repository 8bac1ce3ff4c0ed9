"""Numbered steps that bring a database to the current shape; before the first step the file is copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from raa.db.connection import Database, Session
from raa.db.copying import copy_database
from raa.db.migrations import ledger_0001, ledger_0002, ledger_0003, plugins_0001
from raa.rpath_error import StateTooNew

Step = Callable[[Session], None]
LEDGER: Sequence[Step] = (ledger_0001.upgrade, ledger_0002.upgrade, ledger_0003.upgrade)
PLUGINS: Sequence[Step] = (plugins_0001.upgrade,)


def migrate(database: Database, steps: Sequence[Step]) -> int:
    """Apply the missing steps in one transaction and return the version reached.

    A database that already holds rows is copied to `NAME.vN.copy` first. Raises `StateTooNew` for a version above ours.
    """
    version = version_of(database, steps)
    if version == len(steps):
        return version
    if version:
        copy = database.path.with_name(f"{database.path.name}.v{version}.copy")
        copy_database(database.path, copy)
    with database.write() as session:
        session.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)")
        for number, step in enumerate(steps[version:], version + 1):
            step(session)
            session.execute("INSERT INTO schema_version VALUES (?)", number)
    return len(steps)


def version_of(database: Database, steps: Sequence[Step]) -> int:
    """Return the version of a database, 0 for an empty one; raises `StateTooNew` for one above ours."""
    with database.read() as session:
        present = session.value("SELECT count(*) FROM sqlite_master WHERE name='schema_version'")
        version = int(session.value("SELECT max(version) FROM schema_version") or 0) if present else 0
    if version > len(steps):
        raise StateTooNew(
            f"{database.path} has version {version} and this raa knows {len(steps)}: start the newer raa that "
            "wrote it, "
            f"or put back the copy that its upgrade left beside it ({database.path.name}.v{len(steps)}.copy)"
        )
    return version
