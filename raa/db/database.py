"""Plugin tables: `DatabaseTable` with `readOp` and `writeOp`, on plugins.db, in the classic form."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

from raa.db.connection import Database, Row, Session
from raa.identity import require_write
from raa.rpath_error import ConfigurationError, OperationFailed

F = TypeVar("F", bound=Callable[..., Any])


class Cursor:
    """The cursor that operations get: `execute(sql, a, b)` with `?` placeholders, then fetch."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cursor: Any = None

    def execute(self, sql: str, *args: Any) -> Cursor:
        """Run a statement; the values may also come as one tuple or list."""
        if len(args) == 1 and isinstance(args[0], (tuple, list)):
            args = tuple(args[0])
        if sql.lstrip()[:6].upper() != "SELECT":
            require_write("A table write")
        self._cursor = self._session.execute(sql, *args)
        return self

    @property
    def lastrowid(self) -> int:
        return int(self._cursor.lastrowid)

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        return list(self._cursor.fetchall())

    def fetchone_dict(self) -> Row | None:
        row = self._cursor.fetchone()
        return None if row is None else dict(zip(self._names(), row, strict=True))

    def fetchall_dict(self) -> list[Row]:
        names = self._names()
        return [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]

    def _names(self) -> Sequence[str]:
        return [column[0] for column in self._cursor.description]


class PluginDatabase:
    """plugins.db as plugins see it (`pluginProperties.db`, `self.db`): cursor, transaction, commit, rollback."""

    def __init__(self, database: Database, on_commit: Callable[[], None]) -> None:
        self.database = database
        self._on_commit = on_commit
        self._local = threading.local()

    @property
    def tables(self) -> dict[str, list[str]]:
        with self.database.read() as session:
            rows = session.rows("SELECT name FROM sqlite_master WHERE type='table'")
        return {row["name"]: [] for row in rows}

    def transaction(self) -> Cursor:
        """Begin a write transaction, or go on with the open one."""
        require_write("A table write")
        stack: ExitStack | None = getattr(self._local, "stack", None)
        if stack is None:
            stack = ExitStack()
            self._local.session = stack.enter_context(self.database.write())
            self._local.stack = stack
        return Cursor(self._local.session)

    def cursor(self) -> Cursor:
        """Return a cursor; outside a transaction it begins one, which `commit` ends."""
        return self.transaction()

    def commit(self) -> None:
        """Commit the open transaction, then arm what was scheduled with commit=False."""
        stack: ExitStack | None = getattr(self._local, "stack", None)
        if stack is not None:
            self._local.stack = None
            stack.close()
        self._on_commit()

    def rollback(self) -> None:
        """Undo the open transaction, if there is one."""
        stack: ExitStack | None = getattr(self._local, "stack", None)
        if stack is not None:
            self._local.stack = None
            error = OperationFailed("rolled back")
            try:
                stack.__exit__(OperationFailed, error, None)
            except OperationFailed as raised:
                if raised is not error:
                    raise


class DatabaseTable:
    """A plugin's own table: set `name` and `createSQL`; raise `tableVersion` and define `upgrade` to change it."""

    name = ""
    createSQL = ""
    fields: Sequence[str] = ()
    tableVersion = 1

    def __init__(self, db: PluginDatabase) -> None:
        self.db = db
        self._create()

    def upgrade(self, cu: Cursor, version: int) -> None:
        """Bring the table from an older version to `tableVersion`; inside one transaction with the version's record."""
        raise ConfigurationError(
            f"table {self.name} is of version {version} and the plugin has {self.tableVersion} but no upgrade()"
        )

    def _create(self) -> None:
        if not self.name.replace("_", "").isalnum() or not self.createSQL:
            raise ConfigurationError(f"{type(self).__name__} needs `name` (letters, digits, _) and `createSQL`")
        with self.db.database.write() as session:
            found = session.value("SELECT version FROM plugin_table WHERE name=?", self.name)
            if found is None:
                session.execute(self.createSQL)
            elif found < self.tableVersion:
                self.upgrade(Cursor(session), found)
            elif found > self.tableVersion:
                raise OperationFailed(f"table {self.name} was written by a newer version ({found}) of the plugin")
            session.execute("INSERT OR REPLACE INTO plugin_table VALUES (?,?)", self.name, self.tableVersion)


def readOp(method: F) -> F:
    """Wrap `method(self, cu, ...)` so that callers omit the cursor; it reads."""

    @functools.wraps(method)
    def wrapper(self: DatabaseTable, *args: Any, **kwargs: Any) -> Any:
        with self.db.database.read() as session:
            return method(self, Cursor(session), *args, **kwargs)

    return wrapper  # type: ignore[return-value]


def writeOp(method: F) -> F:
    """Wrap `method(self, cu, ...)`: one transaction, committed when the method returns, rolled back when it raises."""

    @functools.wraps(method)
    def wrapper(self: DatabaseTable, *args: Any, **kwargs: Any) -> Any:
        require_write("A table write")
        with self.db.database.write() as session:
            return method(self, Cursor(session), *args, **kwargs)

    return wrapper  # type: ignore[return-value]
