"""Frames: whole messages over a stream, however it is cut, and nothing that is none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raa import values
from raa.rpath_error import InvalidInput, OperationFailed
from raa.service import frames
from raa.service.frames import Channel, encode


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    ours, theirs = map(Channel, socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def sent(channel: Channel, data: bytes) -> None:
    """Write raw bytes from a thread, since a socket holds less than a large frame."""
    threading.Thread(target=channel.socket.sendall, args=(data,), daemon=True).start()


def test_messages_arrive_in_order_and_whole(pair):
    ours, theirs = pair

    for number in range(3):
        ours.send({"run": number, "args": [None, "ä", 2**40]})

    assert [theirs.receive() for _ in range(3)] == [{"run": n, "args": [None, "ä", 2**40]} for n in range(3)]


@settings(deadline=None, database=None, max_examples=50)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=3), max_size=6), st.integers(1, 7))
def test_a_stream_cut_anywhere_gives_the_same_messages(messages, size):
    left, right = socket.socketpair()
    with left, right:
        stream = b"".join(map(encode, messages))
        channel, found = Channel(right), []
        for begin in range(0, len(stream), size):
            left.sendall(stream[begin : begin + size])
            channel.fill()
            found += channel.messages()

    assert found == [values.check(message) for message in messages]


def test_the_end_of_the_stream_is_none_also_in_the_middle_of_a_message(pair):
    ours, theirs = pair

    ours.socket.sendall(encode({"done": {}})[:-1])
    ours.socket.shutdown(socket.SHUT_WR)

    assert theirs.receive() is None


def test_a_value_of_the_full_size_and_depth_fits_into_an_envelope(pair):
    ours, theirs = pair
    tower = "x" * (values.LIMIT - 2 - 2 * values.DEPTH)
    for _ in range(values.DEPTH):
        tower = [tower]
    assert len(values.to_json(tower)) == values.LIMIT
    message = {"run": {"schedId": 1, "execId": 2, "method": "echo", "args": [tower]}}

    sent(ours, encode(message))

    assert theirs.receive() == message


def test_a_message_that_may_not_cross_is_refused_before_a_byte_is_sent(pair):
    ours, theirs = pair

    for message in ({"done": {1, 2}}, {"done": "x" * frames.MAXIMUM}):
        with pytest.raises(InvalidInput):
            ours.send(message)
    ours.send({"next": 1})

    assert theirs.receive() == {"next": 1}


def test_a_frame_announced_too_large_is_refused_before_it_is_read(pair):
    ours, theirs = pair

    ours.socket.sendall((frames.MAXIMUM + 1).to_bytes(4, "big"))

    with pytest.raises(OperationFailed, match="at most"):
        theirs.receive()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"NaN", b'{"a":1,"a":2}', b"[" * 1000])
def test_a_frame_that_holds_no_value_is_refused(pair, body):
    ours, theirs = pair

    ours.socket.sendall(len(body).to_bytes(4, "big") + body)

    with pytest.raises(InvalidInput):
        theirs.receive()


def test_a_send_to_nobody_is_an_oserror(pair):
    ours, theirs = pair
    theirs.close()

    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        ours.send({"run": 1})
