"""Copy a live SQLite database; kept apart from `connection` so that a worker need not load SQLObject for it."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

BUSY = 10.0


def copy_database(source: Path, target: Path) -> None:
    """Copy `source` to `target` by SQLite's backup API: consistent, complete, one file (no WAL), synced.

    Raises sqlite3.Error when the source is no database, OSError when the target cannot be written.
    """
    live = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=BUSY)
    copy = sqlite3.connect(target)
    try:
        live.backup(copy, pages=4096)
        copy.execute("PRAGMA journal_mode=delete")
    finally:
        copy.close()
        live.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())
