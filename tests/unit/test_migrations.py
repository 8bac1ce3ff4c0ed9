"""Numbered steps: all or none, a copy first, and no step backwards."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from raa.app import open_ledger
from raa.db import migrations, tables
from raa.db.connection import Database, Session
from raa.db.ledger import Ledger
from raa.db.users import Users
from raa.protocols import Order
from raa.rpath_error import StateTooNew
from raa.testing.console import make_state

DATABASES = [(migrations.LEDGER, tables.LEDGER), (migrations.PLUGINS, tables.PLUGINS)]
KINDS = {"FloatCol": "REAL", "IntCol": "INTEGER", "StringCol": "TEXT"}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A ledger of the current version that holds a user."""
    return make_state(tmp_path / "state") / "ledger.db"


def add_column(session: Session) -> None:
    session.execute("ALTER TABLE account ADD COLUMN note TEXT")


def fail(session: Session) -> None:
    session.execute("DROP TABLE event")
    raise RuntimeError("step 3 fails")


def columns(path: Path, table: str) -> dict[str, tuple[str, bool]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as raw:
        found = {
            name: (kind, bool(notnull)) for _, name, kind, notnull, _, _ in raw.execute(f"PRAGMA table_info({table})")
        }
    raw.close()
    return found


def version(path: Path) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as raw:
        (found,) = raw.execute("SELECT max(version) FROM schema_version").fetchone()
    raw.close()
    return found


@pytest.mark.parametrize(("steps", "classes"), DATABASES, ids=["ledger", "plugins"])
def test_the_sqlobject_classes_match_the_migrated_columns(tmp_path, steps, classes):
    database = Database(tmp_path / "new.db")
    migrations.migrate(database, steps)
    database.close()

    for cls in classes:
        found = columns(tmp_path / "new.db", cls.sqlmeta.table)
        assert found.pop("id")[0] == "INTEGER"
        declared = {
            column.dbName: (KINDS[type(column).__name__.removeprefix("SO")], bool(column.notNone))
            for column in cls.sqlmeta.columnList
        }
        assert found == declared, cls.__name__


def test_a_column_too_many_would_be_noticed(ledger):
    """The control: a step that the classes do not know of makes the comparison above fail."""
    database = Database(ledger)
    migrations.migrate(database, [*migrations.LEDGER, add_column])
    database.close()

    assert "note" in columns(ledger, "account")
    assert "note" not in {column.dbName for column in tables.User.sqlmeta.columnList}


def test_a_new_database_gets_all_steps_and_needs_no_copy(tmp_path):
    database = Database(tmp_path / "new.db")

    assert migrations.migrate(database, migrations.LEDGER) == len(migrations.LEDGER)
    assert migrations.migrate(database, migrations.LEDGER) == len(migrations.LEDGER)
    database.close()
    assert list(tmp_path.glob("*.copy")) == []


def test_a_database_with_rows_is_copied_whole_before_a_further_step(ledger):
    old = len(migrations.LEDGER)
    database = Database(ledger)

    assert migrations.migrate(database, [*migrations.LEDGER, add_column]) == old + 1
    database.close()

    copy = ledger.with_name(f"ledger.db.v{old}.copy")
    assert (version(ledger), version(copy)) == (old + 1, old)
    assert "note" in columns(ledger, "account")
    assert "note" not in columns(copy, "account")
    before = Database(copy)
    assert Users(before).get("admin")
    before.close()


def test_a_step_that_fails_leaves_the_old_version_with_all_its_rows(ledger):
    database = Database(ledger)

    with pytest.raises(RuntimeError, match="step 3"):
        migrations.migrate(database, [*migrations.LEDGER, add_column, fail])

    assert Users(database).get("admin")
    database.close()
    assert version(ledger) == len(migrations.LEDGER)
    assert "note" not in columns(ledger, "account")
    assert columns(ledger, "event")


def test_a_newer_version_is_refused_and_says_what_to_do(ledger):
    database = Database(ledger)
    migrations.migrate(database, [*migrations.LEDGER, add_column])
    database.close()

    database = Database(ledger)
    with pytest.raises(
        StateTooNew, match=rf"start the newer raa .* put back the copy .*\.v{len(migrations.LEDGER)}\.copy"
    ):
        migrations.migrate(database, migrations.LEDGER)

    database.close()
    assert version(ledger) == len(migrations.LEDGER) + 1


def test_a_copy_that_was_put_back_is_taken_as_it_is(ledger, tmp_path):
    database = Database(ledger)
    migrations.migrate(database, [*migrations.LEDGER, add_column])
    database.close()
    for leftover in ledger.parent.glob("ledger.db-*"):
        leftover.unlink()

    ledger.with_name(f"ledger.db.v{len(migrations.LEDGER)}.copy").replace(ledger)

    database = Database(ledger)
    assert migrations.migrate(database, migrations.LEDGER) == len(migrations.LEDGER)
    assert Users(database).get("admin")
    database.close()


def test_the_ledger_is_opened_in_a_folder_that_only_its_owner_enters(tmp_path):
    from raa.app import load_settings

    database = open_ledger(load_settings(tmp_path / "fresh"))
    database.close()

    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o700


def test_step_3_gives_what_has_ended_an_end_and_what_is_open_none(tmp_path: Path) -> None:
    database = Database(tmp_path / "ledger.db")
    migrations.migrate(database, migrations.LEDGER[:2])
    made = [("queued", None), ("running", 5.0), ("cancelling", None), ("failed", None), ("succeeded", 7.0)]
    with database.write() as session:
        session.execute("INSERT INTO task (plugin) VALUES ('/hello/Hello')")
        session.execute(
            "INSERT INTO schedule (task_id, method, args, kind, rule, policy, state, created, created_by, resource) "
            "VALUES (1, 'm', '[]', 'now', '{}', '{}', 'done', 0, '', '')"
        )
        for number, (state, ended) in enumerate(made, 1):
            session.execute(
                "INSERT INTO occurrence (schedule_id, due, kind, state, reason) VALUES (1, ?, 'now', ?, '')",
                number,
                state,
            )
            session.execute(
                "INSERT INTO execution (occurrence_id, schedule_id, task_id, attempt, state, reason, queued, started, "
                "ended, message, started_by, worker, progress) VALUES (?, 1, 1, 1, ?, '', 3, 4, ?, '', '', '', '{}')",
                number,
                state,
                ended,
            )

    migrations.migrate(database, migrations.LEDGER)

    with database.read() as session:
        ends = [row["ended"] for row in session.rows("SELECT ended FROM execution ORDER BY id")]
    database.close()
    assert ends == [None, None, None, 4.0, 7.0]


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("UPDATE execution SET state='running' WHERE id=1", "running"),
        ("UPDATE execution SET state='cancelling' WHERE id=1", "queued"),
        ("UPDATE execution SET message='said' WHERE id=1", "queued"),
        (
            "INSERT INTO execution (occurrence_id, schedule_id, task_id, attempt, state, reason, queued, message, "
            "started_by, worker, progress) VALUES (1, 1, 1, 2, 'failed', '', 3, '', '', '', '{}')",
            "failed",
        ),
    ],
)
def test_an_occurrence_shows_the_state_of_its_latest_attempt(tmp_path: Path, statement: str, shown: str) -> None:
    database = Database(tmp_path / "ledger.db")
    migrations.migrate(database, migrations.LEDGER)
    order = Order(plugin="/hello/Hello", rule={"kind": "now", "zone": "UTC", "start": "2026-01-01T00:00:00Z"})
    Ledger(database).add(order, "now", 1.0, None)

    with database.write() as session:
        session.execute(statement)

    with database.read() as session:
        assert session.value("SELECT state FROM occurrence") == shown
    database.close()
