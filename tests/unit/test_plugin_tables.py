"""Plugin tables: the classic operations, their transactions, and nothing written on a GET."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from raa.db import migrations
from raa.db.connection import Database
from raa.db.database import DatabaseTable, PluginDatabase, readOp, writeOp
from raa.identity import Acting, acting_as
from raa.rpath_error import ConfigurationError, OperationFailed, WriteOnGet
from raa.testing.console import wait_for

GET = Acting(read_only=True)


class Things(DatabaseTable):
    name = "plugin_tests_things"
    createSQL = "CREATE TABLE plugin_tests_things (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"

    @writeOp
    def add(self, cu, text):
        cu.execute("INSERT INTO plugin_tests_things (text) VALUES (?)", text)
        return cu.lastrowid

    @writeOp
    def addAndFail(self, cu, text):
        cu.execute("INSERT INTO plugin_tests_things (text) VALUES (?)", (text,))
        raise KeyError(text)

    @writeOp
    def addBoth(self, cu, one, two):
        self.add(one)
        self.addAndFail(two)

    @readOp
    def texts(self, cu):
        return [row["text"] for row in cu.execute("SELECT text FROM plugin_tests_things ORDER BY id").fetchall_dict()]

    @readOp
    def first(self, cu):
        return cu.execute("SELECT id, text FROM plugin_tests_things ORDER BY id").fetchone_dict()

    @readOp
    def sneak(self, cu):
        cu.execute(" /* not a SELECT */ DELETE FROM plugin_tests_things")


class ThingsTwo(Things):
    tableVersion = 2

    def upgrade(self, cu, version):
        assert version == 1
        cu.execute("ALTER TABLE plugin_tests_things ADD COLUMN size INTEGER NOT NULL DEFAULT 7")

    @readOp
    def sizes(self, cu):
        return [row[0] for row in cu.execute("SELECT size FROM plugin_tests_things").fetchall()]


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[PluginDatabase]:
    opened = Database(tmp_path / "plugins.db")
    migrations.migrate(opened, migrations.PLUGINS)
    committed: list[int] = []
    database = PluginDatabase(opened, lambda: committed.append(1))
    database.committed = committed
    yield database
    opened.close()


@pytest.fixture
def things(plugins: PluginDatabase) -> Things:
    return Things(plugins)


def version(plugins: PluginDatabase) -> int:
    with plugins.database.read() as session:
        return session.value("SELECT version FROM plugin_table WHERE name=?", Things.name)


def test_a_table_is_made_once_and_keeps_its_rows(plugins, things):
    assert things.first() is None
    assert [things.add("one"), things.add("two")] == [1, 2]

    assert Things(plugins).texts() == ["one", "two"]
    assert things.first() == {"id": 1, "text": "one"}
    assert Things.name in plugins.tables


def test_an_operation_that_raises_leaves_nothing_behind(things):
    with pytest.raises(KeyError):
        things.addAndFail("lost")

    assert things.texts() == []


def test_operations_within_an_operation_are_one_transaction(things):
    with pytest.raises(KeyError):
        things.addBoth("one", "two")

    assert things.texts() == []


def test_each_operation_by_itself_is_kept_when_a_later_one_fails(things):
    """The control: without the outer operation the first of the two stays."""
    things.add("one")
    with pytest.raises(KeyError):
        things.addAndFail("two")

    assert things.texts() == ["one"]


def test_a_newer_plugin_upgrades_its_table_once(plugins, things):
    things.add("old")

    newer = ThingsTwo(plugins)

    assert (newer.sizes(), version(plugins)) == ([7], 2)
    assert ThingsTwo(plugins).sizes() == [7]


def test_an_upgrade_that_fails_leaves_table_and_version_as_they_were(plugins, things):
    class Broken(ThingsTwo):
        def upgrade(self, cu, version):
            super().upgrade(cu, version)
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        Broken(plugins)

    assert version(plugins) == 1
    assert ThingsTwo(plugins).sizes() == []


def test_an_older_plugin_does_not_touch_a_newer_table(plugins):
    ThingsTwo(plugins)

    with pytest.raises(OperationFailed, match="newer version"):
        Things(plugins)


def test_a_table_without_a_way_to_its_new_version_is_refused(plugins, things):
    class Careless(Things):
        tableVersion = 3

    with pytest.raises(ConfigurationError, match="no upgrade"):
        Careless(plugins)


@pytest.mark.parametrize(("name", "sql"), [("", "x"), ("a b", "x"), ("a;--", "x"), ("fine", "")])
def test_a_table_needs_a_plain_name_and_its_statement(plugins, name, sql):
    cls = type("Odd", (DatabaseTable,), {"name": name, "createSQL": sql})

    with pytest.raises(ConfigurationError):
        cls(plugins)


def test_on_a_get_reading_is_allowed_and_every_way_to_write_is_not(plugins, things):
    things.add("one")

    with acting_as(GET):
        assert things.texts() == ["one"]
        for write in (lambda: things.add("two"), things.sneak, plugins.transaction, plugins.cursor):
            with pytest.raises(WriteOnGet):
                write()

    assert things.texts() == ["one"]


def test_the_same_writes_are_allowed_when_it_is_no_get(plugins, things):
    """The control: only the reading request is what refuses them."""
    with acting_as(Acting(read_only=False)):
        things.add("two")
        things.sneak()
        plugins.cursor().execute("INSERT INTO plugin_tests_things (text) VALUES (?)", "three")
        plugins.commit()

    assert things.texts() == ["three"]


def test_a_transaction_by_hand_is_committed_or_rolled_back(plugins, things):
    for end in (plugins.rollback, plugins.commit):
        plugins.transaction().execute("INSERT INTO plugin_tests_things (text) VALUES (?)", end.__name__)
        assert things.texts() == [end.__name__]
        end()

    assert things.texts() == ["commit"]
    assert plugins.committed == [1]
    plugins.rollback()


def test_a_transaction_that_is_rolled_back_lets_the_next_writer_in(plugins, things):
    plugins.transaction().execute("INSERT INTO plugin_tests_things (text) VALUES ('x')")
    writer = threading.Thread(target=things.add, args=("after",))
    writer.start()

    plugins.rollback()

    wait_for(lambda: not writer.is_alive(), 10, "the other writer")
    assert things.texts() == ["after"]
