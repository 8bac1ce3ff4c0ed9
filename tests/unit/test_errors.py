"""Errors cross by name with their fields; what has no name on the other side arrives as RemoteError."""

from __future__ import annotations

import pytest

from raa import rpath_error, values
from raa.rpath_error import (
    InvalidInput,
    NotAllowed,
    OperationFailed,
    RaaError,
    RemoteError,
    TooManyAttempts,
    from_wire,
    to_wire,
)

TREE = sorted(rpath_error._tree(RaaError).values(), key=lambda cls: cls.__name__)


def crossed(error: BaseException) -> RaaError:
    """Send an error through the codec that every door uses."""
    return from_wire(values.from_json(values.to_json(to_wire(error))))


def test_the_tree_holds_the_classes_that_this_file_is_about():
    assert {InvalidInput, NotAllowed, OperationFailed, RemoteError, TooManyAttempts} < set(TREE)


@pytest.mark.parametrize("cls", TREE)
def test_every_class_arrives_as_itself_with_its_text(cls):
    arrived = crossed(cls("It is the third valve."))

    assert type(arrived) is cls
    assert str(arrived) == arrived.msg == "It is the third valve."


@pytest.mark.parametrize("cls", TREE)
def test_every_class_without_a_text_says_what_it_means(cls):
    assert str(crossed(cls())) == str(cls()) != ""


def test_fields_travel_with_their_error():
    refused = crossed(InvalidInput(problems={"day": "Choose a day.", "time": "Choose a time."}))

    assert refused.problems == {"day": "Choose a day.", "time": "Choose a time."}
    assert str(refused) == "Choose a day. Choose a time."
    assert crossed(TooManyAttempts("Wait.", retry_after=17)).retry_after == 17


@pytest.mark.parametrize("error", [ValueError("no good"), SystemExit(3), KeyboardInterrupt("stop"), KeyError("k")])
def test_any_other_exception_arrives_as_a_remote_error_that_names_its_class(error):
    arrived = crossed(error)

    assert type(arrived) is RemoteError
    assert arrived.original == type(error).__name__
    assert str(arrived) == str(error)


def test_an_exception_without_text_arrives_with_its_name():
    assert str(crossed(RuntimeError())) == "RuntimeError"


def test_a_plugins_own_subclass_arrives_as_the_class_of_ours_above_it():
    class TapeJammed(OperationFailed):
        """Not known to the other side."""

    class RemoteErrorOfAPlugin(InvalidInput):
        """Neither, and with fields of its own."""

        fields = ("problems", "secret")
        secret = object()

    assert type(crossed(TapeJammed("Open the lid."))) is OperationFailed
    assert type(crossed(RemoteErrorOfAPlugin(problems={"a": "b"}))) is InvalidInput


def test_a_class_that_only_bears_one_of_our_names_is_not_taken_for_ours():
    class NotAllowed(Exception):
        pass

    assert type(crossed(NotAllowed("no"))) is RemoteError


def test_an_exception_that_cannot_even_be_printed_still_crosses():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    assert (type(crossed(Mute())), str(crossed(Mute()))) == (RemoteError, "Mute")


def test_a_text_of_megabytes_is_cut_so_that_the_error_crosses():
    assert len(str(crossed(ValueError("x" * 3_000_000)))) == rpath_error.TEXT


@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"class": None, "text": None, "fields": None},
        {"class": "Exception", "text": "x"},
        {"class": "InvalidInput", "text": "x", "fields": {"problems": [1, 2]}},
        {"class": "InvalidInput", "text": "x", "fields": {"problems": 7}},
        {"class": "InvalidInput", "text": "x", "fields": {"msg": "y", "args": 1}},
        {"class": ["InvalidInput"], "text": {}, "fields": []},
    ],
)
def test_an_error_made_up_by_the_other_side_is_still_an_error_of_ours(wire):
    assert isinstance(from_wire(wire), RaaError)
