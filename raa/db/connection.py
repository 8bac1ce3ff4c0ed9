"""One database: SQLObject's connection with our pragmas, and transactions that see what they read.

SQLite's own default loses acknowledged rows at a power cut, and Python opens a transaction only at the first write.
So every connection runs WAL with synchronous=FULL, and every `write()` begins with BEGIN IMMEDIATE.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlobject import dberrors
from sqlobject.sqlite.sqliteconnection import SQLiteConnection

from raa.db.commits import Commits, Then
from raa.db.failures import failure, read_only, unopened
from raa.db.session import Row, Session

__all__ = ["BUSY", "Database", "Row", "Session"]
log = logging.getLogger("raa.db")
T = TypeVar("T")
#: seconds that a statement waits for another process's lock; that process may be frozen for a while
BUSY = 30.0
_PRAGMAS = (
    "journal_mode=wal",
    "synchronous=full",
    f"busy_timeout={BUSY * 1000:.0f}",
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
        with suppress(sqlite3.ProgrammingError):  # as the process ends another thread clears up, and SQLite objects
            self.connection.close()


class _Connections(SQLiteConnection):  # type: ignore[misc]
    """SQLObject on one SQLite connection a thread, whoever asks; it goes with its thread.

    SQLObject's own pool opens a further one for a select inside a block that already holds the thread's, never closes
    it, and looks through all threads at every turn.
    """

    def __init__(self, path: str) -> None:
        self._mine = threading.local()
        super().__init__(path, factory=_factory, timeout=BUSY, check_same_thread=False)

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


class Database:
    """A SQLite file opened through SQLObject; safe to use from any thread of this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._orm = _Connections(str(path))
        self._lock = threading.RLock()
        self._writer: _Kept | None = None
        self._commits = Commits(self._lock, self._connect_writer, self._drop_writer)
        self._local = threading.local()
        try:
            Session(self._orm.getConnection(), self._orm).value("SELECT count(*) FROM sqlite_master")
        except (sqlite3.DatabaseError, dberrors.Error) as error:
            self._orm.close()
            raise unopened(error, path) from None

    def _connect_writer(self) -> sqlite3.Connection:
        """Return the connection of all shared commits, for a thread that holds the lock.

        SQLite drops all that a connection has read as soon as another one writes: with one a thread, each commit would
        read its pages anew.
        """
        if self._writer is None:
            self._writer = _Kept(self._orm.makeConnection())
        return self._writer.connection

    def _drop_writer(self) -> None:
        self._writer = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give statements outside any transaction of ours; inside `write()` the same thread gets that transaction."""
        current: Session | None = getattr(self._local, "session", None)
        if current is not None:
            yield current
            return
        with self._telling():
            yield Session(self._orm.getConnection(), self._orm)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Have an error that the machine is to blame for raised as `OperationFailed`, which says what to look at."""
        try:
            yield
        except (sqlite3.Error, dberrors.Error) as error:
            failed = failure(error, self.path)
            if failed is None:
                raise
            if read_only(error):
                self._orm.close()
            raise failed from error

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give one transaction: committed (synced) at the end of the block, rolled back if it raises.

        A nested `write()` joins the outer one. One process lock stands before SQLite's, whose waiting is by sleeping.
        """
        current: Session | None = getattr(self._local, "session", None)
        if current is not None:
            yield current
            return
        with self._lock, self._telling():
            transaction = self._orm.transaction()
            raw: sqlite3.Connection = transaction._connection
            session = Session(raw, transaction)
            try:
                raw.execute("BEGIN IMMEDIATE")
                self._local.session = session
                yield session
                self._local.session = None
                transaction.commit(close=True)
            except BaseException:
                self._local.session = None
                self._undo(transaction)
                raise
        for call in session.after:
            call()

    def _undo(self, transaction: Any) -> None:
        """Roll back; where that fails, the connection goes, since what it has open would keep out all others.

        SQLObject rolls back what was not ended when it is collected, which may be in the midst of the thread's next
        transaction; so there must be nothing left to end.
        """
        try:
            transaction.rollback()
        except Exception:
            log.exception("a transaction could not be rolled back; its connection is closed")
            transaction._obsolete = True
            self._orm.close()

    def run(self, work: Callable[[Session], T]) -> T:
        """Carry out a work of plain SQL in a transaction that others may share, synced once for all; see `Commits`.

        Inside `write()` it joins that transaction.
        """
        current: Session | None = getattr(self._local, "session", None)
        if current is not None:
            return work(current)
        with self._telling():
            return self._commits.run(work)

    def soon(self, work: Callable[[Session], T], then: Then) -> None:
        """Carry out a work with the next commit, within milliseconds; `then(result, error)` hears of it."""

        def told(result: Any, error: BaseException | None) -> None:
            then(result, error and (failure(error, self.path) or error))

        self._commits.soon(work, told)

    def give_way(self) -> None:
        """Let a commit that is being prepared get on before the caller does; see `Commits.give_way`."""
        self._commits.give_way()

    @property
    def writing(self) -> bool:
        """Tell whether this thread is inside `write()`."""
        return getattr(self._local, "session", None) is not None

    def close(self) -> None:
        """Commit what lies, close this thread's connection and forget the others."""
        self._commits.close()
        with self._lock:
            self._writer = None
        self._orm.close()
