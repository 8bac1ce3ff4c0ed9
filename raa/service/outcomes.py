"""What a run came to: its value, or the error that ended it."""

from __future__ import annotations

from typing import Any

from raa import values
from raa.constants import UNFINISHED
from raa.db.history import History
from raa.protocols import Values
from raa.rpath_error import DeadlineExceeded, OperationFailed, RemoteError, from_wire


def recorded(history: History, exec_id: int) -> Any:
    """Return a finished run's value as the ledger has it, or raise what ended it.

    Raises `DeadlineExceeded` for a run that has not ended and `ItemNotFound` for one that there is not.
    """
    row = history.outcome(exec_id)
    if row is None:
        return history.execution(exec_id)  # raises that there is none
    if row["state"] in UNFINISHED:
        raise DeadlineExceeded(f"Run {exec_id} has not ended.")
    return outcome(
        row["state"],
        values.stored(row["result"]) if row["result"] else None,
        values.stored(row["error"]) if row["error"] else None,
    )


def outcome(state: str, value: Any, error: Values | None) -> Any:
    """Return a finished run's value, or raise what ended it."""
    if error is not None:
        raise from_wire(error)
    if state in ("succeeded", "warnings"):
        return value
    raise OperationFailed(f"The run ended as {state}.")


def explain(error: Values | None) -> str:
    """Return the sentence that a page shows for an error as it crossed."""
    if not error:
        return ""
    shown = from_wire(error)
    if isinstance(shown, RemoteError) and shown.original and shown.original != str(shown):
        return f"{shown.original}: {shown}"
    return str(shown)
