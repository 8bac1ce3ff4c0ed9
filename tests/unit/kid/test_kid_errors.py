"""Errors while a page is rendered: their class, their text, and where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from raa import kid
from raa.kid import Template


class TwoArguments(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__("told")


def test_errors_keep_their_class_and_what_they_carry() -> None:
    def fail() -> None:
        error = KeyError("k")
        error.own = 5  # type: ignore[attr-defined]
        raise error

    with pytest.raises(KeyError) as caught:
        str(Template(source="<t>\n${f()}</t>", f=fail))

    assert (caught.value.args, caught.value.own, caught.value.line) == (("k",), 5, 2)
    assert str(caught.value) == "<template>, line 2: KeyError: 'k'"
    assert caught.value.excerpt() == ""


def test_an_error_that_cannot_be_made_anew_becomes_a_template_error() -> None:
    def fail() -> None:
        raise TwoArguments(1, 2)

    with pytest.raises(kid.TemplateError, match="<template>, line 1: TwoArguments: told"):
        str(Template(source="<t>${f()}</t>", f=fail))


def test_errors_of_raa_and_those_of_no_template_stay_as_they_are() -> None:
    from raa.rpath_error import WriteOnGet

    def fail() -> None:
        raise WriteOnGet("no")

    with pytest.raises(WriteOnGet) as caught:
        str(Template(source="<t>${f()}</t>", f=fail))
    assert str(caught.value) == "no"
    with pytest.raises(ValueError, match=r"^own$"):
        list(kid.BaseTemplate().transform(_failing()))


def _failing():  # type: ignore[no-untyped-def]
    yield kid.XML("<a/>")
    raise ValueError("own")


def test_an_error_in_a_template_within_another_names_the_inner_one(tmp_path: Path) -> None:
    (tmp_path / "inner.kid").write_text("<t>\n${1 / 0}</t>")

    with pytest.raises(ZeroDivisionError, match=r"^\S+inner.kid, line 2: ZeroDivisionError: division by zero$"):
        str(Template(source="<t>${t}</t>", t=Template(str(tmp_path / "inner.kid"))))
