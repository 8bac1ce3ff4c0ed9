"""What a failing machine looks like from a database, and the sentence that tells it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from raa.rpath_error import OperationFailed

_HELD = "another process holds it; end that one, or try again later"
_DAMAGED = "it is damaged; stop raa and put back a copy (the newest .copy file beside it or one from a backup)"
_HINTS = {
    sqlite3.SQLITE_FULL: "the disk is full; make room on it and try again",
    sqlite3.SQLITE_IOERR: "see whether the disk is full (df) or failing (dmesg), and try again",
    sqlite3.SQLITE_READONLY: "see whether its disk is mounted read-only, and to the rights of the file; then try again",
    sqlite3.SQLITE_CANTOPEN: "see to the rights of its folder and to the limit of open files; then try again",
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_PROTOCOL: _HELD,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
_NO_DATABASE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: BaseException) -> int:
    """Return SQLite's primary result code; an error of SQLObject's has it in what it was raised from."""
    found = (getattr(one, "sqlite_errorcode", 0) for one in (error, error.__context__))
    return next(filter(None, found), 0) & 0xFF


def read_only(error: BaseException) -> bool:
    """Tell whether a connection is of no more use for writing: SQLite opens one so if it fails to open it for both."""
    return _code(error) == sqlite3.SQLITE_READONLY


def failure(error: BaseException, path: Path) -> OperationFailed | None:
    """Return what to raise for an error if the machine is to blame for it, None if the statement or its values are."""
    hint = _HINTS.get(_code(error))
    return OperationFailed(f"{path} cannot be used ({error}): {hint}.") if hint else None


def unopened(error: BaseException, path: Path) -> OperationFailed:
    """Return what to raise when a file cannot be opened as a database."""
    failed = None if _code(error) in _NO_DATABASE else failure(error, path)
    return failed or OperationFailed(
        f"{path} cannot be opened as a database ({error}); "
        "put back a copy (the newest .copy file beside it) or move it away to start anew"
    )
