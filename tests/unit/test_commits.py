"""Commits for many: one transaction for all who wait, each with its own outcome."""

from __future__ import annotations

import signal
import sqlite3
import threading

import pytest

from raa.db.connection import Database
from raa.testing.console import wait_for


@pytest.fixture
def numbers(tmp_path):
    database = Database(tmp_path / "numbers.db")
    database.run(lambda session: session.execute("CREATE TABLE number (n INTEGER UNIQUE)"))
    yield database
    database.close()


def add(database: Database, n: int) -> int:
    return database.run(lambda session: session.insert("INSERT INTO number VALUES (?)", n))


def stored(database: Database) -> list[int]:
    with database.read() as session:
        return [row["n"] for row in session.rows("SELECT n FROM number ORDER BY n")]


def held_up(database: Database, works: int) -> list[threading.Thread]:
    """Have so many threads wait behind a transaction, so that the next commit is for all of them."""
    outcomes: list[threading.Thread] = []
    with database.write() as session:
        session.execute("INSERT INTO number VALUES (-1)")
        for n in range(works):
            thread = threading.Thread(target=lambda n=n: _quietly(database, n))
            thread.start()
            outcomes.append(thread)
        wait_for(lambda: len(database._commits._queue) == works, 10, "all to wait")
    return outcomes


def _quietly(database: Database, n: int) -> None:
    try:
        add(database, n if n % 3 else -1)
    except sqlite3.IntegrityError:
        refused.append(n)


refused: list[int] = []


def test_those_who_wait_share_a_transaction_and_a_refused_one_harms_no_other(numbers) -> None:
    refused.clear()
    commits = []
    shipped = numbers._commits._commit

    def counted():
        batch = shipped()
        if batch:
            commits.append(len(batch))
        return batch

    numbers._commits._commit = counted
    for thread in held_up(numbers, 9):
        thread.join(10)

    assert stored(numbers) == [-1, 1, 2, 4, 5, 7, 8]
    assert sorted(refused) == [0, 3, 6]
    assert commits == [9]


def test_what_nobody_waits_for_is_committed_soon_and_told(numbers) -> None:
    told = []
    numbers.soon(lambda session: session.insert("INSERT INTO number VALUES (7)"), lambda *outcome: told.append(outcome))
    numbers.soon(lambda session: session.insert("INSERT INTO number VALUES (7)"), lambda *outcome: told.append(outcome))
    wait_for(lambda: len(told) == 2, 10, "both to be told")

    assert stored(numbers) == [7]
    assert told[0][1] is None
    assert isinstance(told[1][1], sqlite3.IntegrityError)


def test_a_later_write_is_never_on_the_disk_before_an_earlier_one(numbers) -> None:
    for n in range(200):
        numbers.soon(lambda session, n=n: session.insert("INSERT INTO number VALUES (?)", n), lambda *_: None)
        add(numbers, 1000 + n)
        assert n in stored(numbers)


def test_a_work_inside_a_transaction_joins_it(numbers) -> None:
    def half() -> None:
        with numbers.write():
            add(numbers, 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert stored(numbers) == []


def test_closing_commits_what_lies_and_ends_the_thread(tmp_path, numbers) -> None:
    numbers.soon(lambda session: session.insert("INSERT INTO number VALUES (5)"), lambda *_: None)
    thread = numbers._commits._lingerer
    assert thread.is_alive()
    numbers.close()

    assert not thread.is_alive()
    again = Database(tmp_path / "numbers.db")
    assert stored(again) == [5]
    again.close()


def test_what_comes_after_the_closing_is_committed_at_once_and_starts_no_thread(numbers) -> None:
    numbers.soon(lambda session: session.insert("INSERT INTO number VALUES (1)"), lambda *_: None)
    numbers.close()
    told = []

    numbers.soon(lambda session: session.insert("INSERT INTO number VALUES (2)"), lambda *outcome: told.append(outcome))

    assert told == [(2, None)]
    assert numbers._commits._lingerer is None
    assert stored(numbers) == [1, 2]


def test_those_who_wait_are_told_also_when_rolling_back_fails_and_nobody_is_kept_out(numbers, caplog) -> None:
    class Failing:
        """A connection whose disk is gone in the middle of a transaction."""

        def __init__(self) -> None:
            self.raw = shipped()

        def __getattr__(self, name: str) -> object:
            return getattr(self.raw, name)

        def execute(self, sql: str, *args: object) -> object:
            if sql in ("COMMIT", "ROLLBACK"):
                raise sqlite3.OperationalError(f"disk I/O error at {sql}")
            return self.raw.execute(sql, *args)

    shipped, numbers._commits._connect = numbers._commits._connect, Failing
    with pytest.raises(sqlite3.OperationalError, match="at COMMIT"):
        add(numbers, 2)

    assert "could not be rolled back" in caplog.text
    numbers._commits._connect = shipped
    other = threading.Thread(target=add, args=(numbers, 3))
    other.start()
    other.join(10)
    assert not other.is_alive(), "what was left open does not keep it out"
    assert stored(numbers) == [3]


def test_who_is_done_waits_for_no_further_commit(numbers) -> None:
    go, ended = [threading.Event() for _ in range(3)], []
    threads = []

    def begin(name: str, gate: threading.Event | None, waiting: int) -> None:
        def work(session) -> None:
            if gate is not None:
                assert gate.wait(10)

        def call() -> None:
            numbers.run(work)
            ended.append(name)

        threads.append(threading.Thread(target=call))
        threads[-1].start()
        wait_for(lambda: len(numbers._commits._queue) == waiting, 10, f"{name} to wait")

    begin("first", go[0], 0)
    begin("leads the second", go[1], 1)
    begin("goes with it", None, 2)
    go[0].set()
    wait_for(lambda: not numbers._commits._queue, 10, "the second commit to begin")
    begin("third", go[2], 1)
    go[1].set()

    wait_for(lambda: "goes with it" in ended, 10, "who is done to go on while the third goes on")
    assert "third" not in ended
    go[2].set()
    for thread in threads:
        thread.join(10)
    assert len(ended) == 4


def test_who_hears_of_a_write_may_write(numbers) -> None:
    heard = []
    numbers.soon(lambda session: 1, lambda result, error: heard.append(add(numbers, 5)))

    wait_for(lambda: heard, 10, "the word")
    assert stored(numbers) == [5]


def test_a_failure_of_the_file_is_told_to_whom_it_may_concern_and_ends_nothing(numbers, tmp_path) -> None:
    heard = []
    shipped = numbers._commits._connect

    def broken():
        raise sqlite3.OperationalError("disk I/O error")

    numbers._commits._connect = broken
    numbers.soon(lambda session: 1, lambda result, error: heard.append(error))
    wait_for(lambda: heard, 10, "the word")
    with pytest.raises(sqlite3.OperationalError, match="disk I/O"):
        add(numbers, 1)
    numbers._commits._connect = shipped
    numbers.soon(lambda session: 2, lambda result, error: heard.append(result))
    wait_for(lambda: heard[1:] == [2], 10, "the thread to go on")
    assert add(numbers, 3)
    assert stored(numbers) == [3]


def test_who_is_interrupted_while_waiting_holds_up_nobody(numbers) -> None:
    go = threading.Event()
    first = threading.Thread(target=lambda: numbers.run(lambda session: go.wait(10)))
    first.start()
    wait_for(lambda: not numbers._commits._queue, 10, "the first commit")
    timer = threading.Timer(0.2, signal.pthread_kill, [threading.main_thread().ident, signal.SIGUSR1])

    def interrupt(*_args: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            add(numbers, 1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    go.set()
    first.join(10)

    assert add(numbers, 2)
    assert stored(numbers)[-1] == 2
