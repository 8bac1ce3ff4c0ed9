"""Notices of plugins for the dashboard: the last one of each, kept in plugins.db until it is resolved."""

from __future__ import annotations

from raa.db.connection import Database
from raa.protocols import Values


class Notices:
    """At most one notice a plugin; a new one replaces it, level "ok" removes it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def post(self, plugin: str, level: str, text: str, exec_id: int, now: float) -> None:
        with self.database.write() as session:
            session.execute("DELETE FROM notice WHERE plugin=?", plugin)
            if level != "ok":
                session.execute(
                    "INSERT INTO notice (plugin, level, text, at, exec_id) VALUES (?,?,?,?,?)",
                    plugin,
                    level,
                    text,
                    now,
                    exec_id,
                )

    def all(self) -> list[Values]:
        with self.database.read() as session:
            return session.rows("SELECT plugin, level, text, at, exec_id FROM notice ORDER BY level, at DESC")
