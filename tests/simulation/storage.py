"""SQLite under the simulator: the shipped database, with faults at its commits and power cuts that forget."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raa.db import connection, migrations
from raa.db.connection import Database

#: told before a statement that begins or ends a transaction, and after its end; raises to make it fail
Fault = Callable[[str], None]


class Crash(BaseException):
    """The process ends here and now."""


def _factory(fault: Fault, sizes: list[int], path: Path) -> Callable[[Any], type[sqlite3.Connection]]:
    shipped = connection._factory
    log = Path(f"{path}-wal")

    def make(module: Any) -> type[sqlite3.Connection]:
        base = shipped(module)

        class Connection(base):  # type: ignore[valid-type,misc]
            def execute(self, sql: str, *args: Any) -> Any:
                if sql == "BEGIN IMMEDIATE":
                    fault("begin")
                elif sql == "COMMIT":
                    return self._ended(lambda: super(Connection, self).execute(sql))
                return super().execute(sql, *args)

            def commit(self) -> None:
                if self.in_transaction:
                    self._ended(super().commit)

            def _ended(self, commit: Callable[[], Any]) -> Any:
                fault("commit")
                sizes.append(log.stat().st_size if log.exists() else 0)
                done = commit()
                fault("committed")
                return done

        return Connection

    return make


class Disk:
    """One ledger's file through crashes and power cuts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = 0
        self.path = folder / "ledger.0.db"
        self.fault: Fault = lambda _point: None
        self._sizes: list[int] = []
        self._opened: list[Database] = []
        self.database: Database | None = None

    def open(self) -> Database:
        """Open the file as a new process does; what lies in memory only is committed by `flush` alone."""
        self._sizes = []
        shipped = connection._factory
        connection._factory = _factory(lambda point: self.fault(point), self._sizes, self.path)
        try:
            database = Database(self.path)
            for raw in (database._orm.getConnection(), database._connect_writer()):
                raw.execute("PRAGMA wal_autocheckpoint=0")
        finally:
            connection._factory = shipped
        database._commits._waiting = _NoThread()  # the world says when what lies is committed
        database._commits._lingerer = _NoThread()
        if not self._turn:
            migrations.migrate(database, migrations.LEDGER)
        self.database = database
        self._opened.append(database)
        return database

    def close(self) -> None:
        """Close what all processes have opened, once the seed is over."""
        for database in self._opened:
            database._drop_writer()
            database._orm.close()

    def flush(self, database: Database) -> None:
        """Commit what lies."""
        if database._commits._queue:
            database.run(lambda _session: None)

    def crash(self, power: bool) -> None:
        """End the process; with `power` what was not synced is gone as well."""
        assert self.database is not None
        raw = self.database._orm.getConnection()
        for one in (raw, self.database._connect_writer()):
            if one.in_transaction:
                sqlite3.Connection.rollback(one)
        synced = raw.execute("PRAGMA synchronous").fetchone()[0] >= 2
        self._turn += 1
        if power and not synced and self._sizes:
            new = self._folder / f"ledger.{self._turn}.db"
            shutil.copy(self.path, new)
            shutil.copy(f"{self.path}-wal", f"{new}-wal")
            with Path(f"{new}-wal").open("r+b") as log:
                log.truncate(self._sizes[-min(3, len(self._sizes))])
            self.path = new
        # not closed: a process that is killed tidies nothing up, and SQLite's own closing would


class _NoThread:
    """In the place of the thread that commits what lies."""

    def __enter__(self) -> None: ...
    def __exit__(self, *_args: object) -> None: ...
    def notify(self) -> None: ...
    def join(self) -> None: ...
