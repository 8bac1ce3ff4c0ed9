"""One database: SQLObject's connection with our pragmas, and transactions that see what they read.

SQLite's own default loses acknowledged rows at a power cut, and Python opens a transaction only at the first write.
So every connection runs WAL with synchronous=FULL, and every `write()` begins with BEGIN IMMEDIATE.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlobject import dberrors
from sqlobject.sqlite.sqliteconnection import SQLiteConnection

from raa.rpath_error import OperationFailed

Row = dict[str, Any]
#: seconds that a statement waits for another process's lock
BUSY = 5.0
_PRAGMAS = (
    "journal_mode=wal",
    "synchronous=full",
    "busy_timeout=5000",
    "foreign_keys=on",
    "cache_size=-512",
)


def _factory(module: Any) -> type[sqlite3.Connection]:
    class Connection(module.Connection):  # type: ignore[misc]
        """A connection with our pragmas; `synchronous` is not stored in the file, so each one sets it."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            for pragma in _PRAGMAS:
                self.execute("PRAGMA " + pragma)

    return Connection


class _Kept:
    """A thread's connection; closed as soon as the thread has ended, not when the collector comes by."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        self.connection.close()


class _Connections(SQLiteConnection):  # type: ignore[misc]
    """SQLObject on one SQLite connection a thread, whoever asks; it goes with its thread.

    SQLObject's own pool opens a further one for a select inside a block that already holds the thread's, never closes
    it, and looks through all threads at every turn.
    """

    def __init__(self, path: str) -> None:
        self._mine = threading.local()
        super().__init__(path, factory=_factory, timeout=BUSY)

    def getConnection(self) -> sqlite3.Connection:
        kept: _Kept | None = getattr(self._mine, "kept", None)
        if kept is None:
            kept = self._mine.kept = _Kept(self.makeConnection())
        return kept.connection

    def releaseConnection(self, conn: sqlite3.Connection, explicit: bool = False) -> None:
        """Keep it for the thread's next statement; outside transactions every statement commits itself."""

    def close(self) -> None:
        """Close this thread's connection; the others close with their threads."""
        if hasattr(self._mine, "kept"):
            del self._mine.kept


class Session:
    """Statements on one connection; inside `write()` it is one transaction. `orm` is what SQLObject classes take."""

    def __init__(self, raw: sqlite3.Connection, orm: Any) -> None:
        self._raw = raw
        self.orm = orm
        #: called after the commit, in order
        self.after: list[Callable[[], None]] = []

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        """Run one statement with `?` placeholders."""
        return self._raw.execute(sql, args)

    def insert(self, sql: str, *args: Any) -> int:
        """Run an INSERT and return the new row's id."""
        return int(self._raw.execute(sql, args).lastrowid or 0)

    def changed(self, sql: str, *args: Any) -> int:
        """Run an UPDATE or DELETE and return how many rows it changed."""
        return self._raw.execute(sql, args).rowcount

    def rows(self, sql: str, *args: Any) -> list[Row]:
        """Return all rows as dicts."""
        cursor = self._raw.execute(sql, args)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def row(self, sql: str, *args: Any) -> Row | None:
        """Return the first row as a dict, or None."""
        cursor = self._raw.execute(sql, args)
        found = cursor.fetchone()
        if found is None:
            return None
        return dict(zip([column[0] for column in cursor.description], found, strict=True))

    def value(self, sql: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        found = self._raw.execute(sql, args).fetchone()
        return None if found is None else found[0]


class Database:
    """A SQLite file opened through SQLObject; safe to use from any thread of this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._orm = _Connections(str(path))
        self._lock = threading.RLock()
        self._local = threading.local()
        try:
            with self.read() as session:
                session.value("SELECT count(*) FROM sqlite_master")
        except (sqlite3.DatabaseError, dberrors.Error) as error:
            raise OperationFailed(
                f"{path} cannot be opened as a database ({error}); "
                "put back a copy (the newest .copy file beside it) or move it away to start anew"
            ) from None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give statements outside any transaction of ours; inside `write()` the same thread gets that transaction."""
        current: Session | None = getattr(self._local, "session", None)
        if current is not None:
            yield current
            return
        yield Session(self._orm.getConnection(), self._orm)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give one transaction: committed (synced) at the end of the block, rolled back if it raises.

        A nested `write()` joins the outer one. One process lock stands before SQLite's, whose waiting is by sleeping.
        """
        current: Session | None = getattr(self._local, "session", None)
        if current is not None:
            yield current
            return
        with self._lock:
            transaction = self._orm.transaction()
            raw: sqlite3.Connection = transaction._connection
            session = Session(raw, transaction)
            try:
                raw.execute("BEGIN IMMEDIATE")
                self._local.session = session
                yield session
            except BaseException:
                self._local.session = None
                transaction.rollback()
                raise
            self._local.session = None
            transaction.commit(close=True)
        for call in session.after:
            call()

    @property
    def writing(self) -> bool:
        """Tell whether this thread is inside `write()`."""
        return getattr(self._local, "session", None) is not None

    def close(self) -> None:
        """Close this thread's connection and forget the others."""
        self._orm.close()
