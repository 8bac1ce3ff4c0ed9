"""Commits for many: whoever waits for the disk while others come takes them along in the next transaction.

A commit with synchronous=FULL costs one wait for the disk however much is in it. The first thread to come leads: it
carries out all that is queued, commits once, wakes whose works these were, and has the first of those that came
meanwhile lead. Alone it costs no more than a transaction of its own, and no thread is changed. The order of coming is
the order in the file. Where a work raises, the transaction is rolled back and all of it carried out again with a
savepoint around each; so works must come to the same when they are repeated.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
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
#: seconds that works which nobody waits for may lie, at most twice that where commits come all the time, so that a
#: commit that comes anyway takes them along
LINGER = 0.003
#: where several threads commit again and again, whoever leads waits so many seconds, so often, for the others: they
#: have just been told of the last commit and have their next work ready within less than another commit takes
GATHER, TURNS = 0.0001, 2


class _Work:
    __slots__ = ("done", "error", "leads", "result", "then", "wake", "work")

    def __init__(self, work: Callable[[Session], Any], then: Then | None = None) -> None:
        self.work = work
        self.then = then
        self.done = False
        #: its thread is the one that commits
        self.leads = False
        self.result: Any = None
        self.error: BaseException | None = None
        #: who waits for it sleeps on this until it is done or to lead; None while nobody does
        self.wake: threading.Lock | None = None


class Commits:
    """Works on one database; `lock` keeps out its other writers.

    `connect` gives the connection to who holds the lock, `drop` closes it.
    """

    def __init__(
        self, lock: threading.RLock, connect: Callable[[], sqlite3.Connection], drop: Callable[[], None]
    ) -> None:
        self._lock = lock
        self._connect = connect
        self._drop = drop
        self._queue: deque[_Work] = deque()
        #: guards the queue and who leads
        self._mutex = threading.Lock()
        self._led = False
        #: commits made, or tried
        self._made = 0
        #: threads that waited for one commit lately
        self._crowd = 0
        self._waiting = threading.Condition(threading.Lock())
        self._lingerer: threading.Thread | None = None
        self._closed = threading.Event()
        #: held while works are carried out, not while the disk is waited for
        self._statements = threading.Lock()

    def run(self, work: Callable[[Session], T]) -> T:
        """Carry out a work and return its result once it is on the disk; raises what it raised, rolled back."""
        mine = _Work(work)
        self._wait_for(mine)
        if mine.error is not None:
            raise mine.error
        return mine.result  # type: ignore[no-any-return]

    def _wait_for(self, mine: _Work) -> None:
        with self._mutex:
            self._queue.append(mine)
            mine.leads = not self._led
            self._led = True
            if not mine.leads:
                mine.wake = threading.Lock()
                mine.wake.acquire()
        if mine.wake is not None:
            self._sleep(mine, mine.wake)
        if mine.leads:
            self._lead(mine)

    def _sleep(self, mine: _Work, wake: threading.Lock) -> None:
        try:
            wake.acquire()
        except BaseException:  # a signal's handler raised; nobody must be waited for who has gone
            with self._mutex:
                mine.wake = None
                leads, mine.leads = mine.leads, False
            if leads:
                self._hand_over()
            raise

    def _lead(self, mine: _Work) -> None:
        """Commit until the work is done, let the next one lead, and then tell those who left word."""
        told: list[_Work] = []
        try:
            while not mine.done:
                for _ in range(TURNS):
                    if self._crowd > len(self._queue):
                        time.sleep(GATHER)
                with self._lock:
                    told += self._commit()
        finally:
            self._hand_over()
        for one in told:
            if one.then is not None:
                try:
                    one.then(one.result, one.error)
                except Exception:
                    log.exception("a write was committed, and who was to hear of it failed")

    def _hand_over(self) -> None:
        with self._mutex:
            following = next((one for one in self._queue if one.wake is not None), None)
            self._led = following is not None
            if following is not None and following.wake is not None:
                following.leads = True
                following.wake.release()

    def give_way(self) -> None:
        """Let the statements of a transaction be made before the caller goes on; it may hold no lock.

        Each statement hands over the interpreter, so a thread with much to do would take turns with them one by one,
        instead of working while the disk is waited for.
        """
        with self._statements:
            pass

    def soon(self, work: Callable[[Session], T], then: Then) -> None:
        """Have a work carried out with the next commit, in milliseconds at the latest; `then(result, error)` hears.

        After `close` it is carried out before this returns.
        """
        with self._mutex:
            self._queue.append(_Work(work, then))
        with self._waiting:
            closed = self._closed.is_set()
            if self._lingerer is None and not closed:
                self._lingerer = threading.Thread(target=self._linger, name="raa-commits", daemon=True)
                self._lingerer.start()
            self._waiting.notify()
        if closed:
            self._commit_rest()

    def _linger(self) -> None:
        while True:
            with self._waiting:
                while not self._queue and not self._closed.is_set():
                    self._waiting.wait()
            made = self._made
            self._closed.wait(LINGER)
            if made == self._made or self._closed.is_set():  # else what lay there went, and this has come since
                self._commit_rest()
            if self._closed.is_set() and not self._queue:
                return

    def _commit_rest(self) -> None:
        if self._queue:
            self._wait_for(_Work(lambda _: None))  # for the others' sake, who are told of errors

    def close(self) -> None:
        """Commit what lies and end the thread, for good."""
        with self._waiting:
            self._closed.set()
            lingerer, self._lingerer = self._lingerer, None
            self._waiting.notify_all()
        if lingerer is not None:
            lingerer.join()

    def _commit(self) -> list[_Work]:
        """Carry out what is queued in one transaction; the lock is held. Returns the works, each with its outcome."""
        with self._mutex:
            batch = [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]
            self._made += 1
        self._crowd = max(sum(one.wake is not None for one in batch), self._crowd * 3 // 4)
        try:
            raw = self._connect()
        except BaseException as error:  # noqa: BLE001 - each who waits raises it
            _fail(batch, error)
        else:
            try:
                _together(raw, batch, self._statements)
            except BaseException as error:  # noqa: BLE001 - each who waits raises it
                _fail(batch, error)
                self._roll_back(raw, error)
        with self._mutex:
            for one in batch:
                one.done = True
                if one.wake is not None and not one.leads:
                    one.wake.release()
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


def _together(raw: sqlite3.Connection, batch: list[_Work], statements: threading.Lock) -> None:
    """Carry out works in one transaction, with savepoints if it does not go without; raises what fails them all."""
    session = Session(raw, None)
    raw.execute("BEGIN IMMEDIATE")
    try:
        with statements:
            for one in batch:
                one.result = one.work(session)
    except sqlite3.OperationalError:
        raise  # the disk or the file: it would fail for all
    except BaseException:  # noqa: BLE001 - found again below, with whose it is
        raw.execute("ROLLBACK")
        raw.execute("BEGIN IMMEDIATE")
        for one in batch:
            _inside(raw, session, one)
    raw.execute("COMMIT")


def _fail(batch: list[_Work], error: BaseException) -> None:
    for one in batch:
        one.result, one.error = None, one.error or error


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
