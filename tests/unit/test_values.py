"""What may cross: every value that does comes back the same, everything else is refused with its path."""

from __future__ import annotations

import enum
import json
import math
import xmlrpc.client
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raa import values
from raa.rpath_error import InvalidInput

QUICK = settings(deadline=None, database=None, max_examples=200)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
#: text that needs no escape anywhere
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
ANY_TEXT = st.text(st.characters())


def nested(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    leaf = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | text
    return st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=20
    )


def received(value: object) -> Any:
    """Return what the standard library's client makes of our answer."""
    (found,), _ = xmlrpc.client.loads(values.to_xmlrpc(value))
    return found


def tower(height: int) -> Any:
    value: Any = 1
    for _ in range(height):
        value = [value]
    return value


@QUICK
@given(nested(PLAIN))
def test_json_returns_every_value_as_it_went(value):
    assert values.from_json(values.to_json(value)) == value


@QUICK
@given(nested(PLAIN))
def test_xmlrpc_returns_every_value_as_it_went(value):
    assert received(value) == value


@QUICK
@given(nested(ANY_TEXT))
def test_whatever_text_holds_it_is_sent_escaped_or_refused_but_never_breaks_the_document(value):
    try:
        checked = values.check(value)
    except InvalidInput as error:
        assert "two keys" in str(error)  # noqa: PT017 - the only refusal that text can cause
        return

    assert values.from_json(values.to_json(value)) == checked
    received(value)
    json.dumps(checked).encode("utf-8")


@QUICK
@given(st.text() | st.binary())
def test_what_is_no_json_is_refused_in_words_and_never_crashes(text):
    try:
        value = values.from_json(text)
    except InvalidInput as error:
        assert str(error)  # noqa: PT017
    else:
        assert values.check(value) == value


@pytest.mark.parametrize(
    ("number", "tag"),
    [(2**31 - 1, b"int"), (-(2**31), b"int"), (2**31, b"i8"), (-(2**31) - 1, b"i8"), (2**63 - 1, b"i8")],
)
def test_an_integer_that_needs_more_than_32_bits_is_an_i8(number, tag):
    assert b"<" + tag + b">" + str(number).encode() + b"</" + tag + b">" in values.to_xmlrpc(number)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (2**63, "64 bits"),
        (math.nan, "finite"),
        (-math.inf, "finite"),
        (b"bytes", "bytes"),
        ({1, 2}, "set"),
        (object(), "object"),
        (1j, "complex"),
        (datetime(2026, 1, 1), "zone"),
        ({1: "one"}, "key 1"),
        ({None: 1}, "key None"),
        ({"\udc80": 1, "\\x80": 2}, "two keys"),
    ],
)
def test_what_may_not_cross_is_refused_by_name(value, word):
    with pytest.raises(InvalidInput, match=word):
        values.check(value)


def test_a_refusal_names_the_path_of_the_offender():
    with pytest.raises(InvalidInput, match=r"^args\[1\]\['days'\]\[0\] is of type set"):
        values.check([0, {"days": [set()]}], "args")


def test_tuples_become_lists_and_text_and_numbers_lose_their_subclasses():
    class Shout(str):
        def __str__(self):
            return "SHOUT"

    class Level(enum.IntEnum):
        HIGH = 3

    checked = values.check(({"a": (1,)}, Level.HIGH, Shout("quiet")))

    assert checked == [{"a": [1]}, 3, "quiet"]
    assert [type(one) for one in checked] == [dict, int, str]


def test_times_become_aware_iso_strings():
    east = timezone(timedelta(hours=2))

    assert values.check(datetime(2026, 7, 1, 12, tzinfo=east)) == "2026-07-01T12:00:00+02:00"
    assert received([datetime(2026, 7, 1, tzinfo=UTC)]) == ["2026-07-01T00:00:00+00:00"]


def test_control_characters_and_undecodable_bytes_are_written_out_in_xml():
    assert received("\x1b[31mred\xff\x7f\x85") == "\\x1b[31mredÿ\\x7f\\x85"
    assert received({"\x00": b"caf\xe9".decode("utf-8", "surrogateescape")}) == {"\\x00": "caf\\xe9"}
    assert received("\ud800 \ufffe") == "\\ud800 \\ufffe"
    assert received("a\tb\nc\rd") == "a\tb\nc\rd"


def test_json_keeps_control_characters_but_no_lone_surrogate():
    assert values.from_json(values.to_json("\x1b\x00")) == "\x1b\x00"
    assert values.from_json('"\\ud800"') == "\\ud800"


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", "-Infinity", "1e999", '{"a":1,"a":2}', "9" * 5000, "", "{", b"\xff"]
)
def test_json_of_others_is_held_to_the_same_rules(text):
    with pytest.raises(InvalidInput):
        values.from_json(text)


def test_nesting_is_allowed_to_its_limit_and_no_further():
    assert values.from_json(values.to_json(tower(values.DEPTH))) == tower(values.DEPTH)
    with pytest.raises(InvalidInput, match="deeper than 50"):
        values.check(tower(values.DEPTH + 1))
    with pytest.raises(InvalidInput):
        values.from_json("[" * 200_000)


def test_a_value_of_one_megabyte_crosses_and_one_byte_more_does_not():
    largest = "x" * (values.LIMIT - 2)

    assert values.from_json(values.to_json(largest)) == largest
    with pytest.raises(InvalidInput, match="1000001 bytes"):
        values.to_json(largest + "x")
    with pytest.raises(InvalidInput, match="1000001 bytes"):
        values.from_json(f'"{largest}x"')


def test_the_checks_see_a_difference():
    """The control: the comparison that the round trips rest on does notice a value that was changed under way."""
    assert received([1, "two", None]) != [1, "two", ""]
    assert received(True) is not received(1)
