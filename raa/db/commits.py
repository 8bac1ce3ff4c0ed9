"""Commits for many: whoever waits for the disk while others come takes them along in the next transaction.

A commit with synchronous=FULL costs one wait for the disk however much is in it. The first thread to come leads: it
carries out all that is queued, each work in a savepoint of its own, and commits once. Alone it costs no more than a
transaction of its own, and no thread is changed. The order of coming is the order in the file.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from raa.db.failures import read_only
from raa.db.session import Session

log = logging.getLogger("raa.db")
T = TypeVar("T")
Then = Callable[[Any, BaseException | None], None]

#: works in one transaction
MOST = 500
#: seconds that works which nobody waits for may lie, so that a commit that comes anyway takes them along
LINGER = 0.003


class _Work:
    __slots__ = ("done", "error", "result", "then", "work")

    def __init__(self, work: Callable[[Session], Any], then: Then | None = None) -> None:
        self.work = work
        self.then = then
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None


class Commits:
    """Works on one database; `lock` keeps out its other writers.

    `connect` gives the calling thread's connection, `drop` closes it.
    """

    def __init__(
        self, lock: threading.RLock, connect: Callable[[], sqlite3.Connection], drop: Callable[[], None]
    ) -> None:
        self._lock = lock
        self._connect = connect
        self._drop = drop
        self._queue: deque[_Work] = deque()
        self._waiting = threading.Condition(threading.Lock())
        self._lingerer: threading.Thread | None = None
        self._closed = False

    def run(self, work: Callable[[Session], T]) -> T:
        """Carry out a work and return its result once it is on the disk; raises what it raised, rolled back."""
        mine = _Work(work)
        self._queue.append(mine)
        while not mine.done:
            batch: list[_Work] = []
            with self._lock:
                if not mine.done:
                    batch = self._commit()
            self._tell(batch)
        if mine.error is not None:
            raise mine.error
        return mine.result  # type: ignore[no-any-return]

    def soon(self, work: Callable[[Session], T], then: Then) -> None:
        """Have a work carried out with the next commit, in milliseconds at the latest; `then(result, error)` hears.

        After `close` it is carried out before this returns.
        """
        self._queue.append(_Work(work, then))
        with self._waiting:
            closed = self._closed
            if self._lingerer is None and not closed:
                self._lingerer = threading.Thread(target=self._linger, name="raa-commits", daemon=True)
                self._lingerer.start()
            self._waiting.notify()
        if closed:
            with self._lock:
                batch = self._commit()
            self._tell(batch)

    def _linger(self) -> None:
        while True:
            with self._waiting:
                while not self._queue and not self._closed:
                    self._waiting.wait()
                if not self._closed:
                    self._waiting.wait_for(lambda: self._closed, LINGER)
            with self._lock:
                batch = self._commit()
            self._tell(batch)
            if self._closed and not self._queue:
                return

    def close(self) -> None:
        """Commit what lies and end the thread, for good."""
        with self._waiting:
            self._closed = True
            self._waiting.notify_all()
        if self._lingerer is not None:
            self._lingerer.join()
            self._lingerer = None

    def _commit(self) -> list[_Work]:
        """Carry out what is queued in one transaction; the lock is held. Returns the works, each with its outcome."""
        batch: list[_Work] = []
        while self._queue and len(batch) < MOST:
            batch.append(self._queue.popleft())
        if not batch:
            return batch
        raw = None
        try:
            raw = self._connect()
            session = Session(raw, None)
            raw.execute("BEGIN IMMEDIATE")
            for one in batch:
                if len(batch) == 1:
                    one.result = one.work(session)
                else:
                    _inside(raw, session, one)
            raw.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - each who waits raises it
            for one in batch:
                one.result, one.error = None, one.error or error
            if raw is not None:
                self._roll_back(raw, error)
        for one in batch:
            one.done = True
        return batch

    def _roll_back(self, raw: sqlite3.Connection, error: BaseException) -> None:
        """End a transaction that failed; where that fails, too, those who wait are told of the first failure.

        The connection goes then: what it has open would keep out all others.
        """
        try:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("a transaction could not be rolled back; its connection is closed")
            self._drop()
        if read_only(error):
            self._drop()

    def _tell(self, batch: list[_Work]) -> None:
        for one in batch:
            if one.then is not None:
                try:
                    one.then(one.result, one.error)
                except Exception:
                    log.exception("a write was committed, and who was to hear of it failed")


def _inside(raw: sqlite3.Connection, session: Session, one: _Work) -> None:
    raw.execute("SAVEPOINT work")
    try:
        one.result = one.work(session)
        raw.execute("RELEASE work")
    except sqlite3.OperationalError:
        raise  # the disk or the file: it would fail for all
    except BaseException as error:  # noqa: BLE001 - whoever came with it raises it
        raw.execute("ROLLBACK TO work")
        raw.execute("RELEASE work")
        one.error = error
