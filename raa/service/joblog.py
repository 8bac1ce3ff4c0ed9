"""What is kept of a run's log: up to a number of bytes in the ledger, and all of it in a file where one is configured.

A run may print as much as it likes. Beyond the limit lines are counted and dropped, warnings and errors have a tenth
of the limit to themselves, and the last lines come back at the end, after a line that says how much is missing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from raa.protocols import Values

log = logging.getLogger("raa.service")

#: what a line costs beside its text, in bytes: its row in the ledger
ROW = 50
#: characters of one line
LINE = 10_000
#: lines kept from the end of a log that was cut, and characters of each
TAIL, TAIL_LINE = 100, 1_000
Event = tuple[float, str, Values]


@dataclass(frozen=True, slots=True)
class Logs:
    """Where whole logs are written (None: nowhere), and how much of one at most."""

    folder: Path | None = None
    file_limit: int = 1_000_000_000

    def of(self, exec_id: int, limit: int) -> JobLog:
        """Return the log of a run of which so many bytes are kept."""
        return JobLog(self, exec_id, limit)

    def path(self, exec_id: int) -> Path | None:
        """Return where a run's whole log is written."""
        return self.folder / f"job-{exec_id}.log" if self.folder else None

    def forget(self, exec_ids: Sequence[int]) -> None:
        """Remove the files of runs that history no longer knows."""
        for exec_id in exec_ids:
            path = self.path(exec_id)
            if path is not None:
                path.unlink(missing_ok=True)


class JobLog:
    """One run's log while it is open; methods return the events to be recorded."""

    def __init__(self, logs: Logs, exec_id: int, limit: int) -> None:
        self._logs = logs
        self._path = logs.path(exec_id)
        self._limit = self._left = limit
        self._spare = limit // 10
        self._cut = False
        self._dropped = [0, 0]
        self._tail: deque[tuple[float, str, str]] = deque(maxlen=TAIL)
        self._file: TextIO | None = None
        self._written = 0
        self._closed = False

    def line(self, at: float, level: str, text: str) -> list[Event]:
        """Take a line; returns it, shortened perhaps, or what says that the log is cut here, or nothing."""
        if self._closed:
            return []
        if self._path is not None:
            self._write(self._path, at, level, text)
        if len(text) > LINE:
            text = text[:LINE] + "… (the rest of this line was cut)"
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        cost = size + ROW
        if not self._cut and cost <= self._left:
            self._left -= cost
            return [_event(at, level, text)]
        told: list[Event] = []
        if not self._cut:
            self._cut = True
            told.append(_event(at, "cut", self._sentence()))
        if level in ("warning", "error") and cost <= self._spare:
            self._spare -= cost
            return [*told, _event(at, level, text)]
        self._drop(size)
        self._tail.append((at, level, text[:TAIL_LINE]))
        return told

    def printed(self, at: float, lines: Sequence[bytes]) -> list[Event]:
        """Take lines that the method printed; of a flood that is dropped anyway only the end is looked at."""
        if self._cut and self._path is None and len(lines) > TAIL:
            for line in lines[:-TAIL]:
                self._drop(len(line))
            lines = lines[-TAIL:]
        return [
            event for line in lines if line
            for event in self.line(at, "output", line.decode("utf-8", "backslashreplace"))
        ]  # fmt: skip

    def flush(self) -> None:
        """Have what was written to the file be there for readers."""
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                self._give_up(error)

    def close(self, at: float) -> list[Event]:
        """End the log; returns what is missing from it and its last lines."""
        if self._closed:
            return []
        self._closed = True
        self.flush()
        if self._file is not None:
            self._file.close()
        lines, size = self._dropped[0] - len(self._tail), self._dropped[1]
        if not self._tail:
            return []
        kept = [_event(then, level, text) for then, level, text in self._tail]
        if lines <= 0:
            return kept
        missing = f"{lines:,} lines ({size:,} bytes with those below) are left out here. The last {len(kept)} follow."
        return [_event(at, "cut", missing), *kept]

    def _drop(self, size: int) -> None:
        self._dropped[0] += 1
        self._dropped[1] += size + 1

    def _sentence(self) -> str:
        where = f" The whole log is in {self._path}." if self._path is not None else ""
        return f"The log is cut here, at {self._limit:,} bytes (service.log_bytes).{where}"

    def _write(self, path: Path, at: float, level: str, text: str) -> None:
        moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        line = f"{moment} {level}: {text}\n"
        if self._written >= self._logs.file_limit:
            return
        self._written += len(line)
        if self._written >= self._logs.file_limit:
            line = f"{moment} cut: this file ends here (service.log_file_bytes)\n"
        try:
            if self._file is None:
                path.touch(0o600)
                self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
            self._file.write(line)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Go on without the file: a full disk for logs is no reason to end a run."""
        log.error("%s cannot be written: %s; the rest of this run's log is not in it", self._path, error.strerror)
        self._path = None
        self._written = self._logs.file_limit


def _event(at: float, level: str, text: str) -> Event:
    return at, "log", {"level": level, "text": text}
