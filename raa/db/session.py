"""Session: statements on one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]


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

    def insert_new(self, sql: str, *args: Any) -> int:
        """Run an INSERT OR IGNORE and return the new row's id, 0 if there was one already."""
        cursor = self._raw.execute(sql, args)
        return int(cursor.lastrowid or 0) if cursor.rowcount > 0 else 0

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
