"""Plugin properties: typed keys and values in plugins.db, as SQLObject rows."""

from __future__ import annotations

from typing import Any

from raa import values
from raa.db.connection import Database
from raa.db.data import RDT_BOOL, RDT_INT, RDT_JSON, RDT_STRING
from raa.db.tables import Property
from raa.rpath_error import InvalidInput


class Properties:
    """One plugin's properties."""

    def __init__(self, database: Database, plugin: str) -> None:
        self.database = database
        self.plugin = plugin

    def get(self, key: str, default: Any = None) -> Any:
        # by placeholders: SQLObject writes values into the statement, and that cannot hold every text
        with self.database.read() as session:
            text = session.value("SELECT text FROM property WHERE plugin=? AND name=?", self.plugin, key)
        return default if text is None else values.stored(text)

    def set(self, key: str, value: Any, kind: int | None = None) -> None:
        """Store a value under a key; the type is guessed where none is given."""
        kind = _guess(value) if kind is None else kind
        text = _encode(key, value, kind)
        with self.database.write() as session:
            session.execute(
                "INSERT INTO property (plugin, name, kind, text) VALUES (?,?,?,?) "
                "ON CONFLICT (plugin, name) DO UPDATE SET kind=excluded.kind, text=excluded.text",
                self.plugin,
                key,
                kind,
                text,
            )

    def delete(self, key: str) -> bool:
        with self.database.write() as session:
            return bool(session.changed("DELETE FROM property WHERE plugin=? AND name=?", self.plugin, key))

    def all(self) -> dict[str, Any]:
        with self.database.read() as session:
            found = list(Property.select(Property.q.plugin == self.plugin, connection=session.orm))
        return {row.name: values.stored(row.text) for row in found}


def _guess(value: Any) -> int:
    if isinstance(value, bool):
        return RDT_BOOL
    if isinstance(value, int):
        return RDT_INT
    return RDT_STRING if isinstance(value, str) else RDT_JSON


def _encode(key: str, value: Any, kind: int) -> str:
    wanted = {RDT_BOOL: (bool, int), RDT_INT: (int,), RDT_STRING: (str,)}.get(kind)
    if wanted and not isinstance(value, wanted):
        raise InvalidInput(f"property {key} is of another type: {value!r}")
    if kind == RDT_BOOL:
        value = bool(value)
    return values.to_json(value)
