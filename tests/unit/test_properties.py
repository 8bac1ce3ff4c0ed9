"""Properties: a plugin's typed keys and values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from raa.db import migrations
from raa.db.connection import Database
from raa.db.data import RDT_BOOL, RDT_INT, RDT_JSON, RDT_STRING
from raa.db.properties import Properties
from raa.rpath_error import InvalidInput


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "plugins.db")
    migrations.migrate(opened, migrations.PLUGINS)
    yield opened
    opened.close()


@pytest.fixture
def properties(plugins: Database) -> Properties:
    return Properties(plugins, "/toy/Toy")


@pytest.mark.parametrize(
    "value", [True, False, 0, -5, 2**40, "", "text", "Größe\x00\n", [1, "a", None], {"a": {"b": 1.5}}, None]
)
def test_properties_keep_value_and_type(properties, value):
    properties.set("key", value)

    found = properties.get("key", "absent")

    assert (found, type(found)) == (value, type(value))
    assert properties.all() == {"key": value}


def test_properties_are_overwritten_deleted_and_each_plugins_own(plugins, properties):
    other = Properties(plugins, "/other/Other")
    properties.set("key", 1)
    properties.set("key", "one")
    other.set("key", 2)

    assert (properties.get("key"), other.get("key")) == ("one", 2)
    assert properties.delete("key")
    assert not properties.delete("key")
    assert properties.get("key", "default") == "default"
    assert other.get("key") == 2


@pytest.mark.parametrize("key", ["a'b", 'a"b', "a%b_", "\\", "ü", "a\x00b", "x" * 10_000])
def test_any_text_is_a_key(properties, key):
    properties.set(key, 1)

    assert properties.get(key) == 1
    assert properties.get(key + "'") is None


@pytest.mark.parametrize(
    ("value", "kind"), [("x", RDT_INT), (1, RDT_STRING), ("yes", RDT_BOOL), ([], RDT_STRING), (1.5, RDT_INT)]
)
def test_a_value_of_another_type_than_stated_is_refused(properties, value, kind):
    with pytest.raises(InvalidInput, match="another type"):
        properties.set("key", value, kind)

    assert properties.all() == {}


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), "x" * 1_000_001, b"bytes"])
def test_what_may_not_cross_is_no_property_either(properties, value):
    with pytest.raises(InvalidInput):
        properties.set("key", value, RDT_JSON)
