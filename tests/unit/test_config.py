"""Configuration: what wins over what, and every error names its file and line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raa import config as configuration
from raa.app import load_settings
from raa.config import Config, parse
from raa.rpath_error import ConfigurationError

QUICK = settings(deadline=None, database=None, max_examples=300)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_sections_values_comments_and_continued_lines_are_read():
    text = """
    # a comment
[global]
server.socket_port = 8080
product.productName = "Größe"
list = [
    'a',
    ]
[/backup/Backup]
; another
keep : 3
"""

    assert parse(text, "x.cfg") == {
        "global": {"server.socket_port": 8080, "product.productName": "Größe", "list": ["a"]},
        "/backup/Backup": {"keep": 3},
    }


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("[global]\nname = value\n", 2, "quotes"),
        ("[global]\n\n# c\nname = [1,\n  2\n", 4, "cannot be read"),
        ("[global]\nthis is no setting\n", 2, "name = value"),
        ("name = 1\n", 1, "before any section"),
        ("[global]\na = 1\n[other]\n", 3, "no section"),
        ("[global]\na = __import__('os').system('id')\n", 2, "cannot be read"),
        ("[global]\na = " + "(" * 300 + "\n", 2, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_line(text, line, word):
    with pytest.raises(ConfigurationError, match=rf"^custom\.cfg, line {line}: .*{word}"):
        parse(text, "custom.cfg")


def test_a_file_that_is_missing_a_folder_or_no_text_is_named(tmp_path):
    (tmp_path / "latin.cfg").write_bytes(b"[global]\na = 1\nb = 'caf\xe9'\n")

    for path, words in [("none.cfg", "no such"), ("latin.cfg", "latin.cfg, line 3"), ("", "cannot be read")]:
        with pytest.raises(ConfigurationError, match=words) as caught:
            configuration.read(tmp_path / path)
        assert str(tmp_path) in str(caught.value)


@QUICK
@given(st.text(st.sampled_from("[]/=:#; \t\n'\"abc019.,(){}\\\x00é")) | st.text())
def test_no_text_makes_the_reader_crash(text):
    try:
        found = parse(text, "any.cfg")
    except ConfigurationError as error:
        assert str(error).startswith("any.cfg, line ")  # noqa: PT017
    else:
        assert all(name == "global" or name.startswith("/") for name in found)


@QUICK
@given(st.dictionaries(st.sampled_from(["a", "b.c", "d-e"]), st.integers() | st.text() | st.lists(st.booleans())))
def test_what_python_writes_is_read_back_the_same(values):
    text = "[global]\n" + "".join(f"{name} = {value!r}\n" for name, value in values.items())

    assert parse(text, "x")["global"] == values


def test_a_name_is_looked_up_in_the_class_then_the_plugin_then_global():
    config = Config().over(
        {"global": {"a": 1, "b": 1, "c": 1}, "/backup": {"a": 2, "b": 2}, "/backup/Backup": {"a": 3}}
    )

    assert [config.get(name, path="/backup/Backup") for name in "abc"] == [3, 2, 1]
    assert [config.get(name, path="/other/Other") for name in "abc"] == [1, 1, 1]
    assert config.get("a") == 1
    assert config.get("z", "none") == "none"


def test_a_plugins_file_wins_over_ours_custom_over_that_then_the_named_file_then_options(tmp_path):
    write(tmp_path / "plugins/probe/web/__init__.py", "")
    write(tmp_path / "plugins/probe/probe.cfg", "[global]\na = 'plugin'\nb = 'plugin'\nc = 'plugin'\nd = 'plugin'\n")
    write(
        tmp_path / "state/custom.cfg",
        f"[global]\nplugins.dirs = [{str(tmp_path / 'plugins')!r}]\nb = 'custom'\nc = 'custom'\nd = 'custom'\n",
    )
    extra = write(tmp_path / "extra.cfg", "[global]\nc = 'extra'\nd = 'extra'\nservice.timeout = 7.5\n")

    config = load_settings(tmp_path / "state", extra, {"d": "option"}).config

    assert [config.get(name) for name in "abcd"] == ["plugin", "custom", "extra", "option"]
    assert config.get("service.timeout") == 7.5
    assert config.get("service.answer_wait") == 5.0  # prod.cfg, which is below them all


def test_a_mistake_in_the_state_folder_stops_the_start_with_its_line(tmp_path):
    write(tmp_path / "custom.cfg", "[global]\nservice.max_runs = many\n")

    with pytest.raises(ConfigurationError, match=r"custom\.cfg, line 2"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("value", "kind", "good"),
    [(3, int, True), (True, int, False), ("3", int, False), (3, float, True), (1.5, float, True), (False, bool, True),
     (1, bool, False), (["a"], list, True), ("a", list, False), ("", str, True), (None, str, False)],
)  # fmt: skip
def test_a_directive_of_the_wrong_kind_is_refused_with_what_is_wanted(value, kind, good):
    config = Config().over({"global": {"x": value}})

    if good:
        assert config.typed("x", kind, kind()) == value
        return
    with pytest.raises(ConfigurationError, match=r"x = .* will not do: .* is wanted"):
        config.typed("x", kind, kind())


def test_a_config_cannot_be_changed_nor_changes_with_what_it_was_made_from():
    layer = {"global": {"a": 1}}
    config = Config().over(layer)
    layer["global"]["a"] = 2
    over = config.over({"global": {"a": 3}})

    assert (config.get("a"), over.get("a")) == (1, 3)
    with pytest.raises(TypeError):
        config.sections["global"]["a"] = 4
