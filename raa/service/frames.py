"""Messages between console, spawner and worker: a length of four bytes, then JSON of values that may cross."""

from __future__ import annotations

import socket
from typing import Any

from raa import values
from raa.rpath_error import OperationFailed

#: the largest frame, and the deepest: a value is at most values.LIMIT and values.DEPTH, and an envelope adds a little
MAXIMUM = values.LIMIT + 65_536
DEPTH = values.DEPTH + 5


def encode(message: dict[str, Any]) -> bytes:
    """Return the bytes of one frame; raises `InvalidInput` for what may not cross."""
    body = values.to_json(message, "a message", limit=MAXIMUM, depth=DEPTH).encode()
    return len(body).to_bytes(4, "big") + body


class Channel:
    """One end of a stream socket that carries frames both ways; what comes from a `trusted` end is not judged again."""

    def __init__(self, sock: socket.socket, *, trusted: bool = False) -> None:
        self.socket = sock
        self._trusted = trusted
        self._buffer = bytearray()

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, message: dict[str, Any]) -> None:
        """Send one message; raises OSError when the other end is gone."""
        self.socket.sendall(encode(message))

    def receive(self) -> dict[str, Any] | None:
        """Wait for the next message; None when the other end has closed."""
        while True:
            message = self._take()
            if message is not None:
                return message
            if not self.fill():
                return None

    def fill(self) -> bool:
        """Read what is there (waiting for the first byte); False at the end of the stream."""
        try:
            data = self.socket.recv(262_144)
        except ConnectionError:
            return False
        self._buffer += data
        return bool(data)

    def messages(self) -> list[dict[str, Any]]:
        """Take the whole messages that have been read."""
        found = []
        while (message := self._take()) is not None:
            found.append(message)
        return found

    def _take(self) -> dict[str, Any] | None:
        if len(self._buffer) < 4:
            return None
        size = int.from_bytes(self._buffer[:4], "big")
        if size > MAXIMUM:
            raise OperationFailed(f"a message of {size} bytes was announced; at most {MAXIMUM} are taken")
        if len(self._buffer) < 4 + size:
            return None
        body = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        message: dict[str, Any] = (
            values.stored(body.decode("ascii")) if self._trusted else values.from_json(body, limit=MAXIMUM, depth=DEPTH)
        )
        return message

    def close(self) -> None:
        self.socket.close()
