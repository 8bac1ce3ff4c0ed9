"""One database: durable on every connection, and transactions that see what they read."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from raa.db.connection import Database, Session
from raa.db.tables import User
from raa.rpath_error import OperationFailed

THREADS, TURNS = 4, 25


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "some.db")
    with opened.write() as session:
        session.execute("CREATE TABLE counter (n INTEGER NOT NULL)")
        session.execute("INSERT INTO counter VALUES (0)")
    yield opened
    opened.close()


def value(database: Database) -> int:
    with database.read() as session:
        return session.value("SELECT n FROM counter")


def in_threads(work: Callable[[], None], count: int = THREADS) -> list[BaseException]:
    """Run something in several threads at once and return what was raised."""
    raised: list[BaseException] = []
    start = threading.Barrier(count)

    def body() -> None:
        try:
            start.wait(10)
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    threads = [threading.Thread(target=body) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


class Broken(Exception):
    """Raised by `broken` at the end of its transaction."""


def broken(database: Database, work: Callable[[Session], object]) -> None:
    with database.write() as session:
        work(session)
        raise Broken


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def pragmas(session: Session) -> dict[str, object]:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    return {name: session.value(f"PRAGMA {name}") for name in names}


DURABLE = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_every_connection_of_every_thread_is_durable(database):
    found = []

    def look() -> None:
        with database.read() as session:
            found.append(pragmas(session))
            found.append({name: session.orm.queryOne(f"PRAGMA {name}")[0] for name in DURABLE})
        with database.write() as session:
            found.append(pragmas(session))

    assert in_threads(look) == []
    assert found == [DURABLE] * 3 * THREADS


def test_a_connection_that_is_not_ours_is_seen_not_to_be_durable(database):
    """The control: SQLite keeps these settings a connection, so the check notices one without them."""
    plain = sqlite3.connect(database.path)
    plain.execute("PRAGMA synchronous=normal")

    assert pragmas(Session(plain, None)) == {**DURABLE, "synchronous": 1, "foreign_keys": 0, "busy_timeout": 5000}
    plain.close()


def test_no_increment_is_lost_between_threads(database):
    def count() -> None:
        for _ in range(TURNS):
            with database.write() as session:
                n = session.value("SELECT n FROM counter")
                session.execute("UPDATE counter SET n=?", n + 1)

    assert in_threads(count) == []
    assert value(database) == THREADS * TURNS


def test_increments_are_lost_where_read_and_write_are_two_transactions(database):
    """The control: the same work without the isolation loses most of them."""
    step = threading.Barrier(THREADS)

    def count() -> None:
        for _ in range(TURNS):
            n = value(database)
            step.wait(10)
            with database.write() as session:
                session.execute("UPDATE counter SET n=?", n + 1)
            step.wait(10)

    assert in_threads(count) == []
    assert value(database) < THREADS * TURNS


def test_a_block_that_raises_leaves_nothing_and_does_not_hold_the_lock(database):
    with pytest.raises(Broken):
        broken(database, lambda session: session.execute("UPDATE counter SET n=5"))

    assert value(database) == 0
    assert not database.writing
    assert in_threads(lambda: _set(database, 7), 1) == []
    assert value(database) == 7


def _set(database: Database, n: int) -> None:
    with database.write() as session:
        session.execute("UPDATE counter SET n=?", n)


def test_a_nested_write_joins_the_outer_one(database):
    inside = []

    def nested(session: Session) -> None:
        _set(database, 1)
        inside.append((value(database), database.writing))

    with pytest.raises(Broken):
        broken(database, nested)

    assert inside == [(1, True)]
    assert (value(database), database.writing) == (0, False)


def test_others_see_a_change_only_after_its_commit(database):
    seen = []

    with database.write() as session:
        session.execute("UPDATE counter SET n=9")
        assert in_threads(lambda: seen.append(value(database)), 1) == []

    assert (seen, value(database)) == ([0], 9)


def test_what_is_to_follow_a_commit_follows_it_and_only_it(database):
    seen: list[int] = []

    with database.write() as session:
        session.execute("UPDATE counter SET n=3")
        session.after.append(lambda: seen.append(value(database)))
    with pytest.raises(Broken):
        broken(database, lambda session: session.after.append(lambda: seen.append(99)))

    assert seen == [3]


def test_sqlobject_and_plain_statements_share_one_transaction(database):
    with database.write() as session:
        User.createTable(connection=session.orm)
    seen = []

    def add(session: Session) -> None:
        User(connection=session.orm, name="x", passwordHash="", roles="", generation=1, created=0.0)
        seen.append(session.value("SELECT count(*) FROM account"))

    with pytest.raises(Broken):
        broken(database, add)

    assert seen == [1]
    with database.read() as session:
        assert User.select(connection=session.orm).count() == session.value("SELECT count(*) FROM account") == 0


def test_descriptors_do_not_grow_with_reads_nor_with_threads_that_have_ended(database):
    with database.write() as session:
        User.createTable(connection=session.orm)

    def use() -> None:
        with database.read() as session:
            list(User.select(connection=session.orm))
        _set(database, 1)

    use()
    before = descriptors()
    for _ in range(50):
        use()
        assert in_threads(use, 1) == []

    assert descriptors() <= before + 4


@pytest.mark.parametrize("damage", ["garbage", "header", "folder"])
def test_a_file_that_is_no_database_is_refused_with_what_to_do(tmp_path, damage):
    path = tmp_path / "ledger.db"
    opened = Database(path)
    with opened.write() as session:
        session.execute("CREATE TABLE t (a)")
    opened.close()
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"no database " * 500 if damage == "garbage" else content[:100] + os.urandom(3996))

    with pytest.raises(OperationFailed, match=r"ledger\.db cannot be opened .*put back a copy"):
        Database(path)
