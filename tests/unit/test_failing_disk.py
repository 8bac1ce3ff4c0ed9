"""A disk that fails at a commit: the caller gets a sentence, nothing is half written, and it goes on afterwards."""

from __future__ import annotations

import gc
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disks import failing_disk

from raa.db.connection import Database, Session
from raa.db.failures import failure
from raa.db.tables import User
from raa.rpath_error import OperationFailed
from raa.testing.console import wait_for


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "some.db")
    with opened.write() as session:
        session.execute("CREATE TABLE number (n INTEGER UNIQUE)")
        User.createTable(connection=session.orm)
    yield opened
    opened.close()


def add(session: Session, n: int) -> None:
    session.execute("INSERT INTO number VALUES (?)", n)


def by_write(database: Database, n: int) -> None:
    with database.write() as session:
        add(session, n)


def by_run(database: Database, n: int) -> None:
    database.run(lambda session: add(session, n))


def by_orm(database: Database, n: int) -> None:
    with database.write() as session:
        User(connection=session.orm, name=str(n), passwordHash="", roles="", generation=1, created=0.0)
        add(session, n)


def by_soon(database: Database, n: int) -> None:
    told: list[BaseException | None] = []
    database.soon(lambda session: add(session, n), lambda _result, error: told.append(error))
    wait_for(lambda: told, 10, "the outcome")
    if told[0] is not None:
        raise told[0]


def stored(database: Database) -> list[int]:
    with database.read() as session:
        return [row["n"] for row in session.rows("SELECT n FROM number ORDER BY n")]


@pytest.mark.parametrize("put", [by_write, by_run, by_orm, by_soon])
def test_a_write_that_the_disk_refuses_is_told_in_a_sentence_and_works_afterwards(
    database: Database, put: Callable[[Database, int], None]
) -> None:
    put(database, 1)
    with failing_disk(), pytest.raises(OperationFailed, match=r"some\.db cannot be used \(.*\): .*try again\.$"):
        put(database, 2)

    assert stored(database) == [1]
    put(database, 2)
    assert stored(database) == [1, 2]


def test_a_disk_that_fails_keeps_out_no_other_thread(database: Database) -> None:
    with failing_disk(), pytest.raises(OperationFailed):
        by_write(database, 1)

    other = threading.Thread(target=by_run, args=(database, 2))
    other.start()
    other.join(10)
    assert stored(database) == [2]


def test_a_commit_that_failed_undoes_nothing_when_it_is_collected_later(database: Database) -> None:
    """SQLObject rolls back a transaction that nobody ended once it is collected, in whatever the thread is at then."""
    with failing_disk(), pytest.raises(OperationFailed) as raised:
        by_write(database, 1)

    with database.write() as session:
        add(session, 2)
        del raised
        gc.collect()
        add(session, 3)

    assert stored(database) == [2, 3]


def test_a_roll_back_that_fails_keeps_out_no_other_thread(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    class Gone(Exception):
        """Raised inside the transaction."""

    def refused() -> None:
        with database.write() as session:
            add(session, 1)
            session.orm._connection = Deaf()
            raise Gone

    class Deaf:
        """A connection whose disk is gone: it cannot even roll back."""

        def rollback(self) -> None:
            raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(Gone):
        refused()

    assert "could not be rolled back" in caplog.text
    other = threading.Thread(target=by_run, args=(database, 2))
    other.start()
    other.join(10)
    assert not other.is_alive()
    assert stored(database) == [2]


def test_a_statement_that_is_wrong_is_no_failing_machine(database: Database) -> None:
    by_run(database, 1)

    for put in (by_run, by_write):
        with pytest.raises(sqlite3.IntegrityError):
            put(database, 1)
    with pytest.raises(sqlite3.OperationalError, match="no such table"), database.read() as session:
        session.value("SELECT 1 FROM absent")
    assert failure(ValueError("x"), database.path) is None
